"""What the image-text models keep beyond the contract of every model: any finding of the vocabulary can be asked for, in any order."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.zoo import _remote_code
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")
NAMES = ("biovil", "biovil_t", "chexagent", "chexzero", "gloria", "hf_image_text", "medclip", "medgemma", "medsiglip", "open_clip")
# Two in another order than any upstream, one that no upstream knows, one that is no pathology.
ASKED = ("Pneumothorax", "Edema", "Scoliosis", "No Finding")


@pytest.fixture(scope="module", params=NAMES)
def twin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    if missing := ZOO.missing(request.param):
        pytest.skip(f"{request.param} needs {', '.join(missing)}")
    return ZOO.get(request.param), import_module(f"twins.{request.param}").write(tmp_path_factory.mktemp(request.param) / "twin")


def load(model: Any, folder: Path, **options: Any) -> Any:
    if "trust_remote_code" in model.Options.model_fields:
        options |= {"trust_remote_code": True, "snapshot_sha256": _remote_code.digest(folder)}
    return model.load(folder, model.Options(**options), CPU)


def test_columns_follow_the_names(twin: tuple[Any, Path]) -> None:
    one, other = (load(*twin, findings=asked) for asked in (ASKED, ASKED[::-1]))
    assert (one.findings, other.findings) == (ASKED, ASKED[::-1])
    prepared = one.prepare(np.random.default_rng(0).integers(0, 256, (330, 360), np.uint8))[None]
    found = one.score(prepared)
    assert found.unique().numel() == len(ASKED)
    torch.testing.assert_close(found.flip(1), other.score(prepared), rtol=1e-5, atol=1e-6)


def test_without_options_upstreams_findings_are_scored(twin: tuple[Any, Path]) -> None:
    assert load(*twin).findings == twin[0].findings
    assert twin[0].card.quirks
