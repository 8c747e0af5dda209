"""Every published model keeps the contract, on a twin: a tiny random network in upstream's file layout, through the same loader.

The twin of NAME is `twins/NAME.py` with `write(folder) -> Path`, which answers what a user would give as the checkpoint.
`options(checkpoint) -> dict` names options that the twin needs, if any. Nothing else is to be edited.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from pipeline.base import findings
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO, ScoreKind

CPU = torch.device("cpu")
TENSORS = (".pt", ".pth", ".tar", ".bin", ".ckpt", ".safetensors")
FOREIGN = "layer.of.another.model"


def loaded(name: str, checkpoint: Path, device: torch.device = CPU) -> Any:
    return ZOO.get(name).load(checkpoint, options(name, checkpoint), device)


def options(name: str, checkpoint: Path) -> Any:
    twin, declared = import_module(f"twins.{name}"), ZOO.get(name).Options
    if hasattr(twin, "options"):
        return declared(**twin.options(checkpoint))
    if "trust_remote_code" in declared.model_fields:
        digest = import_module("models.zoo._remote_code").digest(checkpoint)
        return declared(trust_remote_code=True, snapshot_sha256=digest)
    return declared()


@pytest.fixture(scope="module", params=ZOO.names())
def twin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    if missing := ZOO.missing(request.param):
        pytest.skip(f"{request.param} needs {', '.join(missing)}")
    return request.param, import_module(f"twins.{request.param}").write(tmp_path_factory.mktemp(request.param) / "twin")


def films() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (300 + 40 * row, 340 - 30 * row), np.uint8) for row in range(3)]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_scores_are_finite_repeatable_and_independent_of_the_batch(twin: tuple[str, Path], device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    scorer = loaded(*twin, torch.device(device))
    prepared = torch.stack([scorer.prepare(film) for film in films()])
    assert prepared.device == CPU
    found = scorer.score(prepared)
    assert (found.shape, found.dtype, found.device) == ((3, len(scorer.findings)), torch.float32, CPU)
    assert found.isfinite().all()
    assert not torch.equal(found[0], found[1])
    assert torch.equal(scorer.score(prepared), found)
    alone = torch.cat([scorer.score(one[None]) for one in prepared])
    torch.testing.assert_close(alone, found, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loaded(*twin, torch.device(device)).score(prepared), found, rtol=1e-4, atol=1e-5)


def test_what_is_scored_has_names_and_a_kind(twin: tuple[str, Path]) -> None:
    scorer = loaded(*twin)
    assert scorer.findings
    assert len(set(scorer.findings)) == len(scorer.findings)
    assert set(scorer.findings) <= set(findings.NAMES)
    assert scorer.score_kind in get_args(ScoreKind)
    found = scorer.score(torch.stack([scorer.prepare(film) for film in films()]))
    if scorer.score_kind in ("probability", "yes_no", "op_normalised"):
        assert ((found >= 0) & (found <= 1)).all()


def test_a_constant_film_has_a_score(twin: tuple[str, Path]) -> None:
    scorer = loaded(*twin)
    for grey in (0, 255):
        assert scorer.score(scorer.prepare(np.full((60, 320), grey, np.uint8))[None]).isfinite().all()


def test_the_card_is_complete(twin: tuple[str, Path]) -> None:
    model = ZOO.get(twin[0])
    for part in ("title", "licence", "weights", "input", "trained_on"):
        assert getattr(model.card, part), part
    assert model.card.citation or twin[0] == "trained"
    assert set(model.findings) <= set(findings.NAMES)
    assert ZOO.describe(twin[0])
    assert all(field.description for field in model.Options.model_fields.values())


def test_an_unknown_option_is_refused(twin: tuple[str, Path]) -> None:
    with pytest.raises(ValidationError):
        ZOO.get(twin[0]).Options(no_such_option=1)


def test_another_models_checkpoint_is_refused(twin: tuple[str, Path], tmp_path: Path) -> None:
    checkpoint, files = copied(twin[1], tmp_path)
    for path in files:
        state = {FOREIGN: torch.zeros(2, 2)}
        if path.suffix == ".safetensors":
            save_file(state, path)
        else:
            torch.save(state, path)
    with pytest.raises(InputError) as refused:
        loaded(twin[0], checkpoint)
    assert refused.value.remedy
    assert FOREIGN in str(refused.value) or any(path.name in str(refused.value) for path in [checkpoint, *files])


def test_a_damaged_checkpoint_is_refused(twin: tuple[str, Path], tmp_path: Path) -> None:
    checkpoint, files = copied(twin[1], tmp_path)
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError):
        loaded(twin[0], checkpoint)


def test_a_checkpoint_that_is_not_there_is_refused(twin: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        loaded_anyhow(twin[0], tmp_path / "nothing.pt")


def loaded_anyhow(name: str, checkpoint: Path) -> Any:
    """With the options of no twin: their digest needs a folder."""
    return ZOO.get(name).load(checkpoint, ZOO.get(name).Options(), CPU)


def copied(checkpoint: Path, to: Path) -> tuple[Path, list[Path]]:
    """A checkpoint elsewhere, and its files of tensors."""
    new = to / checkpoint.name
    if checkpoint.is_file():
        shutil.copy(checkpoint, new)
        return new, [new]
    shutil.copytree(checkpoint, new)
    return new, [path for path in sorted(new.rglob("*")) if path.suffix in TENSORS]


def test_listing_the_models_imports_no_torch() -> None:
    code = (
        "import sys; from pipeline.base.interfaces import ZOO; ZOO.names(); "
        "print([name for name in ('torch', 'torchvision', 'transformers', 'cv2') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
