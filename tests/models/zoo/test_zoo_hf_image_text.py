from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from twins import hf_image_text as twin

from models.zoo import medsiglip
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: twin.write(tmp_path_factory.mktemp(kind), kind) for kind in ("clip", "siglip")}


def film(height: int = 60, width: int = 80, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def load(name: str, path: Path, **options: Any) -> Any:
    model = ZOO.get(name)
    return model.load(path, model.Options(**options), CPU)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_scores_are_transformers_own_logits_without_scale_and_bias(folders: dict[str, Path], kind: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('["Edema"]\npositive = ["pulmonary edema"]\nnegative = ["no evidence of edema"]\n')
    scorer = load("hf_image_text", folders[kind], findings=("Edema",), prompts=own)
    films = torch.stack([scorer.prepare(film(seed=seed)) for seed in range(3)])

    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    network, tokenizer = AutoModel.from_pretrained(folders[kind]).eval(), AutoTokenizer.from_pretrained(folders[kind])
    processor = AutoImageProcessor.from_pretrained(folders[kind], backend="pil")
    images = [Image.fromarray(film(seed=seed)).convert("RGB") for seed in range(3)]
    upstream = processor(images=images, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(films, upstream)
    texts = tokenizer(["pulmonary edema", "no evidence of edema"], padding="max_length", max_length=24, return_tensors="pt")
    # The model card of SigLIP: padding to full length, and no mask.
    mask = {"attention_mask": texts["attention_mask"]} if kind == "clip" else {}
    with torch.no_grad():
        logits = network(input_ids=texts["input_ids"], pixel_values=upstream, **mask).logits_per_image
        cosines = (logits - (network.logit_bias if kind == "siglip" else 0)) / network.logit_scale.exp()
    torch.testing.assert_close(scorer.score(films)[:, 0], cosines[:, 0] - cosines[:, 1], rtol=0, atol=1e-5)
    assert scorer.score(films).unique().numel() == 3


def test_clips_padding_changes_nothing(folders: dict[str, Path]) -> None:
    """CLIP's own processor pads to the longest text of a batch."""
    from transformers import AutoModel, AutoTokenizer

    network, tokenizer = AutoModel.from_pretrained(folders["clip"]).eval(), AutoTokenizer.from_pretrained(folders["clip"])
    full, short = (tokenizer(["no edema"], padding=how, max_length=24, return_tensors="pt") for how in ("max_length", "longest"))
    with torch.no_grad():
        found = [network.get_text_features(one["input_ids"], one["attention_mask"]).pooler_output for one in (full, short)]
    assert full["input_ids"].shape != short["input_ids"].shape
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-5)


def test_weights_that_are_missing_are_not_drawn_at_random(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = twin.write(tmp_path / "clip")
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"lacks 1 weights of the network, such as visual_projection\.weight"):
        load("hf_image_text", folder)


def test_a_folder_without_what_is_needed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        load("hf_image_text", tmp_path / "absent")
    with pytest.raises(InputError, match="cannot load AutoModel"):
        load("hf_image_text", tmp_path)


def test_a_model_that_wants_more_than_pixels_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    from transformers import Siglip2Config, Siglip2Model

    other = Path(shutil.copytree(folders["siglip"], tmp_path / "siglip2"))
    vision = {key: value for key, value in twin.VISION.items() if key != "image_size"} | {"num_patches": 4}
    Siglip2Model(
        Siglip2Config(text_config={**twin.TEXT, "max_position_embeddings": 24, "projection_size": 16}, vision_config=vision)
    ).save_pretrained(other)
    with pytest.raises(InputError, match="wants more than pixels"):
        load("hf_image_text", other)
    with pytest.raises(InputError, match="no fixed height"):
        load("medsiglip", folders["clip"])


def test_code_of_a_folder_is_never_run(tmp_path: Path) -> None:
    folder = twin.write(tmp_path / "clip")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(InputError, match="cannot load AutoModel"):
        load("hf_image_text", folder)
    assert not (tmp_path / "ran").exists()


def test_medsiglip_resizes_as_its_evaluation(folders: dict[str, Path]) -> None:
    # OpenCV's bilinear in float32 has the same half-pixel centres and does not smooth either.
    ours = np.asarray(medsiglip.resize(Image.fromarray(film(900, 700)), 448), int)
    assert np.abs(ours - cv2.resize(film(900, 700).astype(np.float32), (448, 448), interpolation=cv2.INTER_LINEAR)).max() < 1.05
    smooth = np.asarray(Image.fromarray(film(900, 700)).resize((448, 448), Image.Resampling.BILINEAR), int)
    assert np.abs(ours - smooth).max() > 20
    scorer = load("medsiglip", folders["siglip"])
    found = scorer.prepare(film())
    expected = np.asarray(medsiglip.resize(Image.fromarray(film()), 28), np.float32) / 255 * 2 - 1
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-6)
    assert scorer.score(found[None]).shape == (1, 14)
