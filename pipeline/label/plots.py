"""Pictures of labels for people who look at a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.base.labels import STATES
from pipeline.base.pictures import png

if TYPE_CHECKING:
    pass

_COLOURS = ("#c0392b", "#2e86c1", "#f1c40f", "#d5d8dc")
_PANELS = 4
# Word in the legend: state, grade, colour, marker.
_WORDS = {
    "positive": ("POSITIVE", None, "#c0392b", "o"),
    "uncertain": ("UNCERTAIN", None, "#e67e22", "D"),
    "weakly uncertain": ("UNCERTAIN", "weak", "#f1c40f", "d"),
    "unmentioned": ("UNMENTIONED", None, "#7f8c8d", "s"),
    "negative": ("NEGATIVE", None, "#2e86c1", "v"),
}


def states(labels: pd.DataFrame) -> bytes:
    """PNG: films by reconciled state, one bar a finding. `labels` has finding and state."""
    from matplotlib.figure import Figure

    counts = pd.crosstab(labels["finding"], labels["state"]).reindex(columns=[str(state) for state in STATES], fill_value=0)
    figure = Figure(figsize=(8, 0.3 * len(counts) + 1.2), layout="constrained")
    axes = figure.subplots()
    left = pd.Series(0, index=counts.index)
    for state, colour in zip(counts.columns, _COLOURS, strict=True):
        axes.barh(list(counts.index), counts[state].tolist(), left=left.tolist(), color=colour, label=str(state))
        left = left + counts[state]
    axes.invert_yaxis()
    axes.set_xlabel("films")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(STATES), frameon=False, fontsize="small")
    return png(figure, dpi=100)


def meanings(annotator_states: pd.DataFrame) -> bytes:
    """PNG: what each word of each annotator means: P(present | state) with its interval, one panel an annotator, one row a finding.

    Words that an annotator never gives are left out. More than _PANELS annotators would not be read: those that were asked most are shown.
    """
    from matplotlib.figure import Figure

    given = annotator_states[annotator_states["n"] > 0]
    asked = given.groupby("annotator")["n"].sum().sort_values(ascending=False, kind="stable")
    shown = sorted(asked.index[:_PANELS])
    findings = sorted(given["finding"].unique())
    figure = Figure(figsize=(2.2 + 3.2 * max(len(shown), 1), 0.34 * len(findings) + 1.4), layout="constrained")
    panels = figure.subplots(1, max(len(shown), 1), sharey=True, squeeze=False)[0]
    for axes, annotator in zip(panels, shown, strict=False):
        for place, (name, (state, grade, colour, marker)) in enumerate(_WORDS.items()):
            is_grade = given["grade"].eq(grade) if grade else given["grade"].ne("weak")
            rows = given[(given["annotator"] == annotator) & (given["state"] == state) & is_grade]
            heights = [findings.index(finding) + 0.15 * (place - 2) for finding in rows["finding"]]
            ends = [(rows["p_present"] - rows["p_present_low"]).tolist(), (rows["p_present_high"] - rows["p_present"]).tolist()]
            axes.errorbar(rows["p_present"], heights, xerr=ends, fmt=marker, color=colour, ms=4, lw=1, label=name)
        axes.set_title(annotator, fontsize="medium")
        axes.set_xlim(0, 1)
        axes.grid(axis="y", alpha=0.25)
        axes.set_xlabel("probability that the finding is present")
    if shown:
        panels[0].set_yticks(range(len(findings)), findings)
        panels[0].invert_yaxis()
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(_WORDS), frameon=False, fontsize="small"
        )
    return png(figure, dpi=100)
