"""Who is first, and how sure is that: ranks over resamples, and over readings of uncertain labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau, rankdata

from pipeline.validate.metrics import Array


def ranks(values: Array) -> Array:
    """1 is the best along the first axis, ties share the mean of their ranks; NaN where any value is.

    Args:
        values: (models, ...) of a score where more is better.
    """
    found = rankdata(-values, axis=0)
    return np.where(np.isnan(values).any(axis=0), np.nan, found)


def first(drawn: Array) -> Array:
    """Probability that each model is first, (models,): the share of resamples, those who tie share theirs.

    Args:
        drawn: (models, draws), the same resamples for all.
    """
    known = drawn[:, np.isfinite(drawn).all(axis=0)]
    if not known.shape[1]:
        return np.full(len(drawn), np.nan)
    best = known == known.max(axis=0)
    return np.asarray((best / best.sum(axis=0)).mean(axis=1), np.float64)


def rank_interval(drawn: Array) -> npt.NDArray[np.float64]:
    """2.5 % and 97.5 % points of each model's rank over the resamples, (models, 2)."""
    known = drawn[:, np.isfinite(drawn).all(axis=0)]
    if not known.shape[1]:
        return np.full((len(drawn), 2), np.nan)
    low, high = np.quantile(ranks(known), [0.025, 0.975], axis=1, method="nearest")
    return np.stack([low, high], axis=1)


def agreement(one: Array, other: Array) -> float:
    """Kendall's tau-b of two orders of the same models; NaN where one of them ties all."""
    return float(kendalltau(one, other).statistic)
