from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize
from torchvision.transforms import Compose, Normalize, Resize, ToTensor
from twins import _parts
from twins import medclip as twin

from models.zoo import _medclip, _prompts
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {tower: twin.write(tmp_path_factory.mktemp(tower), tower) for tower in ("resnet", "swin")}


def film(height: int = 300, width: int = 240, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def load(path: Path, **options: Any) -> Any:
    model = ZOO.get("medclip")
    return model.load(path, model.Options(**options), CPU)


def test_films_become_what_upstream_makes_of_them() -> None:
    square = Image.new("L", (300, 300))
    square.paste(Image.fromarray(film()), (30, 0))
    # dataset.ZeroShotImageDataset
    evaluation = Compose([Resize((224, 224)), ToTensor(), Normalize([0.5862785803043838], [0.27950088968644304])])
    torch.testing.assert_close(_medclip.prepare(film(), "bilinear"), evaluation(square).expand(3, 224, 224))
    # dataset.MedCLIPFeatureExtractor: Pillow's bicubic, then x / 255, less mean, over std
    grey = (np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC), np.float32) / 255 - 0.5862785803043838) / 0.27950088968644304
    np.testing.assert_allclose(_medclip.prepare(film(), "bicubic")[1].numpy(), grey, atol=1e-6)
    # Smaller films are padded to 224, not enlarged.
    assert (_medclip.prepare(film(100, 80), "bicubic")[0, 0] == _medclip.prepare(np.zeros((1, 1), np.uint8), "bicubic")[0, 0]).all()


@pytest.mark.parametrize("tower", ["resnet", "swin"])
def test_scores_are_the_mean_of_upstreams_logits(folders: dict[str, Path], tower: str) -> None:
    """`PromptClassifier.forward` by hand: towers of torchvision and transformers, averages over all tokens."""
    found = load(folders[tower], findings=("Edema", "Pneumonia"))
    films = torch.stack([found.prepare(film(seed=seed)) for seed in range(2)])
    state = torch.load(folders[tower] / "pytorch_model.bin", weights_only=True)
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(str(folders[tower] / "vocab.txt"), lowercase=True)
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(list(_prompts.grid("Edema", "medclip")))
    ids, mask = torch.tensor([one.ids for one in encoded]), torch.tensor([one.attention_mask for one in encoded])
    assert (mask == 0).any()
    with torch.no_grad():
        hidden = _parts.bert(1, layers=3)(ids, mask, output_hidden_states=True).hidden_states
        text = (
            torch.stack([hidden[1], hidden[2], hidden[3]]).permute(1, 0, 2, 3).mean(2).mean(1)
            @ state["text_model.projection_head.weight"].T
        )
        if tower == "resnet":
            network = _parts.resnet(0)
            network.fc = torch.nn.Linear(2048, twin.WIDTH, bias=False)
            network.fc.weight.data = state["vision_model.model.fc.weight"]
            image = network(films)
        else:
            image = twin.swin_network()(films).pooler_output @ state["vision_model.projection_head.weight"].T
    logits = normalize(image, dim=-1) @ normalize(text, dim=-1).T * np.exp(4.6052)
    torch.testing.assert_close(found.score(films)[:, 0], logits.mean(1), rtol=0, atol=1e-3)
    torch.testing.assert_close(
        load(folders[tower], findings=("Edema",), pooling="max").score(films)[:, 0], logits.amax(1), rtol=0, atol=1e-3
    )
    torch.testing.assert_close(found.score(films[1:]), found.score(films)[1:], rtol=0, atol=1e-3)


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    folder = twin.write(tmp_path / "swin", "swin")
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    torch.save({key: tensor for key, tensor in state.items() if "layernorm_after" not in key}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="4 missing"):
        load(folder)
    torch.save({key: tensor for key, tensor in state.items() if key != "logit_scale"}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="no tensor 'logit_scale'"):
        load(folder)
    (folder / "vocab.txt").unlink()
    with pytest.raises(InputError, match=r"holds no vocab\.txt"):
        load(folder)
