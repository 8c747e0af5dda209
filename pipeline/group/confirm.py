"""Are two films one exposure? Lay one on the other, and compare their fine detail.

What chests share is broad; ribs, vessels and noise are where and how they are on one exposure alone. Two films of one patient taken
days apart reach 0.78 at most on real films, a JPEG of quality 20 keeps 0.91, a crop of 8 % 0.99 (benchmarks/bench_groups.py).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.base.images import Film, resize_square

SIDE_PX = 128
# Detail lies between these wavelengths (sigma of Gaussians, pixels of SIDE_PX); finer is lost to compression, coarser is common to all.
_FINE, _COARSE = 1.0, 2.0
# Grey levels of an equalised film under which detail is compression and noise.
_FAINT = 12.0
_STEPS, _EPSILON = 30, 1e-5
_LEAST_OVERLAP = 0.5
Floats = npt.NDArray[np.float32]


class Match(NamedTuple):
    """Correlation of the detail, and the size of the second film as a share of the first, down and across."""

    correlation: float
    scale: tuple[float, float]


def small(film: Film) -> Film:
    """A stored film as it is compared: stretched to a square."""
    return resize_square(film, SIDE_PX)


def compare(first: Film, second: Film, trim: float) -> Match | None:
    """Register the first film to the second, of `small`, by ECC (Evangelidis and Psarakis 2008) and correlate their detail.

    Args:
        first: the film that may be the larger one.
        second: the film that may be cut from it.
        trim: how much may be cut off at each edge, as a share of the side: where to begin.

    Returns:
        None where the films cannot be laid on each other, or overlap by less than half.
    """
    begin = np.array([[1 - 2 * trim, 0, trim * SIDE_PX], [0, 1 - 2 * trim, trim * SIDE_PX]], np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _STEPS, _EPSILON)
    one, other = _equalised(first), _equalised(second)
    try:
        _, warp = cv2.findTransformECC(other, one, begin, cv2.MOTION_AFFINE, stop, inputMask=None, gaussFiltSize=5)  # type: ignore[call-overload]
    except cv2.error:  # how OpenCV says that the iteration diverged
        return None
    size = (SIDE_PX, SIDE_PX)
    laid = cv2.warpAffine(one, warp, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(one), warp, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP) > 0
    if inside.mean() < _LEAST_OVERLAP:
        return None
    pair = np.stack([_detail(np.asarray(laid, np.float32))[inside], _detail(other)[inside]])
    pair -= pair.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(pair, axis=1)
    if norms.min() < 1e-6:
        return None
    return Match(float(pair[0] @ pair[1] / norms.prod()), (float(np.hypot(*warp[:, 1])), float(np.hypot(*warp[:, 0]))))


def _equalised(film: Film) -> Floats:
    """Ranks of the grey values, 0-255: the same under any window that saturates nothing."""
    counts = np.bincount(film.ravel(), minlength=256)
    return np.asarray(((counts.cumsum() - counts / 2) / film.size * 255)[film], np.float32)


def _detail(film: Floats) -> Floats:
    """What lies between two wavelengths, brought to even strength all over the film."""
    band = film - cv2.GaussianBlur(film, (0, 0), _COARSE)
    strength = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), 2 * _COARSE))
    return np.asarray(cv2.GaussianBlur(band, (0, 0), _FINE) / (strength + _FAINT), np.float32)
