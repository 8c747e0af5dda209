"""Small changes of position and exposure, on a batch at once. No mirroring: the heart and the side markers have a side."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

MAX_SHIFT = 0.06
MAX_SCALE = 0.08
MAX_DEGREES = 4.0
MAX_CONTRAST = 0.15
MAX_BRIGHTNESS = 0.15


def standardise(films: Tensor) -> Tensor:
    """Films, uint8 (n, height, width), as float32 (n, 1, height, width) of mean 0 and deviation 1 each; a constant film is all 0."""
    levels = films.unsqueeze(1).float()
    centred = levels - levels.mean((2, 3), keepdim=True)
    return centred / centred.square().mean((2, 3), keepdim=True).sqrt().clamp(min=1.0)


def changes(n: int, generator: torch.Generator) -> Tensor:
    """What is to happen to n films, (n, 6) in [-1, 1).

    Args:
        n: films of a step, over all processes.
        generator: on the CPU, so that every device draws the same changes.
    """
    return torch.rand((n, 6), generator=generator) * 2 - 1


def augment(films: Tensor, drawn: Tensor) -> Tensor:
    """Shift, scale, turn, and change contrast and brightness of every film by its own amount, in one resampling on the films' device.

    torchvision's transforms draw one change for a whole batch, or take films one by one.

    Args:
        films: standardised, (n, 1, height, width).
        drawn: (n, 6) of `changes`.
    """
    n, drawn = len(films), drawn.to(films.device)
    grid = functional.affine_grid(_affine(drawn), list(films.shape), align_corners=False)
    moved = functional.grid_sample(films, grid, padding_mode="border", align_corners=False)
    contrast = (1 + MAX_CONTRAST * drawn[:, 4]).view(n, 1, 1, 1)
    return moved * contrast + (MAX_BRIGHTNESS * drawn[:, 5]).view(n, 1, 1, 1)


def _affine(draws: Tensor) -> Tensor:
    angle, scale = math.radians(MAX_DEGREES) * draws[:, 0], 1 + MAX_SCALE * draws[:, 1]
    shift = 2 * MAX_SHIFT * draws[:, 2:4]
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    return torch.stack([torch.stack([cosine, -sine, shift[:, 0]], 1), torch.stack([sine, cosine, shift[:, 1]], 1)], 1)
