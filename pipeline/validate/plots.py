"""Pictures of the scores: the gain of cleaning, AUROC given beside cleaned, and how honest the probabilities are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.base.pictures import png
from pipeline.validate.arms import Answers
from pipeline.validate.certificate import BETTER, NO_GAIN, WORSE
from pipeline.validate.films import ARMS, Array, Cast
from pipeline.validate.metrics import N_BINS, bins
from pipeline.validate.scores import ALL, GAIN, MACRO, Score
from pipeline.validate.truth import Truth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"given": "#b5651d", "cleaned": "#1f5fa8"}
CERTIFIED = {BETTER: "#2a7f3f", NO_GAIN: "#7f8c8d", WORSE: "#c0392b"}
MIN_FILMS_IN_A_BIN = 5


def gain(made: list[Score]) -> bytes:
    """PNG: what cleaning changed in AUROC, finding by finding, with its 95 % interval, in the colour of what it may be called."""
    rows = [row for row in made if (row.metric, row.subgroup, row.trained_on) == ("auroc", ALL, GAIN) and row.certificate is not None]
    rows.sort(key=lambda row: (row.finding == MACRO, -(row.estimate or 0.0)))
    figure = _figure(7.5, 1.6 + 0.36 * len(rows))
    axes = figure.add_subplot()
    axes.axvline(0, color="0.4", linewidth=1)
    for height, row in enumerate(reversed(rows)):
        colour, is_macro = CERTIFIED[str(row.certificate)], row.finding == MACRO
        axes.plot(_numbers([row.ci_low, row.ci_high]), [height, height], color=colour, linewidth=3 if is_macro else 1.6)
        axes.plot(_numbers([row.estimate]), [height], "D" if is_macro else "o", color=colour)
    for word in sorted({str(row.certificate) for row in rows}, key=list(CERTIFIED).index):
        axes.plot([], [], "o-", color=CERTIFIED[word], label=word)
    axes.set_yticks(range(len(rows)), [f"{row.finding} ({row.n_positive} / {row.n_negative})" for row in reversed(rows)])
    truths, n_seeds = ", ".join(sorted({row.truth for row in rows})), rows[0].n_seeds if rows else 0
    axes.set_xlabel(
        f"AUROC, cleaned less given; 95 % interval over patients and trainings\n({n_seeds} trainings each; truth: {truths or 'none'})"
    )
    axes.grid(axis="x", color="0.9")
    if rows:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return png(figure)


def auroc(made: list[Score]) -> bytes:
    """PNG: AUROC of each finding with its 95 % interval, trained on given and on cleaned labels."""
    rows = [row for row in made if row.metric == "auroc" and row.subgroup == ALL and row.trained_on in ARMS and row.estimate is not None]
    names = sorted({row.finding for row in rows}, key=lambda name: (name != MACRO, name), reverse=True)
    figure = _figure(7, 1.6 + 0.42 * len(names))
    axes = figure.add_subplot()
    axes.axvline(0.5, color="0.6", linestyle="--", linewidth=1)
    for arm, shift in zip(ARMS, (0.13, -0.13), strict=True):
        chosen = {row.finding: row for row in rows if row.trained_on == arm}
        heights = [index + shift for index, name in enumerate(names) if name in chosen]
        found = [chosen[name] for name in names if name in chosen]
        axes.hlines(heights, _numbers([row.ci_low for row in found]), _numbers([row.ci_high for row in found]), color=COLOURS[arm])
        axes.plot(_numbers([row.estimate for row in found]), heights, "o", color=COLOURS[arm], label=f"trained on {arm} labels")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel(f"AUROC on the test split, 95 % interval (truth: {', '.join(sorted({row.truth for row in rows})) or 'none'})")
    axes.grid(axis="x", color="0.9")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return png(figure)


def reliability(cast: Cast, answers: Answers, truth: Truth) -> bytes:
    """PNG: share positive against mean probability over all findings, in bins that hold enough films."""
    figure = _figure(5, 5)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    for arm in ARMS:
        said, seen = curve(answers.probs[arm], truth.values)
        axes.plot(said, seen, "o-", color=COLOURS[arm], label=f"trained on {arm} labels")
    axes.set_xlabel("probability said")
    axes.set_ylabel("share positive")
    axes.set_title(f"{len(cast.findings)} findings, {int(np.isfinite(truth.values).sum())} cells", fontsize=10)
    axes.legend(loc="upper left", frameon=False)
    return png(figure)


def curve(probs: Array, truth: Array) -> tuple[Array, Array]:
    """Mean probability and share positive in each bin with at least MIN_FILMS_IN_A_BIN cells.

    Args:
        probs: (seeds, films, findings).
        truth: (films, findings), NaN where unknown.
    """
    known = np.isfinite(truth)
    return reliability_curve(probs[:, known].ravel(), np.tile(truth[known], len(probs)), MIN_FILMS_IN_A_BIN * len(probs))


def reliability_curve(said: Array, seen: Array, least: int = MIN_FILMS_IN_A_BIN) -> tuple[Array, Array]:
    """Mean probability and share positive in each bin with at least `least` cells.

    Args:
        said: (cells,) probabilities.
        seen: (cells,) truth.
        least: cells that make a bin worth showing.
    """
    member = bins(said)
    n = np.bincount(member, minlength=N_BINS)
    filled = n >= least
    totals = [np.bincount(member, weights=values, minlength=N_BINS)[filled] / n[filled] for values in (said, seen)]
    return totals[0], totals[1]


def _numbers(values: list[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
