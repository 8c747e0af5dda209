"""Scores of one method's suspicion of labels and of its probabilities, for many resamples at once. No files, no methods.

A reading says what -1 means; blank is always read as absent. Under a reading a label is wrong where it differs from the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.validate import metrics
from pipeline.validate.bootstrap import resamples

Floats = npt.NDArray[np.float64]
DRAWS = 500
SEED = 20190121
BUDGETS = (50, 100)
# Majority votes are 0 or 1 outright; without a bound one wrong vote would make every log loss infinite.
CLIP = 1e-3
READINGS = {"u_ones": 1.0, "u_zeros": 0.0}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a method says of the cells of one task, each array of shape (items, findings).

    Attributes:
        p: probability that the finding is present; None where the method only ranks.
        suspicion: reading -> the higher, the more probably wrong.
        flags: reading -> whether the method calls the label an issue; empty where it does not.
    """

    p: Floats | None
    suspicion: dict[str, Floats]
    flags: dict[str, npt.NDArray[np.bool_]]


def read_as(labels: Floats, reading: str) -> Floats:
    """1 or 0 for every label."""
    return np.where(labels == -1, READINGS[reading], np.nan_to_num(labels))


def of_probability(p: Floats, labels: Floats) -> Opinion:
    """A method that gives a probability: a label is the more suspicious the further its reading lies from it."""
    return Opinion(p, {reading: np.abs(read_as(labels, reading) - p) for reading in READINGS}, {})


def draws(units: npt.NDArray[np.str_], n_draws: int = DRAWS) -> Floats:
    """Row 0 counts every item once; the others are resamples of whole patients."""
    counts = resamples(units, n_draws, np.random.default_rng(SEED)).weights().astype(np.float64)
    return np.concatenate([np.ones((1, len(units))), counts])


def scores(opinion: Opinion, labels: Floats, truth: Floats, weights: Floats) -> dict[str, Floats]:
    """Every score that the opinion allows, each of shape (draws,).

    Args:
        opinion: of the method.
        labels: 1, 0, -1, NaN, shape (items, findings).
        truth: 1, 0, or NaN where unknown, likewise.
        weights: shape (draws, items).
    """
    found: dict[str, Floats] = {}
    for reading, suspicion in opinion.suspicion.items():
        wrong = np.where(np.isnan(truth), np.nan, read_as(labels, reading) != truth)
        found[f"ap_{reading}"] = _mean_over_findings(metrics.auprc, wrong, suspicion, weights)
        for budget in BUDGETS:
            found[f"p{budget}_{reading}"] = _first(wrong, suspicion, weights, budget)
    for reading, flags in opinion.flags.items():
        wrong = np.where(np.isnan(truth), np.nan, read_as(labels, reading) != truth)
        known = ~np.isnan(wrong)
        called = weights @ (flags & known).sum(axis=1)
        right = weights @ (flags & (wrong == 1)).sum(axis=1)
        found[f"flag_precision_{reading}"] = np.where(called > 0, right / np.maximum(called, 1), np.nan)
        found[f"flag_share_{reading}"] = called / (weights @ known.sum(axis=1))
    return found if opinion.p is None else found | probability(opinion.p, truth, weights)


def probability(p: Floats, truth: Floats, weights: Floats) -> dict[str, Floats]:
    """Brier and log loss as means over findings; calibration error and slope over all cells, from all items alone."""
    clipped = np.clip(p, CLIP, 1 - CLIP)
    loss = -np.where(truth == 1, np.log(clipped), np.log1p(-clipped))
    whole = ~np.isnan(truth)
    once = np.ones((1, int(whole.sum())))
    return {
        "brier": _mean_loss((p - truth) ** 2, truth, weights),
        "log_loss": _mean_loss(np.where(whole, loss, np.nan), truth, weights),
        "ece": metrics.ece(truth[whole], p[whole], once),
        "slope": np.array([slope(clipped[whole], truth[whole])]),
    }


def slope(p: Floats, truth: Floats) -> float:
    """Calibration slope (Cox 1958): the coefficient of logit(p) in a logistic regression of the truth; 1 is right, less is too sure."""
    logit = np.log(p) - np.log1p(-p)
    design = np.stack([np.ones_like(logit), logit], axis=1)
    beta = np.array([0.0, 1.0])
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        hessian = (design * (fitted * (1 - fitted))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (truth - fitted))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[1])


def interval(values: Floats) -> tuple[float, float]:
    """95 % percentile interval of the resamples behind row 0; NaN where there are none."""
    if len(values) < 2 or np.isnan(values[1:]).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return float(low), float(high)


def _mean_over_findings(metric: metrics.Metric, truth: Floats, suspicion: Floats, weights: Floats) -> Floats:
    made = []
    for wrong, doubt in zip(truth.T, suspicion.T, strict=True):
        known = ~np.isnan(wrong)
        made.append(metric(wrong[known], doubt[known], weights[:, known]))
    # A resample without a wrong label of a rare finding has no precision there: the mean is over those that have one.
    return np.asarray(np.nanmean(np.stack(made), axis=0))


def _mean_loss(loss: Floats, truth: Floats, weights: Floats) -> Floats:
    known = ~np.isnan(truth)
    total, count = weights @ np.where(known, loss, 0.0), weights @ known.astype(np.float64)
    return np.asarray((total / np.maximum(count, 1)).mean(axis=1))


def _first(wrong: Floats, suspicion: Floats, weights: Floats, budget: int) -> Floats:
    """Share of wrong labels among the first cells of all findings; cells of equal suspicion count in proportion."""
    known = ~np.isnan(wrong)
    item = np.broadcast_to(np.arange(len(wrong))[:, None], wrong.shape)[known]
    order = np.argsort(-suspicion[known], kind="stable")
    ordered = suspicion[known][order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    at_once = max(1, 4_000_000 // max(1, len(order)))
    made = []
    for begin in range(0, len(weights), at_once):
        counted = weights[begin : begin + at_once][:, item[order]]
        sizes = np.add.reduceat(counted, starts, axis=1)
        hits = np.add.reduceat(counted * wrong[known][order], starts, axis=1)
        before = np.cumsum(sizes, axis=1) - sizes
        taken = np.clip(budget - before, 0, sizes)
        made.append((hits * np.divide(taken, sizes, out=np.zeros_like(sizes), where=sizes > 0)).sum(axis=1) / budget)
    return np.concatenate(made)
