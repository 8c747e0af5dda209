"""Files that hang, crash or eat memory cost themselves alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from dicoms import gradient, make_dicom

from pipeline.base.settings import Decode
from pipeline.decode.film import Decoded, FilmError
from pipeline.decode.workers import _outcome, decode_all, open_pool

SETTINGS = Decode(workers=1, memory_mb=512)


def hungry() -> int:
    try:
        return len(bytearray(2**31))
    except MemoryError as error:
        raise FilmError("too_large") from error


def test_a_dead_a_slow_and_a_hungry_worker_cost_their_own_file(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "good.dcm")
    with open_pool(SETTINGS) as pool:
        doomed = [pool.schedule(os._exit, args=(3,)), pool.schedule(time.sleep, args=(60,), timeout=0.5), pool.schedule(hungry)]
        results = list(decode_all(pool, [(path, False)], SETTINGS))
        assert [_outcome(future) for future in doomed] == ["decoder_crashed", "decode_timeout", "too_large"]
    assert isinstance(results[0], Decoded)


@pytest.mark.parametrize("megapixels", [1e-4])
def test_reasons_come_back_in_order(tmp_path: Path, megapixels: float) -> None:
    good, big = make_dicom(tmp_path / "a.dcm", gradient(8, 8)), make_dicom(tmp_path / "b.dcm", gradient(40, 32))
    empty = tmp_path / "c.dcm"
    empty.write_bytes(b"")
    settings = Decode(workers=1, max_megapixels=megapixels)
    with open_pool(settings) as pool:
        found = list(decode_all(pool, [(path, False) for path in (good, big, empty)], settings))
    assert isinstance(found[0], Decoded)
    assert found[1] == "too_large"
    assert found[2] == "undecodable_pixels"
