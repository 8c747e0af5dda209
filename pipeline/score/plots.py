"""Pictures of the scores: macro AUROC with intervals, how honest the probabilities are, and curves with the readers' points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.base.pictures import png
from pipeline.score.compare import Table, are_probabilities
from pipeline.validate.metrics import Array, curve, curve_rows
from pipeline.validate.plots import reliability_curve
from pipeline.validate.scores import ALL, MACRO

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PANELS, COLUMNS = 12, 3


def every(table: Table, rows: pd.DataFrame) -> dict[str, bytes]:
    """PNG by name: `auroc`, `reliability`, `curves`."""
    return {"auroc": _auroc(rows), "reliability": _reliability(table), "curves": _curves(table)}


def _auroc(rows: pd.DataFrame) -> bytes:
    chosen = rows[(rows["metric"] == "auroc") & (rows["subgroup"] == ALL) & (rows["compared_with"] == "") & (rows["assumption"] == "")]
    chosen = chosen[(chosen["finding"] == MACRO) & chosen["estimate"].notna()].sort_values(["estimate", "model"])
    figure = _figure(7, 1.3 + 0.32 * len(chosen))
    axes = figure.add_subplot()
    heights = np.arange(len(chosen))
    axes.hlines(heights, chosen["ci_low"].to_numpy(float), chosen["ci_high"].to_numpy(float), color="#1f5fa8")
    axes.plot(chosen["estimate"].to_numpy(float), heights, "o", color="#1f5fa8")
    axes.set_yticks(heights, list(chosen["model"]))
    axes.set_xlabel("macro AUROC, 95 % interval over patients")
    axes.grid(axis="x", color="0.9")
    return png(figure)


def _reliability(table: Table) -> bytes:
    figure = _figure(6, 6)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    for place, (model, scores) in enumerate(table.given.models.items()):
        if not are_probabilities(scores):
            continue
        said, seen = reliability_curve(scores[table.scored], table.given.truth[table.scored])
        axes.plot(said, seen, "o-", color=_colour(place), label=model, markersize=4)
    axes.set_xlabel("probability said")
    axes.set_ylabel("share positive")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_title("All findings pooled, bins of width 0.1 with at least 5 cells", fontsize=10)
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    return png(figure)


def _curves(table: Table) -> bytes:
    """ROC curves of every finding with the readers' operating points."""
    shown = [place for place in range(len(table.given.findings)) if _has_both(table, place)][:MAX_PANELS]
    n_rows = max(1, -(-len(shown) // COLUMNS))
    figure = _figure(3.4 * COLUMNS, 3.5 * n_rows + 0.8)
    for panel, place in enumerate(shown):
        _panel(figure.add_subplot(n_rows, COLUMNS, panel + 1), table, place)
    if figure.axes:
        handles, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    return png(figure)


def _panel(axes: Axes, table: Table, place: int) -> None:
    rows = table.scored[:, place]
    truth = table.given.truth[rows, place]
    for number, (model, scores) in enumerate(table.given.models.items()):
        false, true = _roc(truth, scores[rows, place])
        axes.plot(false, true, color=_colour(number), linewidth=1, label=model)
    for number, said in enumerate(table.given.readers.values()):
        read = rows & np.isfinite(said[:, place])
        calls, known = said[read, place], table.given.truth[read, place]
        point = calls[known == 0].mean(), calls[known == 1].mean()
        axes.plot(*point, "x", color="black", markersize=6, label="reader" if number == 0 else None)
    axes.set_title(f"{table.given.findings[place]} ({int(truth.sum())} / {int((1 - truth).sum())})", fontsize=9)
    axes.set_xlabel("1 - specificity", fontsize=8)
    axes.set_ylabel("sensitivity", fontsize=8)
    axes.tick_params(labelsize=7)


def _has_both(table: Table, place: int) -> bool:
    return len(np.unique(table.given.truth[table.scored[:, place], place])) == 2


def _roc(truth: Array, prob: Array) -> tuple[Array, Array]:
    at = curve(curve_rows(truth, prob) @ np.ones((len(truth), 1)))
    before, false, true = (values[:, 0] for values in (at.false_alarms - at.negative, at.false_alarms, at.hits))
    # Before and after each level: straight between, level until the next.
    xs = np.stack([before, false], axis=1).ravel() / at.n_negative[0]
    ys = np.stack([true - at.positive[:, 0], true], axis=1).ravel() / at.n_positive[0]
    return np.concatenate([[0.0], xs, [1.0]]), np.concatenate([[0.0], ys, [1.0]])


def _colour(place: int) -> str:
    return f"C{place % 10}"


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
