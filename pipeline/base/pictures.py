"""Plots as bytes, and films with a map laid over them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The film must be seen below the map's peak.
_STRONGEST = 0.55


def png(figure: Figure, **options: Any) -> bytes:
    """A figure as PNG, the same bytes for the same figure: no version and no time is written into it.

    Args:
        figure: what is drawn.
        options: of `Figure.savefig`.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, **options)
    return buffer.getvalue()


def overlay(film: npt.NDArray[np.uint8], heat: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """RGB, uint8 (height, width, 3): the film, coloured the more the higher the map; as it is where the map is 0 or NaN.

    Args:
        film: (height, width).
        heat: (height, width) in [0, 1].
    """
    from matplotlib import colormaps

    shown = np.nan_to_num(heat)[..., None]
    colour = colormaps["turbo"](shown[..., 0])[..., :3] * 255
    strength = _STRONGEST * shown
    return np.asarray(np.rint((1 - strength) * film[..., None] + strength * colour), np.uint8)
