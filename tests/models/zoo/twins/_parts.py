"""Networks that several twins contain, tiny and random, as torchvision and transformers lay them out."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models.resnet import Bottleneck, ResNet
from transformers import BertConfig, BertModel

WORDS = ("no", "pneumonia", "pulmonary", "edema", "there", "is", "evidence", "of", "findings", "consistent", "with", "signs", "the", "mild")
VOCABULARY = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)
)  # fmt: skip


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{key}": tensor for key, tensor in state.items()}


def resnet(seed: int, classes: int = 1000) -> ResNet:
    """A ResNet of one bottleneck a stage, inner width 2."""
    torch.manual_seed(seed)
    network = ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=2, num_classes=classes)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def bert(seed: int, layers: int = 2, width: int = 64, heads: int = 1) -> BertModel:
    """A BERT of the vocabulary above."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=32,
        max_position_embeddings=128,
        initializer_range=0.3,
    )
    return BertModel(config).eval()


def vocabulary(folder: Path) -> None:
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
