from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("open_clip", reason="pip install open-clip-torch")

from twins import open_clip as twin

from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: twin.write(tmp_path_factory.mktemp(kind), kind) for kind in ("clip", "bert")}


def film(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (60, 80), np.uint8)


def load(path: Path, **options: Any) -> Any:
    model = ZOO.get("open_clip")
    return model.load(path, model.Options(**options), CPU)


def rewritten(folder: Path, **text: Any) -> None:
    told = json.loads((folder / "open_clip_config.json").read_text())
    told["model_cfg"]["text_cfg"] |= text
    (folder / "open_clip_config.json").write_text(json.dumps(told))


@pytest.mark.parametrize("kind", ["clip", "bert"])
def test_scores_are_open_clips_own(folders: dict[str, Path], kind: str, tmp_path: Path) -> None:
    import open_clip

    own = tmp_path / "own.toml"
    own.write_text('["Edema"]\npositive = ["pulmonary edema", "mild edema"]\nnegative = ["no evidence of edema"]\n')
    scorer = load(folders[kind], findings=("Edema",), prompts=own)
    films = torch.stack([scorer.prepare(film(seed)) for seed in range(3)])
    source = folders[kind] if kind == "clip" else twin.write(tmp_path / "copy", kind)
    if kind == "bert":
        rewritten(source, hf_model_name=str(source))
    network, pixels = open_clip.create_model_from_pretrained(f"local-dir:{source}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{source}")
    theirs = torch.stack([pixels(Image.fromarray(film(seed))) for seed in range(3)])
    torch.testing.assert_close(films, theirs)
    with torch.no_grad():
        images = network.eval().encode_image(theirs, normalize=True)
        positive = network.encode_text(tokenizer(["pulmonary edema", "mild edema"]), normalize=True).mean(0)
        negative = network.encode_text(tokenizer(["no evidence of edema"]), normalize=True)[0]
    expected = images @ (positive / positive.norm()) - images @ negative
    torch.testing.assert_close(scorer.score(films)[:, 0], expected, rtol=0, atol=1e-5)
    assert expected.unique().numel() == 3


def test_a_text_tower_is_not_fetched_by_its_name(tmp_path: Path) -> None:
    folder = twin.write(tmp_path / "bert", "bert")
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"is a somewhere/biomedbert, and bert holds no config\.json"):
        load(folder)


def test_a_folder_cannot_have_its_code_run(tmp_path: Path) -> None:
    folder = twin.write(tmp_path / "bert", "bert")
    rewritten(folder, tokenizer_kwargs={"trust_remote_code": True})
    with pytest.raises(InputError, match="trust_remote_code, which is not passed on"):
        load(folder)


def test_prompts_are_not_cut(folders: dict[str, Path], tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(f'["Edema"]\npositive = ["{"edema " * 40}"]\nnegative = ["none"]\n')
    for kind in ("clip", "bert"):
        with pytest.raises(InputError, match="more than 32 tokens"):
            load(folders[kind], findings=("Edema",), prompts=own)


def test_weights_must_fit(tmp_path: Path) -> None:
    folder = twin.write(tmp_path / "clip")
    weights = torch.load(folder / "open_clip_pytorch_model.bin", weights_only=True)
    del weights["visual.proj"]
    torch.save(weights, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(InputError, match=r"1 tensors missing \(such as visual\.proj\)"):
        load(folder)
