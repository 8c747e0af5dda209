"""AUROCs of several models on the same films with their covariance, without resampling: DeLong, for clusters Obuchowski's extension.

The components are ranks (Sun and Xu 2014), so that the cost is that of sorting. Films of one patient are correlated: their components are
summed first (Obuchowski 1997). Where every film is a patient of its own the result is DeLong's (1988).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from pipeline.base.errors import InputError

Array = npt.NDArray[np.float64]
_NORMAL_95 = 1.959963984540054
# A variance of a difference below this share of the variances is the rounding of two equal models.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Areas:
    """AUROCs, (models,), and their covariance, (models, models)."""

    auroc: Array
    covariance: Array

    def interval(self, model: int) -> tuple[float, float]:
        """95 % interval by the normal approximation, cut at 0 and 1."""
        half = _NORMAL_95 * float(np.sqrt(self.covariance[model, model]))
        return max(0.0, float(self.auroc[model]) - half), min(1.0, float(self.auroc[model]) + half)

    def difference(self, one: int, other: int) -> tuple[float, float, float]:
        """`one` less `other`: difference, standard error, and two-sided p; p is 1 where the two rank all films alike."""
        gap = float(self.auroc[one] - self.auroc[other])
        parts = self.covariance[one, one] + self.covariance[other, other]
        variance = float(parts - 2 * self.covariance[one, other])
        if variance <= _ROUNDING * float(parts) or variance <= 0:
            return gap, 0.0, 1.0 if abs(gap) < _ROUNDING else 0.0
        error = variance**0.5
        return gap, error, float(2 * norm.sf(abs(gap) / error))


def areas(truth: Array, probs: Array, clusters: Sequence[str] | npt.NDArray[np.str_] | None = None) -> Areas:
    """AUROCs and their covariance.

    Args:
        truth: (n,) 0 or 1; a truth known by a probability has no DeLong variance.
        probs: (models, n) scores on any scale.
        clusters: (n,) whom a film belongs to; every film by itself without.

    Raises:
        InputError: the truth is not 0 and 1, or fewer than two clusters hold a positive, or a negative, film.
    """
    if not np.isin(truth, (0, 1)).all():
        raise InputError("DeLong's variance needs a truth of 0 and 1", "compare by the bootstrap")
    is_positive = truth == 1
    member = np.arange(len(truth)) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    n_clusters = int(member.max(initial=-1)) + 1
    n_both = [int(is_positive.sum()), int((~is_positive).sum())]
    in_clusters = [len(np.unique(member[films])) for films in (is_positive, ~is_positive)]
    if min(in_clusters) < 2:
        raise InputError("fewer than two patients with a positive, or a negative, film", "such a finding is not estimable")
    above, below = _components(probs, is_positive)
    auroc = above.mean(axis=1)
    of_positive = _summed(above - auroc[:, None], member[is_positive], n_clusters)
    of_negative = _summed(below - auroc[:, None], member[~is_positive], n_clusters)
    crossed = of_positive @ of_negative.T * (n_clusters / (n_clusters - 1) / (n_both[0] * n_both[1]))
    own = [
        part @ part.T * (count / (count - 1) / n**2) for part, count, n in zip((of_positive, of_negative), in_clusters, n_both, strict=True)
    ]
    return Areas(auroc, own[0] + own[1] + crossed + crossed.T)


def _components(probs: Array, is_positive: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """For each positive the share of negatives below it, for each negative the share of positives above it, ties counting half."""
    ranks = rankdata(probs, axis=1)
    positive, negative = probs[:, is_positive], probs[:, ~is_positive]
    above = (ranks[:, is_positive] - rankdata(positive, axis=1)) / negative.shape[1]
    below = 1 - (ranks[:, ~is_positive] - rankdata(negative, axis=1)) / positive.shape[1]
    return above, below


def _summed(components: Array, member: npt.NDArray[np.intp], n_clusters: int) -> Array:
    return np.stack([np.bincount(member, weights=row, minlength=n_clusters) for row in components])


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for being several (Holm 1979): reject where at most 0.05 and one in twenty families holds a false rejection."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.minimum(1.0, np.maximum.accumulate(factors * np.asarray(p_values, np.float64)[order]))
    found = np.empty(len(p_values))
    found[order] = adjusted
    return [float(p) for p in found]


def wald(difference: float, drawn: Array) -> float | None:
    """Two-sided p of a difference by its standard error over resamples; None where it does not exist in more than a tenth of them."""
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < 0.9 * len(drawn) or not np.isfinite(difference):
        return None
    error = float(finite.std(ddof=1))
    if error <= _ROUNDING:
        return 1.0 if abs(difference) <= _ROUNDING else 0.0
    return float(2 * norm.sf(abs(difference) / error))
