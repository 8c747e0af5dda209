"""Pictures of label issues, and of the models behind them, for people who look at a run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.base.pictures import png


def issues(ranked: pd.DataFrame) -> bytes:
    """PNG: issues a finding by the side of the given label, the spread of the quality score, and how many wrong labels reading finds.

    Args:
        ranked: finding, given, is_label_issue, label_quality_score.
    """
    from matplotlib.figure import Figure

    flagged = ranked[ranked["is_label_issue"]]
    counts = pd.crosstab(flagged["finding"], flagged["given"]).reindex(
        index=sorted(ranked["finding"].unique()), columns=[1, 0], fill_value=0
    )
    figure = Figure(figsize=(13, max(0.3 * len(counts) + 1.2, 3.0)), layout="constrained")
    bars, spread, found = figure.subplots(1, 3)
    bars.barh(list(counts.index), counts[1].tolist(), color="#c0392b", label="given present")
    bars.barh(list(counts.index), counts[0].tolist(), left=counts[1].tolist(), color="#2e86c1", label="given absent")
    bars.invert_yaxis()
    bars.set_xlabel("label issues")
    bars.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize="small")
    spread.hist(ranked["label_quality_score"], bins=40, range=(0, 1), color="#7f8c8d")
    spread.set_yscale("log")
    spread.set_xlabel("label quality score")
    spread.set_ylabel("cells")
    expected = 1 - ranked["label_quality_score"].sort_values().to_numpy()
    found.plot(range(1, len(expected) + 1), expected.cumsum(), color="#c0392b", label="the most suspicious first")
    found.plot([1, len(expected)], [expected.mean(), expected.sum()], color="#7f8c8d", ls="--", label="in random order")
    found.set_xlabel("labels read")
    found.set_ylabel("wrong labels expected among them")
    found.legend(frameon=False, fontsize="small")
    return png(figure, dpi=100)


def skill(known: pd.DataFrame) -> bytes:
    """PNG: what each model is believed to know of each finding; a model that says nothing of a finding has an empty field.

    Args:
        known: rows of `model_skill`.
    """
    from matplotlib.figure import Figure

    auroc = known.pivot(index="finding", columns="model", values="auroc")
    figure = Figure(figsize=(max(1.1 * auroc.shape[1] + 3.5, 5.0), max(0.3 * len(auroc) + 1.5, 2.5)), layout="constrained")
    axes = figure.subplots()
    shades = axes.imshow(auroc.to_numpy(float), cmap="Greens", vmin=0.5, vmax=1.0, aspect="auto")
    axes.set_xticks(range(auroc.shape[1]), list(auroc.columns), rotation=30, ha="right")
    axes.set_yticks(range(len(auroc)), list(auroc.index))
    for place, value in np.ndenumerate(auroc.to_numpy(float)):
        told = "" if np.isnan(value) else f"{value:.2f}" if value > 0.5 else "not heard"
        axes.text(place[1], place[0], told, ha="center", va="center", fontsize="small", color="white" if value > 0.85 else "black")
    figure.colorbar(shades, label="believed AUROC", shrink=0.8)
    return png(figure, dpi=100)
