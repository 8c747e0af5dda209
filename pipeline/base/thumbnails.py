"""The 32 x 32 thumbnail of a film: its grey values as ranks, and its low frequencies. What they are used for, the stages decide."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

Floats = npt.NDArray[np.float32]
Ranks = npt.NDArray[np.int8]
Value = TypeVar("Value", bound=np.generic)
SIDE_PX = 32
_BLOCK = 8192


def blocks(rows: npt.NDArray[Value]) -> list[npt.NDArray[Value]]:
    """Rows in blocks that are small enough to be worked on at once; one empty block of no rows."""
    return [rows[start : start + _BLOCK] for start in range(0, max(len(rows), 1), _BLOCK)]


def ranks(thumbnails: npt.NDArray[np.uint8]) -> Ranks:
    """Mid-ranks of the grey values of each row, -127 to 127: invariant under any increasing map, and negated by an inversion.

    Args:
        thumbnails: grey values, shape (n, pixels).
    """
    n, pixels = thumbnails.shape
    cells = thumbnails.astype(np.int64) + 256 * np.arange(n)[:, None]
    counts = np.bincount(cells.ravel(), minlength=256 * n).reshape(n, 256)
    middle = np.rint(127 * ((counts.cumsum(axis=1) - counts / 2) / (pixels / 2) - 1)).astype(np.int8)
    return np.asarray(np.take_along_axis(middle, thumbnails.astype(np.intp), axis=1), np.int8)


def low_frequencies(count: int) -> npt.NDArray[np.int64]:
    """(down, across) of the frequencies whose sum is below `count`, but for the mean; shape (m, 2)."""
    down, across = np.mgrid[:count, :count]
    is_low = (down + across < count) & (down + across > 0)
    return np.stack([down[is_low], across[is_low]], axis=1)


def cosines(count: int, trim: float = 0.0) -> Floats:
    """From 1024 pixels to the `low_frequencies` of the orthonormal cosine transform, shape (1024, m).

    Args:
        count: as of `low_frequencies`.
        trim: share of the side that is first cut off at every edge, the rest stretched by linear resampling.
    """
    lines = dct(np.eye(SIDE_PX), axis=0, norm="ortho")[:count] @ resampling(trim, 1 - trim)
    down, across = low_frequencies(count).T
    planes = lines[down][:, :, None] * lines[across][:, None, :]
    return np.asarray(planes.reshape(len(down), -1).T, np.float32)


def resampling(low: float, high: float) -> npt.NDArray[np.float64]:
    """Linear resampling, shape (32, 32), of a line of pixels to its part between two shares of its length."""
    at = np.clip((np.arange(SIDE_PX) + 0.5) * (high - low) + low * SIDE_PX - 0.5, 0, SIDE_PX - 1)
    return np.asarray(np.maximum(1 - np.abs(at[:, None] - np.arange(SIDE_PX)[None, :]), 0), np.float64)
