"""Models that say the same: a column copied from another entry, as it is or on another scale, is no second opinion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from pipeline.validate.metrics import Array


def same(columns: Mapping[str, Array]) -> list[tuple[tuple[str, ...], bool]]:
    """Models that rank all items alike.

    Args:
        columns: model -> (n,) scores of the same items; one value throughout says nothing and is nobody's copy.

    Returns:
        Groups of two or more in the order of `columns`, and whether their values are equal, not only their order.
    """
    by_order: dict[bytes, list[str]] = defaultdict(list)
    for model, column in columns.items():
        if len(column) and column.min() < column.max():
            by_order[rankdata(column, method="dense").astype(np.int64).tobytes()].append(model)
    groups = [tuple(models) for models in by_order.values() if len(models) > 1]
    return [(group, all(np.array_equal(columns[group[0]], columns[model]) for model in group)) for group in groups]


def in_words(findings: Sequence[str], models: Mapping[str, Array], scored: npt.NDArray[np.bool_]) -> Iterator[str]:
    """One sentence for each group of models, naming the findings they share.

    Args:
        findings: F names.
        models: name -> (n, F) scores.
        scored: (n, F) cells that count.
    """
    shared: dict[tuple[tuple[str, ...], bool], list[str]] = defaultdict(list)
    for place, finding in enumerate(findings):
        rows = scored[:, place]
        for found in same({model: cells[rows, place] for model, cells in models.items()}):
            shared[found].append(finding)
    for (group, is_equal), where in shared.items():
        what = "have the same scores" if is_equal else "rank all items alike, on different scales,"
        yield f"{', '.join(group)} {what} for {', '.join(where)}: one opinion, not {len(group)}"
