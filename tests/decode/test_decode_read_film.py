"""A film as models are shown it at once: full size, the file's own grey values."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.base import images
from pipeline.base.settings import Decode
from pipeline.decode.film import FilmError, decode_film, read_film
from pipeline.sample import make


def test_a_picture_keeps_its_grey_values(tmp_path: Path) -> None:
    # Neither end of the scale is reached, so that a stretch would show.
    film = np.random.default_rng(0).integers(20, 200, (90, 70), np.uint8)
    for name, stored in (("eight.png", film), ("sixteen.png", film.astype(np.uint16) * 257)):
        cv2.imwrite(str(tmp_path / name), stored)
        np.testing.assert_array_equal(read_film(tmp_path / name, Decode(size_px=32)), film)


def test_dicom_is_the_film_that_is_stored_at_full_size(tmp_path: Path) -> None:
    export, compared = make(tmp_path / "hospital", 6, 0).export, 0
    for path in sorted(export.rglob("*.dcm")):
        try:
            stored = decode_film(path, Decode(size_px=0))
        except FilmError:
            continue
        if not stored.n_text_lines:
            np.testing.assert_array_equal(read_film(path, Decode()), images.decode(stored.pixels))
            compared += 1
    assert compared > 3


def test_what_is_no_film_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"nothing of a film" * 20)
    with pytest.raises(FilmError) as refused:
        read_film(tmp_path / "a.dcm", Decode())
    assert refused.value.reason == "undecodable_pixels"
