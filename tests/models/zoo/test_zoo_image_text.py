"""What every image-text model of the zoo keeps, on its twin."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.zoo import _remote_code
from pipeline.base import findings
from pipeline.base.interfaces import ZOO

NAMES = ("biovil", "biovil_t", "chexagent", "chexzero", "gloria", "hf_image_text", "medclip", "medgemma", "medsiglip", "open_clip")
# Two in another order than any upstream, one that no upstream knows, one that is no pathology.
ASKED = ("Pneumothorax", "Edema", "Scoliosis", "No Finding")


@pytest.fixture(scope="module", params=NAMES)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    if ZOO.missing(request.param):
        pytest.skip(f"{request.param} needs {', '.join(ZOO.missing(request.param))}")
    folder = import_module(f"twins.{request.param}").write(tmp_path_factory.mktemp(request.param) / "snapshot")
    return ZOO.get(request.param), folder


def options(model: Any, folder: Path, **more: Any) -> Any:
    trust = (
        {"trust_remote_code": True, "snapshot_sha256": _remote_code.digest(folder)}
        if "trust_remote_code" in model.Options.model_fields
        else {}
    )
    return model.Options(**trust, **more)


def exact(model: Any) -> dict[str, str]:
    """Rounding to bfloat16 depends on the batch."""
    return {"precision": "float32"} if "precision" in model.Options.model_fields else {}


def films(n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (330 + 40 * row, 360 - 20 * row), np.uint8) for row in range(n)]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_scores_are_finite_named_repeatable_and_independent_of_the_batch(loaded: tuple[Any, Path], device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    model, folder = loaded
    scorer = model.load(folder, options(model, folder, findings=ASKED, **exact(model)), torch.device(device))
    assert scorer.findings == ASKED
    prepared = torch.stack([scorer.prepare(film) for film in films(3)])
    assert prepared.device.type == "cpu"
    found = scorer.score(prepared)
    assert (found.shape, found.dtype, found.device.type) == ((3, 4), torch.float32, "cpu")
    assert found.isfinite().all()
    assert not torch.equal(found[0], found[1])
    assert torch.equal(scorer.score(prepared), found)
    alone = torch.cat([scorer.score(one[None]) for one in prepared])
    torch.testing.assert_close(alone, found, rtol=1e-4, atol=1e-5)
    if scorer.score_kind == "yes_no":
        assert ((found > 0) & (found < 1)).all()


def test_columns_follow_the_names(loaded: tuple[Any, Path]) -> None:
    model, folder = loaded
    one, other = (model.load(folder, options(model, folder, findings=asked), torch.device("cpu")) for asked in (ASKED, ASKED[::-1]))
    prepared = one.prepare(films(1)[0])[None]
    torch.testing.assert_close(one.score(prepared).flip(1), other.score(prepared), rtol=1e-5, atol=1e-6)


def test_without_options_upstreams_findings_are_scored(loaded: tuple[Any, Path]) -> None:
    model, folder = loaded
    assert model.load(folder, options(model, folder), torch.device("cpu")).findings == model.findings
    assert set(model.findings) <= set(findings.NAMES)
    for field in ("title", "licence", "citation", "weights", "input", "trained_on"):
        assert getattr(model.card, field)
    assert model.card.quirks


def test_a_constant_film_has_a_score(loaded: tuple[Any, Path]) -> None:
    model, folder = loaded
    scorer = model.load(folder, options(model, folder), torch.device("cpu"))
    for grey in (0, 255):
        assert scorer.score(scorer.prepare(np.full((50, 300), grey, np.uint8))[None]).isfinite().all()


def test_listing_the_models_imports_no_torch() -> None:
    code = (
        "import sys; from pipeline.base.interfaces import ZOO; ZOO.names(); "
        "print([name for name in ('torch', 'transformers', 'open_clip', 'cv2') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
