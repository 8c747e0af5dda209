"""Where a probability becomes a call. Published scores sit on scales of their own, so that 0.5 means something else for each model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.validate.metrics import Array

_STREAM = 9


def cross_fitted(truth: Array, prob: Array, clusters: Sequence[str] | npt.NDArray[np.str_], seed: int) -> Array:
    """Calls, (n,) of 0 and 1: patients are dealt into two halves, and each is called at the threshold that is best on the other.

    A threshold chosen on the films that are scored would flatter the model. Best is the highest Matthews correlation.

    Args:
        truth: (n,) 0 or 1.
        prob: (n,) on any scale.
        clusters: (n,) whom a film belongs to; no patient is in both halves.
        seed: how patients are dealt.

    Returns:
        All NaN where a half holds no positive or no negative film: there is no threshold to choose.
    """
    half = _halves(truth, clusters, seed)
    calls = np.full(len(truth), np.nan)
    for one in (False, True):
        threshold = best(truth[half == one], prob[half == one])
        if threshold is None:
            return np.full(len(truth), np.nan)
        calls[half != one] = prob[half != one] >= threshold
    return calls


def best(truth: Array, prob: Array) -> float | None:
    """The threshold with the highest Matthews correlation, half-way to the next film below it; None without films of both kinds."""
    n_positive, n_negative = float(truth.sum()), float((1 - truth).sum())
    if not n_positive or not n_negative:
        return None
    order = np.argsort(-prob, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(prob[order]) < 0, True))
    hits, called = np.cumsum(truth[order])[ends], ends + 1.0
    margins = np.sqrt(called * (len(truth) - called) * n_positive * n_negative)
    gains = np.divide(hits * len(truth) - called * n_positive, margins, out=np.zeros_like(margins), where=margins > 0)
    at = ends[int(np.argmax(gains))]
    return float(prob[order[at]] if at + 1 == len(prob) else (prob[order[at]] + prob[order[at + 1]]) / 2)


def _halves(truth: Array, clusters: Sequence[str] | npt.NDArray[np.str_], seed: int) -> npt.NDArray[np.bool_]:
    """Which half each film is in; patients with and without a positive film are dealt in turns, so that both halves hold both."""
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    has_positive = np.bincount(member, weights=truth, minlength=len(names)) > 0
    half = np.zeros(len(names), np.bool_)
    rng = np.random.default_rng([seed, _STREAM])
    for kind in (True, False):
        dealt = rng.permutation(np.flatnonzero(has_positive == kind))
        half[dealt[::2]] = True
    return np.asarray(half[member], np.bool_)
