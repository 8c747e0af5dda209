"""Run detectors finding by finding and merge what they say into one order.

Scores of different kinds are never ranked together: the first detector of the settings leads and its score is the score; the others
add flags. A cell the leader cannot judge is not ranked, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.base.interfaces import IssueDetector
from pipeline.rank.cells import KEY


@dataclass(frozen=True, slots=True)
class Judged:
    """Cells with `label_quality_score` of the leader (NaN: not judged), `detectors` that flagged each, and what was disabled."""

    cells: pd.DataFrame
    disabled: Mapping[str, list[str]]


def judge(cells: pd.DataFrame, detectors: Mapping[str, IssueDetector]) -> Judged:
    """Ask every detector about every finding.

    Args:
        cells: cells on trial, any order; `finding` and the columns that detectors need.
        detectors: by name, the leader first.

    Returns:
        The cells in their order, and for each detector the findings it could not judge.
    """
    leader = next(iter(detectors))
    score = pd.Series(np.nan, cells.index)
    flags = {name: pd.Series(False, cells.index) for name in detectors}
    disabled: dict[str, list[str]] = {}
    for finding, part in cells.groupby("finding", sort=True, observed=True):
        for name, detector in detectors.items():
            found = detector(part) if all(part[column].notna().any() for column in detector.needs) else None
            if found is None or found["label_quality_score"].isna().all():
                disabled.setdefault(name, []).append(str(finding))
                continue
            flags[name].loc[part.index] = found["is_label_issue"]
            if name == leader:
                score.loc[part.index] = found["label_quality_score"]
    return Judged(cells.assign(label_quality_score=score, detectors=_names(flags, cells.index)), disabled)


def _names(flags: Mapping[str, pd.Series], index: pd.Index) -> pd.Series:
    """The detectors that flagged each cell. Few combinations occur, so each is made once."""
    number = sum(flag.to_numpy(np.int64) << bit for bit, flag in enumerate(flags.values()))
    combinations = {code: [name for bit, name in enumerate(flags) if code >> bit & 1] for code in np.unique(number)}
    return pd.Series([combinations[code] for code in np.asarray(number)], index, dtype=object)


def order(judged: pd.DataFrame, max_issue_share: float) -> pd.DataFrame:
    """Rank judged cells and flag the issues: issues first, each part by its score.

    Args:
        judged: cells with label_quality_score and detectors.
        max_issue_share: at most this share of the judged cells is flagged, the most suspicious first.

    Returns:
        Judged cells by `rank` (1 is the most suspicious; ties by opposition, then image_id and finding) with `is_label_issue`.
    """
    kept = judged[judged["label_quality_score"].notna()]
    kept = kept.sort_values(["label_quality_score", "n_against", *KEY], ascending=[True, False, True, True], kind="stable")
    flagged = kept["detectors"].map(len).to_numpy() > 0
    is_issue = flagged & (np.cumsum(flagged) <= int(max_issue_share * len(kept)))
    ranked = kept.assign(is_label_issue=is_issue).sort_values("is_label_issue", ascending=False, kind="stable")
    return ranked.assign(rank=np.arange(1, len(kept) + 1)).reset_index(drop=True)
