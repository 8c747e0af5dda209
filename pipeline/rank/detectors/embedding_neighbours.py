"""A label unlike those of the films that look most alike: confident learning on the neighbours' mean (`rank/neighbours.py`), by cleanlab.

Neighbours are labelled no better than the film itself, but their errors are others: a label that was mixed up stands alone among them.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._cleanlab import by_self_confidence


class EmbeddingNeighbours:
    """Self-confidence of the given label among its neighbours; flags by cleanlab's default."""

    needs: ClassVar[tuple[str, ...]] = ("neighbour_p",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of the cells with neighbours; NaN elsewhere."""
        return by_self_confidence(cells, cells["neighbour_p"])


DETECTORS.add("embedding_neighbours", needs=("cleanlab", "faiss"))(EmbeddingNeighbours())
