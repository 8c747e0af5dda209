"""Pictures of labels for people who look at a run."""

from __future__ import annotations

import io

import pandas as pd

from pipeline.base.labels import STATES

_COLOURS = ("#c0392b", "#2e86c1", "#f1c40f", "#d5d8dc")


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
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return buffer.getvalue()
