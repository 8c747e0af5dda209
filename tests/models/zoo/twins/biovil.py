"""BioViL's folder: the image model of hi-ml-multimodal and CXR-BERT as transformers stores it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from twins import _parts

WIDTH, PLANES = 8, 2048


def write(folder: Path, name: str = "biovil_image_resnet50_proj_size_128.pt", planes: int = PLANES) -> Path:
    """The folder."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(image_state(planes), folder / name)
    torch.save(text_state(), folder / "pytorch_model.bin")
    _parts.bert(1).config.to_json_file(folder / "config.json", use_diff=False)
    _parts.vocabulary(folder)
    return folder


def image_state(planes: int = PLANES) -> dict[str, Tensor]:
    torch.manual_seed(2)
    projector = torch.nn.Sequential(
        torch.nn.Conv2d(planes, WIDTH, 1, bias=False), torch.nn.BatchNorm2d(WIDTH), torch.nn.ReLU(), torch.nn.Conv2d(WIDTH, WIDTH, 1)
    )
    return _parts.prefixed("encoder.encoder.", _parts.resnet(0).state_dict()) | _parts.prefixed("projector.model.", projector.state_dict())


def text_state() -> dict[str, Tensor]:
    bert = _parts.bert(1)
    torch.manual_seed(3)
    head = {
        "dense_to_hidden.weight": torch.randn(WIDTH, 64),
        "dense_to_hidden.bias": torch.randn(WIDTH),
        "LayerNorm.weight": torch.rand(WIDTH),
        "LayerNorm.bias": torch.randn(WIDTH),
        "dense_to_output.weight": torch.randn(WIDTH, WIDTH),
        "dense_to_output.bias": torch.randn(WIDTH),
    }
    masked_words = {"cls.predictions.bias": torch.zeros(len(_parts.VOCABULARY)), "bert.embeddings.position_ids": torch.arange(128)[None]}
    encoder = {key: tensor for key, tensor in bert.state_dict().items() if not key.startswith("pooler.")}
    return _parts.prefixed("bert.", encoder) | _parts.prefixed("cls_projection_head.", head) | masked_words
