"""Ranks: within one board only, by value, with what resamples of patients say of the order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.leaderboard.entries import COLUMNS, Entry
from pipeline.validate import ranking
from pipeline.validate.certificate import LOWER_IS_BETTER

RANKED = ("rank", "n_ranked", "p_first", "rank_low", "rank_high")


def ranked(entries: Sequence[Entry]) -> pd.DataFrame:
    """All entries with their ranks.

    Returns:
        `entries.COLUMNS` and RANKED, sorted by board and rank. `rank` is 1 + the number of entries that are better, and null where an
        entry is comparable with nothing. `p_first`,
        `rank_low` and `rank_high` are of the entries whose predictions are at hand, among themselves, and null for others.
    """
    boards: dict[tuple[str, ...] | None, list[Entry]] = {}
    for one in entries:
        boards.setdefault(one.board, []).append(one)
    rows = [row for key, several in boards.items() for row in (_alone(several) if key is None else _board(several))]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *RANKED])
    return table.sort_values(["dataset", "split", "metric", "target", "rank", "model"], ignore_index=True, na_position="last")


def _cells(one: Entry) -> list[object]:
    return [getattr(one, name) for name in COLUMNS]


def _alone(several: list[Entry]) -> list[list[object]]:
    return [[*_cells(one), *(None for _ in RANKED)] for one in several]


def _board(several: list[Entry]) -> list[list[object]]:
    sign = -1.0 if several[0].metric in LOWER_IS_BETTER else 1.0
    values = sign * np.array([one.value for one in several])
    resampled = {place: one.draws for place, one in enumerate(several) if one.draws is not None}
    chance: dict[int, tuple[float, float, float]] = {}
    if len(resampled) > 1:
        drawn = sign * np.stack(list(resampled.values()))
        first, ends = ranking.first(drawn), ranking.rank_interval(drawn)
        chance = {place: (float(first[at]), float(ends[at, 0]), float(ends[at, 1])) for at, place in enumerate(resampled)}
    return [
        [*_cells(one), 1.0 + int((values > values[place]).sum()), len(several), *chance.get(place, (None, None, None))]
        for place, one in enumerate(several)
    ]
