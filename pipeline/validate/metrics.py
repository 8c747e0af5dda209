"""Scores as pure functions of truth, probability and weights, for many weightings at once. Which films and weights: `bootstrap`.

Every score here is a function of a few weighted sums over films: those above a threshold, those in a bin. So a metric is a sparse matrix of
these sums and what is made of them, and one product with the weights gives the sums for all resamples; sorting happens once.

A metric takes truth (n,) of 0 and 1, or between where it is known by a probability, probability (n,) and weights (draws, n) >= 0, and
answers (draws,), NaN where the score does not exist: no positive or no negative film has weight. With weights of 1 it is scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

Array = npt.NDArray[np.float64]

N_BINS = 10
# Where the curve is read for `sensitivity_at_90_specificity` and the reverse.
FIXED = 0.9
# A specificity of 90 of 100 films is 0.9, whatever the last bit says.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Metric:
    """A score.

    Attributes:
        rows: of truth (n,) and probability (n,), a sparse matrix (sums, n): how each film enters each sum.
        value: of the sums (sums, draws), the scores (draws,).
    """

    rows: Callable[[Array, Array], Any]
    value: Callable[[Array], Array]

    def __call__(self, truth: Array, prob: Array, weights: Array) -> Array:
        """The score under each weighting, (draws,)."""
        return self.value(self.rows(truth, prob) @ np.asarray(weights, np.float64).T)


class Curve(NamedTuple):
    """The ROC curve at the distinct probabilities that a positive film has, from the highest down; (levels, draws), totals (draws,).

    No other threshold can be better: between two of them only negatives are added.

    Attributes:
        positive: weight of positive films at each level, `negative` of negative ones at the same level.
        hits: positive films at or above it.
        false_alarms: negative films at or above it.
        n_positive: all positive films.
        n_negative: all negative films.
    """

    positive: Array
    negative: Array
    hits: Array
    false_alarms: Array
    n_positive: Array
    n_negative: Array


def curve_rows(truth: Array, prob: Array) -> Any:
    """Sums from which `curve` is made: positives and negatives at each level of a positive, then the negatives above each and below all."""
    levels, member = np.unique(-prob, return_inverse=True)
    has_positive = np.zeros(len(levels), np.bool_)
    has_positive[member[truth > 0]] = True
    n_levels = int(has_positive.sum())
    positives_above: npt.NDArray[np.intp] = np.cumsum(has_positive) - has_positive
    place, tied = positives_above[member], has_positive[member]
    films = np.arange(len(truth))
    is_positive, is_negative = truth > 0, truth < 1
    at = np.where(tied, n_levels + place, 2 * n_levels + place)
    rows = np.concatenate([place[is_positive], at[is_negative]])
    columns = np.concatenate([films[is_positive], films[is_negative]])
    values = np.concatenate([truth[is_positive], 1 - truth[is_negative]])
    return csr_array(coo_array((values, (rows, columns)), shape=(3 * n_levels + 1, len(truth))))


def curve(sums: Array) -> Curve:
    """The curve from the sums of `curve_rows`."""
    n_levels = len(sums) // 3
    positive, negative, above = sums[:n_levels], sums[n_levels : 2 * n_levels], sums[2 * n_levels :]
    hits, false_alarms = np.cumsum(positive, axis=0), np.cumsum(above[:-1] + negative, axis=0)
    return Curve(positive, negative, hits, false_alarms, positive.sum(0), negative.sum(0) + above.sum(0))


def _auroc(sums: Array) -> Array:
    at = curve(sums)
    below = at.n_negative - at.false_alarms + at.negative / 2
    return _divide((at.positive * below).sum(0), at.n_positive * at.n_negative)


def _auprc(sums: Array) -> Array:
    at = curve(sums)
    called = at.hits + at.false_alarms
    precision = np.divide(at.hits, called, out=np.zeros_like(at.hits), where=called > 0)
    return np.where(at.n_negative > 0, _divide((at.positive * precision).sum(0), at.n_positive), np.nan)


def _sensitivity_at_specificity(sums: Array) -> Array:
    at = curve(sums)
    allowed = at.false_alarms <= ((1 - FIXED) + _SLACK) * at.n_negative
    best = np.max(np.where(allowed, at.hits, 0.0), axis=0, initial=0.0)
    return np.where(at.n_negative > 0, _divide(best, at.n_positive), np.nan)


def _specificity_at_sensitivity(sums: Array) -> Array:
    at = curve(sums)
    enough = at.hits >= (FIXED - _SLACK) * at.n_positive
    fewest = np.min(np.where(enough, at.false_alarms, at.n_negative), axis=0, initial=np.inf)
    return np.where(at.n_positive > 0, _divide(at.n_negative - fewest, at.n_negative), np.nan)


def call_rows(truth: Array, prob: Array) -> Any:
    """Hits, false alarms, misses and correct rejections; a film is called positive at 0.5 and above."""
    called = (prob >= 0.5).astype(np.float64)
    return csr_array(np.stack([truth * called, (1 - truth) * called, truth * (1 - called), (1 - truth) * (1 - called)]))


def _f1(sums: Array) -> Array:
    hit, false_alarm, miss, rejected = sums
    return _where_both(hit + miss, false_alarm + rejected, _divide(2 * hit, 2 * hit + false_alarm + miss))


def _mcc(sums: Array) -> Array:
    # 0 where all films are called alike: the limit (Chicco and Jurman 2020), and what scikit-learn says.
    hit, false_alarm, miss, rejected = sums
    margins = np.sqrt((hit + false_alarm) * (hit + miss) * (rejected + false_alarm) * (rejected + miss))
    found = np.divide(hit * rejected - false_alarm * miss, margins, out=np.zeros_like(margins), where=margins > 0)
    return _where_both(hit + miss, false_alarm + rejected, found)


def _sensitivity(sums: Array) -> Array:
    hit, false_alarm, miss, rejected = sums
    return _where_both(hit + miss, false_alarm + rejected, _divide(hit, hit + miss))


def _specificity(sums: Array) -> Array:
    hit, false_alarm, miss, rejected = sums
    return _where_both(hit + miss, false_alarm + rejected, _divide(rejected, false_alarm + rejected))


def _brier_rows(truth: Array, prob: Array) -> Any:
    return csr_array(np.stack([(prob - truth) ** 2, truth, 1 - truth]))


def _ece_rows(truth: Array, prob: Array) -> Any:
    films = np.arange(len(truth))
    gaps = coo_array((prob - truth, (bins(prob), films)), shape=(N_BINS, len(truth)))
    return csr_array(np.concatenate([gaps.toarray(), [truth, 1 - truth]]))


def _mean_of_gaps(sums: Array) -> Array:
    *gaps, positive, negative = sums
    return _where_both(positive, negative, _divide(np.abs(gaps).sum(0), positive + negative))


auroc = Metric(curve_rows, _auroc)
"""Area under the ROC curve: the chance that a positive film ranks above a negative one, a tie counting half (Hanley 1982)."""
auprc = Metric(curve_rows, _auprc)
"""Average precision: precision at each distinct threshold, weighted by the recall gained there."""
sensitivity_at_specificity = Metric(curve_rows, _sensitivity_at_specificity)
"""The highest sensitivity of a threshold with a specificity of at least FIXED; nothing is interpolated."""
specificity_at_sensitivity = Metric(curve_rows, _specificity_at_sensitivity)
"""The highest specificity of a threshold with a sensitivity of at least FIXED; nothing is interpolated."""
f1 = Metric(call_rows, _f1)
"""Harmonic mean of precision and sensitivity; a film is called positive at a probability of 0.5 (other thresholds: pass calls)."""
mcc = Metric(call_rows, _mcc)
"""Matthews correlation of calls and truth, 0 where all films are called alike."""
sensitivity = Metric(call_rows, _sensitivity)
"""Share of positive films that are called."""
specificity = Metric(call_rows, _specificity)
"""Share of negative films that are not called."""
brier = Metric(_brier_rows, _mean_of_gaps)
"""Mean squared difference between probability and truth (Brier 1950)."""
ece = Metric(_ece_rows, _mean_of_gaps)
"""Expected calibration error (Naeini et al. 2015): |mean probability - share positive| over N_BINS bins of equal width, by their weight."""

# Of probabilities as they are. Those of CALLS depend on where the threshold is.
METRICS: dict[str, Metric] = {
    "auroc": auroc,
    "auprc": auprc,
    "sensitivity_at_90_specificity": sensitivity_at_specificity,
    "specificity_at_90_sensitivity": specificity_at_sensitivity,
    "brier": brier,
    "ece": ece,
}
CALLS: dict[str, Metric] = {"mcc": mcc, "f1": f1, "sensitivity": sensitivity, "specificity": specificity}
# A monotone map of the probabilities changes these.
NEED_PROBABILITIES = ("brier", "ece")


def estimate(metric: Metric, truth: Array, prob: Array) -> float | None:
    """A score with every film counted once; None where it does not exist."""
    value = float(metric(truth, prob, np.ones((1, len(truth))))[0])
    return value if np.isfinite(value) else None


def bins(prob: Array) -> npt.NDArray[np.int64]:
    """Bin of each probability, 0 to N_BINS - 1; an edge belongs to the bin below it, as in scikit-learn's calibration_curve."""
    return np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], prob)


def _where_both(positive: Array, negative: Array, values: Array) -> Array:
    return np.where((positive > 0) & (negative > 0), values, np.nan)


def _divide(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
