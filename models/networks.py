"""What every network is here: a trunk of features, a mean over the film, one linear head. Training it belongs to `training`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

DROPOUT = 0.2
BATCH_NORM_MOMENTUM = 0.1
SMALL_WEIGHTS = 3_000_000


class FilmNetwork(nn.Module):
    """A convolutional trunk with one linear head.

    Args:
        features: trunk, (n, channels, height, width) -> (n, width, h, w).
        width: channels the trunk ends in.
        n_outputs: findings.
        is_faster_in_bf16: whether bfloat16 pays where the hardware has it; depthwise convolutions get slower.
    """

    def __init__(self, features: nn.Module, width: int, n_outputs: int, *, is_faster_in_bf16: bool) -> None:
        super().__init__()
        self.features = features
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(width, n_outputs)
        self.is_faster_in_bf16 = is_faster_in_bf16
        nn.init.normal_(self.head.weight, 0.0, 0.01)
        nn.init.zeros_(self.head.bias)
        for norm in batch_norms(self):
            # torchvision's MobileNet has 0.01: after a hundred steps its running statistics are still those of random weights.
            norm.momentum = BATCH_NORM_MOMENTUM

    def embed(self, films: Tensor) -> Tensor:
        """Feature vectors, (n, width), of films, (n, channels, height, width)."""
        maps: Tensor = self.features(films)
        # mean() and not AdaptiveAvgPool2d, whose gradient on CUDA is not deterministic.
        return maps.float().mean((2, 3))

    def forward(self, films: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, n_outputs) and the feature vectors (n, width) behind them."""
        vectors = self.embed(films)
        return self.head(self.dropout(vectors)), vectors


def is_small(network: nn.Module) -> bool:
    """Whether one core is as good as two: threads cost such a network more in waiting than they save."""
    return sum(weight.numel() for weight in network.parameters()) < SMALL_WEIGHTS


def batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    """Every batch normalisation of a network."""
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def first_convolution(features: nn.Module) -> tuple[str, nn.Conv2d]:
    """Name in the trunk, and module, of the convolution that sees the film.

    Raises:
        ValueError: there is none.
    """
    for name, module in features.named_modules():
        if isinstance(module, nn.Conv2d):
            return name, module
    raise ValueError("the trunk has no Conv2d")


def set_input_channels(features: nn.Module, in_channels: int) -> None:
    """Let the first convolution read `in_channels` planes, freshly initialised; nothing happens where it does already."""
    _, old = first_convolution(features)
    if old.in_channels == in_channels:
        return
    # Taking or repeating the drawn weights keeps the scheme the architecture was initialised with.
    index = torch.arange(in_channels) % old.in_channels
    old.weight = nn.Parameter(old.weight.detach()[:, index] * (old.in_channels / in_channels) ** 0.5)
    old.in_channels = in_channels
