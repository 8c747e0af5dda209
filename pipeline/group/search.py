"""Pairs of like vectors without comparing all with all: vectors are sorted into cells, and a query looks into the nearest few.

Cells are drawn around vectors of the set itself, one for every 256, so their number follows the set's and their size does not grow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.base.thumbnails import blocks

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
_CELL = 256
# Measured on films cropped by 5 %: 16 cells hold 99 % of their originals, 8 hold 97 %.
_PROBES = 16


def like_pairs(index: Floats, queries: Floats, min_likeness: float) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Pairs (query, member of the index) whose dot product is at least `min_likeness`.

    Args:
        index: unit vectors, shape (n, d).
        queries: unit vectors, shape (m, d).
        min_likeness: least dot product.

    Yields:
        Query numbers, index numbers, dot products, cell by cell. Few pairs near the bound are missed, none is wrong.
    """
    pivots = index[::_CELL]
    cells = np.concatenate([_nearest(block, pivots, 1)[:, 0] for block in blocks(index)])
    probed = np.concatenate([_nearest(block, pivots, min(_PROBES, len(pivots))) for block in blocks(queries)])
    members, member_starts = _by_cell(cells, len(pivots))
    asking, asking_starts = _by_cell(probed.ravel(), len(pivots))
    asking = asking // probed.shape[1]
    for cell in range(len(pivots)):
        here = members[member_starts[cell] : member_starts[cell + 1]]
        asked = asking[asking_starts[cell] : asking_starts[cell + 1]]
        for some in blocks(asked):
            likeness = queries[some] @ index[here].T
            query, member = np.nonzero(likeness >= min_likeness)
            if len(query):
                yield some[query], here[member], likeness[query, member]


def _nearest(vectors: Floats, pivots: Floats, wanted: int) -> Ints:
    likeness = vectors @ pivots.T
    if wanted == 1:
        return np.asarray(likeness.argmax(axis=1)[:, None], np.intp)
    nearest = np.argpartition(likeness, len(pivots) - wanted, axis=1)[:, len(pivots) - wanted :]
    return np.array(nearest, np.intp)  # a copy, lest a view keep the whole block in memory


def _by_cell(cells: Ints, count: int) -> tuple[Ints, Ints]:
    """Positions sorted by cell, and where each cell starts."""
    order = np.argsort(cells, kind="stable")
    return order, np.searchsorted(cells[order], np.arange(count + 1))
