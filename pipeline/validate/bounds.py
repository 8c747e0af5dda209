"""What scores against text-mined labels allow to say of scores against the truth, when the labels' own errors are known within bounds.

Two answers. Where a label's error does not depend on the score given the truth, the score against the truth follows by a formula (Menon
et al. 2015, "Learning from Corrupted Binary Labels"). Films that fool a labeler may well be the hard ones, so the other answer assumes
nothing of that: the lowest and highest score of any truth that agrees with labels, calls and error rates (Fréchet's bounds).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from pipeline.validate.metrics import Array, auroc

Ends = tuple[float, float]
_STEPS = 5
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Errors:
    """Sensitivity and specificity of the labels against the truth, each as the ends of an interval."""

    sensitivity: Ends
    specificity: Ends


@dataclass(frozen=True, slots=True)
class _World:
    """One pair of error rates: share of positives among films labelled positive, and of negatives among those labelled negative."""

    ppv: float
    npv: float


def worlds(share_positive: float, errors: Errors) -> list[_World]:
    """Error rates within the intervals that agree with the share of films labelled positive.

    A labeler with this specificity calls at least 1 - specificity of all films positive; where fewer are, its specificity is higher.
    """
    return [_World(ppv, npv) for ppv, npv in _rates(share_positive, errors)]


def _rates(share_positive: float, errors: Errors) -> Iterator[tuple[float, float]]:
    grids = (np.linspace(*ends, _STEPS) for ends in (errors.sensitivity, errors.specificity))
    for sensitivity, specificity in product(*grids):
        informed = sensitivity + specificity - 1
        if informed <= 0 or not 0 < share_positive < 1:
            continue
        prevalence = (share_positive - (1 - specificity)) / informed
        if 0 < prevalence < 1:
            yield float(prevalence * sensitivity / share_positive), float((1 - prevalence) * specificity / (1 - share_positive))


def independent_auroc(observed: Ends, share_positive: float, errors: Errors) -> Ends | None:
    """Ends of the AUROC against the truth, where errors do not depend on the score given the truth.

    Corrupted labels pull an AUROC to 1/2 by the factor ppv + npv - 1 (Menon et al. 2015, corollary 3).

    Args:
        observed: ends of the interval of the AUROC against the labels.
        share_positive: of the labels.
        errors: of the labels.

    Returns:
        None where no error rates within the intervals agree with labels and scores: an area above 1 is none.
    """
    found = []
    for world in worlds(share_positive, errors):
        if (informed := world.ppv + world.npv - 1) > 0:
            low, high = (0.5 + (end - 0.5) / informed for end in observed)
            if low <= 1 and high >= 0:
                found += [max(low, 0.0), min(high, 1.0)]
    return _hull(found)


def any_auroc(labels: Array, prob: Array, errors: Errors) -> Ends | None:
    """Lowest and highest AUROC against any truth with these error rates.

    Of the films labelled alike the true positives are those with the highest scores, or those with the lowest.

    Args:
        labels: (n,) 0 or 1.
        prob: (n,).
        errors: of the labels.
    """
    once, found = np.ones((1, len(labels))), []
    for world in worlds(float(labels.mean()), errors):
        for sign in (1.0, -1.0):
            truth = np.zeros(len(labels))
            for label, share in ((1.0, world.ppv), (0.0, 1 - world.npv)):
                inside = np.flatnonzero(labels == label)
                truth[inside[np.argsort(-sign * prob[inside], kind="stable")]] = _first(len(inside), share)
            found.append(float(auroc(truth, prob, once)[0]))
    return _hull(found)


def independent_calls(labels: Array, calls: Array, errors: Errors) -> tuple[Ends | None, Ends | None]:
    """Ends of a model's sensitivity and of its specificity against the truth, where its calls and the labels err independently.

    Args:
        labels: (n,) 0 or 1.
        calls: (n,) 0 or 1.
        errors: of the labels.
    """
    called = np.array([calls[labels == 1].mean(), calls[labels == 0].mean()])

    def at(world: _World) -> tuple[float, float]:
        mixed = np.array([[world.ppv, 1 - world.ppv], [1 - world.npv, world.npv]])
        of_positive, of_negative = np.linalg.solve(mixed, called)
        return float(of_positive), float(1 - of_negative)

    return _both(labels, errors, at)


def any_calls(labels: Array, calls: Array, errors: Errors) -> tuple[Ends | None, Ends | None]:
    """Lowest and highest sensitivity, and specificity, of a model against any truth with these error rates.

    Args:
        labels: (n,) 0 or 1.
        calls: (n,) 0 or 1.
        errors: of the labels.
    """
    low, high = (_both(labels, errors, _frechet(labels, calls, pick)) for pick in (0, 1))
    joined = [_hull([*(one or ()), *(other or ())]) for one, other in zip(low, high, strict=True)]
    return joined[0], joined[1]


def _frechet(labels: Array, calls: Array, pick: int) -> Callable[[_World], tuple[float, float]]:
    """Lower (0) or upper (1) bound in one world, by label: what two shares of the films labelled alike must and can have in common."""
    share, called = {1.0: float(labels.mean()), 0.0: float(1 - labels.mean())}, {}
    for label in share:
        called[label] = float(calls[labels == label].mean())

    def overlap(one: float, other: float) -> float:
        return max(0.0, one + other - 1) if pick == 0 else min(one, other)

    def at(world: _World) -> tuple[float, float]:
        positive = {1.0: world.ppv, 0.0: 1 - world.npv}
        hits = sum(share[label] * overlap(called[label], positive[label]) for label in share)
        rejected = sum(share[label] * overlap(1 - called[label], 1 - positive[label]) for label in share)
        prevalence = sum(share[label] * positive[label] for label in share)
        return hits / prevalence, rejected / (1 - prevalence)

    return at


def _both(labels: Array, errors: Errors, at: Callable[[_World], tuple[float, float]]) -> tuple[Ends | None, Ends | None]:
    found = [at(world) for world in worlds(float(labels.mean()), errors) if world.ppv + world.npv > 1]
    found = [shares for shares in found if all(-_SLACK <= share <= 1 + _SLACK for share in shares)]
    return _hull([one for one, _ in found]), _hull([other for _, other in found])


def _first(n: int, share: float) -> npt.NDArray[np.float64]:
    """1 for the first share of n films, 0 for the rest, the one at the edge in part."""
    return np.clip(share * n - np.arange(n), 0.0, 1.0)


def _hull(values: list[float]) -> Ends | None:
    return (max(0.0, min(values)), min(1.0, max(values))) if values else None
