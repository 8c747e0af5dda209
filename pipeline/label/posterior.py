"""Truth behind several annotators: two latent classes and a four-state emission table for each annotator.

Dawid and Skene (1979, Applied Statistics 28:20) with silence as an answer of its own: an annotator that was asked and said
nothing tells something, one that was never asked tells nothing. Fitted by MAP-EM under Dirichlet and Beta priors, without which one
or two annotators would identify nothing. Films are counted by their pattern of states, so the cost does not grow with the archive.
Annotators are taken as independent given the truth; `priors.toml` says what is done where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.base.labels import STATES
from pipeline.label.matrix import MISSING, Codes
from pipeline.label.priors import Priors

Floats = npt.NDArray[np.float64]
_MAX_ITERATIONS = 2000
_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Posterior:
    """A fit of one finding.

    Attributes:
        p_positive: probability that the finding is present, shape (n,).
        prevalence: share of films with the finding.
        emission: P(state | truth), shape (annotators, 2, 4): truth absent, present; states as `labels.STATES`.
    """

    p_positive: Floats
    prevalence: float
    emission: Floats

    @property
    def p_present(self) -> Floats:
        """P(present | state) of one annotator alone, shape (annotators, 4)."""
        joint = self.emission * np.array([1 - self.prevalence, self.prevalence])[None, :, None]
        return np.asarray(joint[:, 1] / joint.sum(axis=1))


def fit(codes: Codes, priors: Priors) -> Posterior:
    """Fit one finding.

    Args:
        codes: shape (n, annotators): position in `labels.STATES`, or MISSING. Rows without any annotator get the prevalence.
        priors: of the finding, for the same annotators.
    """
    patterns, which, counts = _patterns(codes)
    is_asked = (patterns != MISSING).any(axis=1)
    weights = np.where(is_asked, counts, 0).astype(np.float64)
    given = _one_hot(patterns)
    emission, prevalence = _normalise(priors.emission), float(priors.prevalence[1] / priors.prevalence.sum())
    present = _expect(given, emission, prevalence)
    for _ in range(_MAX_ITERATIONS):
        by_truth = weights[:, None] * np.stack([1 - present, present], axis=1)
        emission = _normalise(priors.emission + np.einsum("pt,pas->ats", by_truth, given))
        counted = by_truth.sum(axis=0) + priors.prevalence
        prevalence = float(counted[1] / counted.sum())
        before, present = present, _expect(given, emission, prevalence)
        if np.abs(present - before).max(initial=0.0) < _TOLERANCE:
            break
    return Posterior(present[which], prevalence, emission)


def _patterns(codes: Codes) -> tuple[Codes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct rows, the row each film has, and how many films have it."""
    number = np.zeros(len(codes), np.int64)
    for column in codes.T:
        # Renumbered after each annotator, so that any number of annotators fits 64 bits.
        _, number = np.unique(number * (len(STATES) + 1) + column + 1, return_inverse=True)
    _, first, which, counts = np.unique(number, return_index=True, return_inverse=True, return_counts=True)
    return codes[first], which, counts


def _one_hot(patterns: Codes) -> Floats:
    """Shape (patterns, annotators, 4); a missing annotator is all zeros and so says nothing."""
    return np.asarray(patterns[:, :, None] == np.arange(len(STATES))[None, None, :], np.float64)


def _normalise(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def _expect(given: Floats, emission: Floats, prevalence: float) -> Floats:
    """P(present | pattern), shape (patterns,)."""
    evidence = np.einsum("pas,ats->pt", given, np.log(emission))
    log_odds = np.log(prevalence) - np.log1p(-prevalence) + evidence[:, 1] - evidence[:, 0]
    return np.asarray(1 / (1 + np.exp(-log_odds)))
