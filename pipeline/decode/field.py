"""The exposed part of a film: what lies between the shadows of the collimator's leaves, or of a frame around the picture.

A leaf's edge is straight: along it, nearly every line of the film steps to brighter, or nearly every one to darker, at one place.
Anatomy has no such edge.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.base.images import Film

_SIDE_PX = 128
# A step over so many pixels of _SIDE_PX, which lets an edge lean by about 2 degrees, of so many grey levels, on such a share of the lines.
_STEP_PX, _STEP_LEVELS, _SHARE = 3, 10, 0.8
# A leaf covers at most so much of a side.
_DEEPEST = 0.3


class Field(NamedTuple):
    """Edges of the exposed part as shares of the film's sides: 0, 0, 1, 1 where nothing was collimated."""

    left: float
    top: float
    right: float
    bottom: float


def exposed_field(film: Film) -> Field:
    """Where a film of shape (height, width) was exposed."""
    small = cv2.resize(film, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.int16)
    rows, columns = slice(0, _SIDE_PX), slice(0, _SIDE_PX)
    for _ in range(2):  # an edge ends where a leaf across it begins
        columns = _between(small[rows])
        rows = _between(small[:, columns].T)
    return Field(*(edge / _SIDE_PX for edge in (columns.start, rows.start, columns.stop, rows.stop)))


def _between(lines: npt.NDArray[np.int16]) -> slice:
    """The columns between the innermost edges at the left and the right, shape of `lines` (lines, _SIDE_PX)."""
    step = lines[:, _STEP_PX:] - lines[:, :-_STEP_PX]
    is_edge = np.maximum((step > _STEP_LEVELS).mean(axis=0), (step < -_STEP_LEVELS).mean(axis=0)) >= _SHARE
    at = np.flatnonzero(is_edge)
    deepest = round(_DEEPEST * _SIDE_PX)
    left, right = at[at < deepest], at[at + _STEP_PX > _SIDE_PX - deepest]
    return slice(int(left.max()) + _STEP_PX if len(left) else 0, int(right.min()) if len(right) else _SIDE_PX)
