"""MedCLIP's folder, with either image tower, in the names of transformers 4.23."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from twins import _parts

WIDTH = 12
# Names of the Swin in transformers 4 -> those of transformers 5.
SWIN = {
    "attention.self.query": "attention.q_proj",
    "attention.self.key": "attention.k_proj",
    "attention.self.value": "attention.v_proj",
    "attention.self.relative_position_bias_table": "attention.relative_position_bias.relative_position_bias_table",
    "attention.output.dense": "attention.o_proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}


def write(folder: Path, tower: str = "resnet") -> Path:
    """The folder."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    texts = {
        **_parts.prefixed("text_model.model.", _parts.bert(1, layers=3).state_dict()),
        "text_model.model.embeddings.position_ids": torch.arange(128)[None],
        "text_model.projection_head.weight": torch.randn(WIDTH, 64),
        "logit_scale": torch.tensor(5.0),
    }
    torch.save(texts | (resnet() if tower == "resnet" else swin()), folder / "pytorch_model.bin")
    _parts.vocabulary(folder)
    return folder


def resnet() -> dict[str, Tensor]:
    network = _parts.resnet(0)
    torch.manual_seed(8)
    network.fc = torch.nn.Linear(2048, WIDTH, bias=False)
    return _parts.prefixed("vision_model.model.", network.state_dict())


def swin_network() -> torch.nn.Module:
    from transformers import SwinConfig, SwinModel

    torch.manual_seed(9)
    network = SwinModel(SwinConfig(image_size=224, patch_size=8, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=7))
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network.eval()


def swin() -> dict[str, Tensor]:
    old = {}
    for key, tensor in swin_network().state_dict().items():
        for before, after in SWIN.items():
            key = key.replace(after, before)
        old[f"vision_model.model.{key}"] = tensor
    torch.manual_seed(10)
    index = "vision_model.model.encoder.layers.0.blocks.0.attention.self.relative_position_index"
    return {**old, index: torch.zeros(49, 49, dtype=torch.long), "vision_model.projection_head.weight": torch.randn(WIDTH, 16)}
