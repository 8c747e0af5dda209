"""Logits to probabilities: Platt scaling (Platt 1999) for each finding, shrunk to one slope shared by all findings.

A finding with three positives cannot carry a slope of its own; all findings together can. Fitted on films the network was not
trained on and that are not judged with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SHARED_SPREAD = 1.0
FINDING_SPREAD = 0.25
MIN_SLOPE = 0.05
MAX_SLOPE = 5.0


@dataclass(frozen=True, slots=True)
class Platt:
    """Probability = sigmoid(slope * logit + intercept); both of shape (findings,). Slopes are positive: the order of films stays."""

    slope: Array
    intercept: Array

    def __call__(self, logits: Array) -> Array:
        """Probabilities, (n, findings), of logits, (n, findings)."""
        return sigmoid(logits * self.slope + self.intercept)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    return np.exp(-np.logaddexp(0.0, -x))


def fit_platt(logits: Array, targets: Array, start: Array) -> Platt:
    """Fit slopes and intercepts.

    Args:
        logits: (n, findings).
        targets: (n, findings) in [0, 1], NaN where unknown.
        start: (findings,), intercepts believed beforehand: what a finding without a known film gets. Known films outweigh it.

    Returns:
        The calibration. The logarithm of a slope is held near the shared one, and that near 0, by normal priors.
    """
    shared = _fit_shared(logits, targets, start)
    fitted = [_fit_finding(logits[:, column], targets[:, column], shared, start[column]) for column in range(logits.shape[1])]
    return Platt(np.array([slope for slope, _ in fitted]), np.array([intercept for _, intercept in fitted]))


def _fit_shared(logits: Array, targets: Array, start: Array) -> float:
    def loss(theta: Array) -> tuple[float, Array]:
        value, residual = _cells(logits * np.exp(theta[0]) + theta[1:], targets)
        by_slope = float((residual * logits).sum() * np.exp(theta[0]))
        prior, pull = _intercept_prior(theta[1:], start)
        gradient = np.concatenate([[by_slope + theta[0] / SHARED_SPREAD**2], residual.sum(0) + pull])
        return value + float(prior.sum()) + theta[0] ** 2 / (2 * SHARED_SPREAD**2), gradient

    return float(_minimise(loss, np.concatenate([[0.0], start]))[0])


def _fit_finding(logits: Array, targets: Array, shared: float, start: float) -> tuple[float, float]:
    def loss(theta: Array) -> tuple[float, Array]:
        value, residual = _cells(logits * np.exp(theta[0]) + theta[1], targets)
        prior, pull = _intercept_prior(theta[1:], np.array([start]))
        by_slope = float((residual * logits).sum() * np.exp(theta[0])) + (theta[0] - shared) / FINDING_SPREAD**2
        gradient = np.array([by_slope, float(residual.sum() + pull[0])])
        return value + float(prior[0]) + (theta[0] - shared) ** 2 / (2 * FINDING_SPREAD**2), gradient

    found = _minimise(loss, np.array([shared, start]))
    return float(np.exp(found[0])), float(found[1])


def _intercept_prior(intercept: Array, start: Array) -> tuple[Array, Array]:
    # A normal prior of deviation 2: weaker than one known film, but finite where all known films are of one class.
    return (intercept - start) ** 2 / 8, (intercept - start) / 4


def _cells(scores: Array, targets: Array) -> tuple[float, Array]:
    """Negative log-likelihood over the known cells, and its derivative by the scores."""
    known = np.isfinite(targets)
    target = np.where(known, targets, 0.0)
    losses = np.logaddexp(0.0, scores) - target * scores
    return float(losses[known].sum()), np.where(known, sigmoid(scores) - target, 0.0)


def _minimise(loss: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    from scipy.optimize import minimize

    bounds = [(float(np.log(MIN_SLOPE)), float(np.log(MAX_SLOPE))), *[(-np.inf, np.inf)] * (len(start) - 1)]
    found: Array = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found
