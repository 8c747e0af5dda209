"""GLoRIA's folder: a Lightning checkpoint with its configuration as an object, and a vocabulary."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from twins import _parts

WIDTH = 64


def write(folder: Path) -> Path:
    """The folder."""
    folder.mkdir(parents=True, exist_ok=True)
    # Upstream's is an OmegaConf object; any object stops a reader of tensors alone.
    checkpoint = {"epoch": 1, "hyper_parameters": argparse.Namespace(phase="pretrain"), "state_dict": state()}
    torch.save(checkpoint, folder / "chexpert_resnet50.ckpt")
    _parts.vocabulary(folder)
    return folder


def state() -> dict[str, Tensor]:
    resnet = {key: tensor for key, tensor in _parts.resnet(0).state_dict().items() if not key.startswith("fc.")}
    torch.manual_seed(5)
    return {
        **_parts.prefixed("gloria.text_encoder.model.", _parts.bert(1, layers=5).state_dict()),
        **_parts.prefixed("gloria.img_encoder.model.", resnet),
        "gloria.img_encoder.global_embedder.weight": torch.randn(WIDTH, 2048) / 40,
        "gloria.img_encoder.global_embedder.bias": torch.randn(WIDTH),
        "gloria.img_encoder.local_embedder.weight": torch.randn(WIDTH, 1024, 1, 1) / 30,
    }
