"""From annotators, posterior and verdicts to one label a film and finding, beside the label that was given, which stays as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base.interfaces import UncertaintyPolicy
from pipeline.base.labels import STATES, LabelState
from pipeline.label.agreement import conflicts
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, UNCERTAIN, UNMENTIONED, Codes, LabelMatrix
from pipeline.label.posterior import Posterior

# Where annotators differ: POSITIVE from here up, NEGATIVE from 1 minus here down.
SURE = 0.7
_NAMES = np.array([str(state) for state in STATES], object)
Unmentioned = Literal["negative", "ignore"]
Objects = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """States and probabilities of one finding, each of shape (n,)."""

    state: Objects
    decided_by: Objects
    p_positive: Floats


def label_rows(
    matrix: LabelMatrix,
    fit: Posterior,
    verdicts: Objects,
    policy: tuple[str, UncertaintyPolicy],
    unmentioned: Unmentioned,
    reader_error: float,
) -> pd.DataFrame:
    """Rows of the table `labels` for one finding.

    Args:
        matrix: who said what; columns in the order in which a given label is looked for.
        fit: posterior over annotators.
        verdicts: POSITIVE, NEGATIVE, UNCERTAIN or None, shape (n,).
        policy: name and policy of the finding.
        unmentioned: what silence of an annotator that was asked becomes in training.
        reader_error: how often a verdict is wrong.
    """
    given, given_by = first_given(matrix)
    merged = override(reconcile(matrix, fit.p_positive), verdicts, reader_error)
    is_moved = merged.p_positive != fit.p_positive
    low, high = (np.where(is_moved, merged.p_positive, bound) for bound in fit.interval)
    return pd.DataFrame(
        {
            "image_id": matrix.items,
            "finding": matrix.finding,
            "given_label": _NAMES[np.where(given == MISSING, UNMENTIONED, given)],
            "given_annotator": given_by,
            "state": merged.state,
            "decided_by": merged.decided_by,
            "p_positive": merged.p_positive,
            "p_low": low,
            "p_high": high,
            "p_annotators": fit.p_positive,
            "theta_sd": fit.theta_sd,
            "n_annotators": matrix.asked.sum(axis=1),
            "n_readers": matrix.asked[:, matrix.by_reader].sum(axis=1),
            "annotators": _asked(matrix),
            "is_conflict": conflicts(matrix),
            "verdict": verdicts,
            "policy": policy[0],
            "given_target": targets(given, fit.p_positive, policy[1], unmentioned),
            "given_side": sides(given, policy[1], unmentioned),
        }
    )


def _asked(matrix: LabelMatrix) -> Objects:
    """Names of the annotators asked about each film, shape (n,). Few combinations occur, so each list is made once."""
    sets, which = np.unique(matrix.asked, axis=0, return_inverse=True)
    lists = np.empty(len(sets), object)
    lists[:] = [[name for name, is_asked in zip(matrix.annotators, row, strict=True) if is_asked] for row in sets]
    return np.asarray(lists[which.ravel()])


def first_given(matrix: LabelMatrix) -> tuple[Codes, Objects]:
    """The code of the first annotator that was asked about each film, and its name; MISSING and None where nobody was."""
    if not matrix.annotators:
        return np.full(len(matrix.items), MISSING, np.int8), np.full(len(matrix.items), None, object)
    first = matrix.asked.argmax(axis=1)
    given = np.take_along_axis(matrix.codes, first[:, None], axis=1)[:, 0]
    names = np.array(matrix.annotators, object)[first]
    names[given == MISSING] = None
    return given, names


def reconcile(matrix: LabelMatrix, p_positive: Floats) -> Reconciled:
    """One state a film, chosen among what was said.

    What all who speak say stands; how far it is to be believed is p's to tell. Where they differ it is POSITIVE at p >= SURE and NEGATIVE
    at p <= 1 - SURE if somebody says so, else UNCERTAIN. All silent is UNMENTIONED, never NEGATIVE.
    """
    codes = np.full(len(matrix.items), UNCERTAIN)
    codes[(p_positive >= SURE) & matrix.said(POSITIVE)] = POSITIVE
    codes[(p_positive <= 1 - SURE) & matrix.said(NEGATIVE)] = NEGATIVE
    said = np.stack([matrix.said(state) for state in (POSITIVE, NEGATIVE, UNCERTAIN)])
    for state, alone in zip((POSITIVE, NEGATIVE, UNCERTAIN), said & (said.sum(axis=0) == 1), strict=True):
        codes[alone] = state
    codes[~said.any(axis=0)] = UNMENTIONED
    decided_by = np.where(matrix.asked.any(axis=1), "annotators", "nobody").astype(object)
    return Reconciled(_NAMES[codes], decided_by, p_positive)


def override(label: Reconciled, verdicts: Objects, reader_error: float) -> Reconciled:
    """A verdict decides the state; an UNCERTAIN one leaves the annotators' probability, for it adds no evidence."""
    has_verdict = np.array([verdict is not None for verdict in verdicts], bool)
    p_positive = np.where(verdicts == LabelState.POSITIVE, 1 - reader_error, label.p_positive)
    p_positive = np.where(verdicts == LabelState.NEGATIVE, reader_error, p_positive)
    return Reconciled(
        np.where(has_verdict, verdicts, label.state), np.where(has_verdict, "verdict", label.decided_by).astype(object), p_positive
    )


def targets(given: Codes, p_positive: Floats, policy: UncertaintyPolicy, unmentioned: Unmentioned) -> Floats:
    """Training targets of given labels, NaN where masked out, shape (n,).

    `unmentioned` says what silence becomes where the policy leaves it open. A film nobody was asked about is always masked out.
    """
    states = _NAMES[np.where(given == MISSING, UNMENTIONED, given)]
    made = np.array(policy(states, p_positive), np.float64)
    made[(given == UNMENTIONED) & np.isnan(made)] = 0.0 if unmentioned == "negative" else np.nan
    made[given == MISSING] = np.nan
    return made


def sides(given: Codes, policy: UncertaintyPolicy, unmentioned: Unmentioned) -> Floats:
    """What given labels claim, whatever soft target they train at: 1 present, 0 absent, NaN neither; shape (n,).

    An UNCERTAIN label claims what the policy makes of it, unless that depends on the posterior: a label that trains at its own posterior
    cannot be wrong about it. Silence claims absence where `unmentioned` is "negative".
    """
    uncertain = np.array([str(LabelState.UNCERTAIN)], object)
    always = {float(policy(uncertain, np.array([p]))[0]) for p in (0.0, 1.0)}
    claimed = {POSITIVE: 1.0, NEGATIVE: 0.0, UNMENTIONED: 0.0 if unmentioned == "negative" else np.nan}
    if all(target > 0.5 for target in always) or all(target < 0.5 for target in always):
        claimed[UNCERTAIN] = float(min(always) > 0.5)
    made = np.full(len(given), np.nan)
    for code, side in claimed.items():
        made[given == code] = side
    return made
