"""Scores as pure functions of truth, probability and weights, for many weightings at once. Which films and weights: `bootstrap`.

Every function takes truth (n,) of 0 and 1, or between where it is known by a probability, probability (n,) and weights (draws, n) >= 0,
and answers (draws,), NaN where the score does not exist: no positive or no negative film has weight. With weights of 1 they equal
scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Metric = Callable[[Array, Array, Array], Array]

N_BINS = 10


def auroc(truth: Array, prob: Array, weights: Array) -> Array:
    """Area under the ROC curve: the chance that a positive film ranks above a negative one, a tie counting half (Hanley 1982)."""
    positive, negative = _by_level(truth, prob, weights)
    below = np.cumsum(negative, axis=1) - negative / 2
    return _divide((positive * below).sum(1), positive.sum(1) * negative.sum(1))


def auprc(truth: Array, prob: Array, weights: Array) -> Array:
    """Average precision: precision at each distinct threshold, weighted by the recall gained there."""
    positive, negative = (np.flip(levels, axis=1) for levels in _by_level(truth, prob, weights))
    hits, called = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    found = _divide((positive * precision).sum(1), positive.sum(1))
    return np.where(negative.sum(1) > 0, found, np.nan)


def brier(truth: Array, prob: Array, weights: Array) -> Array:
    """Mean squared difference between probability and truth (Brier 1950)."""
    return _where_both(truth, weights, _divide(weights @ (prob - truth) ** 2, weights.sum(1)))


def ece(truth: Array, prob: Array, weights: Array) -> Array:
    """Expected calibration error (Naeini et al. 2015): |mean probability - share positive| over bins of equal width, by their weight."""
    member = np.eye(N_BINS)[bins(prob)]
    gaps = np.abs((weights * (prob - truth)) @ member)
    return _where_both(truth, weights, _divide(gaps.sum(1), weights.sum(1)))


METRICS: dict[str, Metric] = {"auroc": auroc, "auprc": auprc, "brier": brier, "ece": ece}


def estimate(metric: Metric, truth: Array, prob: Array) -> float | None:
    """A score with every film counted once; None where it does not exist."""
    value = float(metric(truth, prob, np.ones((1, len(truth))))[0])
    return value if np.isfinite(value) else None


def bins(prob: Array) -> npt.NDArray[np.int64]:
    """Bin of each probability, 0 to N_BINS - 1; an edge belongs to the bin below it, as in scikit-learn's calibration_curve."""
    return np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], prob)


def _by_level(truth: Array, prob: Array, weights: Array) -> tuple[Array, Array]:
    """Weight of positive and of negative films at each distinct probability, ascending; (draws, levels) each."""
    if not len(truth):
        return np.zeros((len(weights), 1)), np.zeros((len(weights), 1))
    order = np.argsort(prob, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(prob[order]) > 0]))
    ordered, is_positive = weights[:, order], truth[order]
    positive = np.add.reduceat(ordered * is_positive, starts, axis=1)
    return positive, np.add.reduceat(ordered, starts, axis=1) - positive


def _where_both(truth: Array, weights: Array, values: Array) -> Array:
    return np.where((weights @ truth > 0) & (weights @ (1 - truth) > 0), values, np.nan)


def _divide(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
