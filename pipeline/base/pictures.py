"""Plots as bytes, and films with a map laid over them."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_JPEG_QUALITY = 85
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


def enlarged(heat: npt.NDArray[np.float64], height: int, width: int) -> npt.NDArray[np.float64]:
    """One map, (h, w), at (height, width), between its cells by a straight line; the corners of both are the same."""
    return np.asarray(cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR), np.float64)


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


def data_uri(shown: npt.NDArray[np.uint8]) -> str:
    """A picture, grey (height, width) or RGB (height, width, 3), as a JPEG inside a page's own text."""
    _, jpeg = cv2.imencode(
        ".jpg", shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)
    )
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"
