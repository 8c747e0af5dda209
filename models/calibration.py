"""Logits to probabilities: Platt scaling (Platt 1999) for each finding, shrunk to one slope shared by all findings; or other ways.

A finding with three positives cannot carry a slope of its own; all findings together can. Fitted on films the network was not
trained on and that are not judged with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.base.targets import equivalent_counts

Array = npt.NDArray[np.float64]

SHARED_SPREAD = 1.0
FINDING_SPREAD = 0.25
MIN_SLOPE = 0.05
MAX_SLOPE = 5.0
# Positive and negative films below which a finding keeps Platt's curve.
LEAST_ISOTONIC = 30


@dataclass(frozen=True, slots=True)
class Platt:
    """Probability = sigmoid(slope * logit + intercept); both of shape (findings,). Slopes are positive: the order of films stays."""

    slope: Array
    intercept: Array

    def __call__(self, logits: Array) -> Array:
        """Probabilities, (n, findings), of logits, (n, findings)."""
        return sigmoid(logits * self.slope + self.intercept)


class Calibration(Protocol):
    """Probabilities, (n, findings), of logits, (n, findings); the order of films within a finding stays."""

    def __call__(self, logits: Array) -> Array:
        """As the class says."""
        ...


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Platt's probability, bent to the shares that were seen where a finding has films enough.

    Attributes:
        platt: for all findings.
        steps: finding's column -> thresholds and values of a non-decreasing step function, joined by straight lines.
    """

    platt: Platt
    steps: dict[int, tuple[Array, Array]]

    def __call__(self, logits: Array) -> Array:
        """As `Calibration`."""
        probs = self.platt(logits)
        for column, (thresholds, values) in self.steps.items():
            probs[:, column] = np.interp(probs[:, column], thresholds, values)
        return probs


def fit(kind: str, logits: Array, targets: Array, start: Array) -> Calibration:
    """Fit what turns logits into probabilities.

    Args:
        kind: platt, temperature or isotonic.
        logits: (n, findings) of films the network was not trained on.
        targets: (n, findings) in [0, 1], NaN where unknown.
        start: (findings,) intercepts believed beforehand.
    """
    ways: dict[str, Callable[[Array, Array, Array], Calibration]] = {
        "platt": fit_platt,
        "temperature": fit_temperature,
        "isotonic": fit_isotonic,
    }
    return ways[kind](logits, targets, start)


def fit_temperature(logits: Array, targets: Array, start: Array) -> Platt:
    """One slope for all findings, nothing else: needs few films (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""
    logits = logits + start

    def loss(theta: Array) -> tuple[float, Array]:
        value, residual = _cells(logits * np.exp(theta[0]), targets)
        by_slope = float((residual * logits).sum() * np.exp(theta[0]))
        return value + theta[0] ** 2 / (2 * SHARED_SPREAD**2), np.array([by_slope + theta[0] / SHARED_SPREAD**2])

    slope = float(np.exp(_minimise(loss, np.zeros(1))[0]))
    return Platt(np.full(len(start), slope), slope * start)


def fit_isotonic(logits: Array, targets: Array, start: Array) -> Isotonic:
    """Platt scaling, then isotonic regression (Zadrozny and Elkan 2002) for findings with films enough; steps on few films are noise."""
    from sklearn.isotonic import IsotonicRegression

    platt = fit_platt(logits, targets, start)
    probs, steps = platt(logits), {}
    for column in np.flatnonzero((equivalent_counts(targets) >= LEAST_ISOTONIC).all(0)):
        known = np.isfinite(targets[:, column])
        # Between 0 and 1: a probability of 0 would be refuted by a single film.
        least = 0.5 / known.sum()
        bent = IsotonicRegression(y_min=least, y_max=1 - least).fit(probs[known, column], targets[known, column])
        steps[int(column)] = (bent.X_thresholds_.astype(np.float64), bent.y_thresholds_.astype(np.float64))
    return Isotonic(platt, steps)


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
