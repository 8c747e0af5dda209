"""Small changes of position and exposure, on a batch at once. No mirroring: the heart and the side markers have a side."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode, functional

MAX_SHIFT = 0.06
MAX_SCALE = 0.08
MAX_DEGREES = 4.0
MAX_CONTRAST = 0.15
MAX_BRIGHTNESS = 0.15
# How far from the edge of a film, as a share of it, its changed picture can reach: half of the scale, the shift, and a turn's corner.
_MARGIN = 0.5 * MAX_SCALE / (1 - MAX_SCALE) + MAX_SHIFT / (1 - MAX_SCALE) + math.sin(math.radians(MAX_DEGREES))


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
    """Turn, scale, shift, and change contrast and brightness of every film by its own amount, on the films' device.

    By torchvision's kernels; its transform classes draw for a whole batch at once, from torch's global generator, so the amounts come from
    `changes`. What moves in from outside is the film's edge, drawn out.

    Args:
        films: standardised, (n, 1, height, width).
        drawn: (n, 6) of `changes`.
    """
    height, width = films.shape[-2:]
    wide = functional.pad(films, [math.ceil(_MARGIN * width), math.ceil(_MARGIN * height)], padding_mode="edge")
    moved = torch.stack([_changed(film, *amounts, shape=(height, width)) for film, amounts in zip(wide, drawn.tolist(), strict=True)])
    cropped: Tensor = functional.center_crop(moved, [height, width])
    return cropped


def _changed(
    film: Tensor, turn: float, scale: float, right: float, down: float, contrast: float, brightness: float, *, shape: tuple[int, int]
) -> Tensor:
    """One film, (1, height, width), by amounts in [-1, 1); shifts are shares of `shape`."""
    moved: Tensor = functional.affine(
        film,
        angle=MAX_DEGREES * turn,
        translate=[MAX_SHIFT * right * shape[1], MAX_SHIFT * down * shape[0]],
        scale=1 + MAX_SCALE * scale,
        shear=[0.0, 0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    return moved * (1 + MAX_CONTRAST * contrast) + MAX_BRIGHTNESS * brightness
