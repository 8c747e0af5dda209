"""Two label files side by side, or against a gold standard: agreement, scores with intervals, and the cells where they part.

Here belongs what is compared. The arithmetic belongs to `contingency.py`, the page to `compare_page.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.base.errors import InputError
from pipeline.base.findings import NO_FINDING
from pipeline.base.labels import STATES
from pipeline.label import contingency, partings
from pipeline.label.contingency import KINDS, Array, Codes
from pipeline.label.partings import Parting
from pipeline.label.state_files import States

ALL, MEAN = "all findings", "mean of findings"


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % percentile bootstrap interval over reports; None where it does not exist."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two files agree on a finding: over the four states, and each state against the rest."""

    finding: str
    cells: int
    agreed: Interval
    kappa: Interval
    states: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Score:
    """How far one file is right about one finding, for one kind of `contingency.KINDS`."""

    labels: str
    finding: str
    kind: str
    hits: int
    alarms: int
    misses: int
    precision: Interval
    recall: Interval
    f1: Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that a comparison says.

    Attributes:
        files: the label files, and the gold standard last where there is one.
        reports: reports compared.
        notes: what was left out, in words.
    """

    files: tuple[str, ...]
    reports: int
    agreements: tuple[Agreement, ...]
    scores: tuple[Score, ...]
    partings: tuple[Parting, ...]
    notes: tuple[str, ...]


def compare(
    files: Sequence[States], gold: States | None, findings: Sequence[str] | None = None, draws: int = 1000, seed: int = 0
) -> Comparison:
    """Compare one or two label files, and score them against a gold standard.

    "No Finding" is scored but is in no overall figure: it only restates the others. A gold standard of plain 1 and 0 codes what is
    present, so that only `positive` is scored, and uncertain counts as not positive.

    Args:
        files: one or two.
        gold: needed when there is one file.
        findings: only these.
        draws: bootstrap samples of the reports.
        seed: of the bootstrap.

    Raises:
        InputError: the files share no report or no finding.
    """
    everyone = (*files, *((gold,) if gold else ()))
    ids, shared = _shared(everyone, findings)
    codes = [one.take(ids, shared) for one in everyone]
    agreements = _agreements(shared, codes[0], codes[1], draws, seed) if len(files) > 1 else []
    kinds = ("positive",) if gold and gold.is_binary else tuple(KINDS)
    scores = [
        score
        for one, made in zip(files, codes, strict=False)
        if gold
        for score in _scores(one.name, shared, codes[-1], made, kinds, draws, seed)
    ]
    parted = partings.find(ids, shared, codes, gold)
    return Comparison(
        tuple(one.name for one in everyone),
        len(ids),
        tuple(agreements),
        tuple(scores),
        tuple(parted),
        _notes(everyone, ids, shared, gold),
    )


def _shared(everyone: Sequence[States], findings: Sequence[str] | None) -> tuple[pd.Index[str], tuple[str, ...]]:
    """Reports and findings that all have, in the order of the last file (the gold standard's, where there is one)."""
    ids = everyone[-1].ids
    for one in everyone[:-1]:
        ids = ids[ids.isin(one.ids)]
    names = tuple(name for name in everyone[-1].findings if all(name in one.findings for one in everyone))
    names = names if findings is None else tuple(name for name in names if name in findings)
    if not len(ids) or not names:
        raise InputError(f"the files share no {'finding' if len(ids) else 'report'}", "compare labels of the same reports and findings")
    return ids, names


def _agreements(names: Sequence[str], one: Codes, other: Codes, draws: int, seed: int) -> list[Agreement]:
    table, samples = (
        _with_overall(names, contingency.count(one, other)),
        _with_overall(names, contingency.resample(one, other, draws, seed)),
    )
    measures: dict[str, Callable[[Array], Array]] = {
        "agreed": contingency.agreement,
        "kappa": contingency.kappa,
        **{str(state): lambda tables, at=at: contingency.state_kappa(tables, at) for at, state in enumerate(STATES)},  # type: ignore[misc]
    }
    found = {name: _intervals(measure(table), measure(samples)) for name, measure in measures.items()}
    return [
        Agreement(name, int(table[at].sum()), found["agreed"][at], found["kappa"][at], {str(s): found[str(s)][at] for s in STATES})
        for at, name in enumerate((*names, ALL))
    ]


def _scores(labels: str, names: Sequence[str], gold: Codes, said: Codes, kinds: Sequence[str], draws: int, seed: int) -> list[Score]:
    table, samples = (
        _with_overall(names, contingency.count(gold, said)),
        _with_overall(names, contingency.resample(gold, said, draws, seed)),
    )
    made: list[Score] = []
    for kind in kinds:
        counts, drawn = KINDS[kind](table), KINDS[kind](samples)
        figures = [
            _intervals(_with_mean(names, counts, measure(*counts)), _with_mean(names, drawn, measure(*drawn)))
            for measure in (contingency.precision, contingency.recall, contingency.f1)
        ]
        for at, name in enumerate((*names, ALL, MEAN)):
            hits, alarms, misses = (int(part[min(at, len(names))]) for part in counts)
            made.append(Score(labels, name, kind, hits, alarms, misses, *(figure[at] for figure in figures)))
    return made


def _with_overall(names: Sequence[str], tables: Array) -> Array:
    """The tables (..., findings, 4, 4) with their sum over findings, "No Finding" left out, behind them."""
    counted = [at for at, name in enumerate(names) if name != NO_FINDING]
    return np.concatenate([tables, tables[..., counted, :, :].sum(-3, keepdims=True)], axis=-3)


def _with_mean(names: Sequence[str], counts: tuple[Array, Array, Array], figures: Array) -> Array:
    """The figures (..., findings + 1) with their mean over the findings that occur in the truth behind them.

    Where a finding occurs and nothing was called precision is undefined; in the mean it is 0, as nothing was found.
    """
    counted = [at for at, name in enumerate(names) if name != NO_FINDING]
    occurs = (counts[0] + counts[2])[..., counted] > 0
    total = np.where(occurs, np.nan_to_num(figures[..., counted]), 0).sum(-1, keepdims=True)
    return np.concatenate([figures, contingency.divide(total, occurs.sum(-1, keepdims=True))], axis=-1)


def _intervals(values: Array, samples: Array) -> list[Interval]:
    """One for each of `values`, shape (k,), from `samples`, shape (draws, k); a sample without the figure does not count."""
    made: list[Interval] = []
    for value, drawn in zip(values, samples.T, strict=True):
        there = drawn[np.isfinite(drawn)]
        low, high = np.quantile(there, (0.025, 0.975)) if len(there) else (np.nan, np.nan)
        made.append(Interval(*(float(x) if np.isfinite(x) else None for x in (value, low, high))))
    return made


def _notes(everyone: Sequence[States], ids: pd.Index[str], names: Sequence[str], gold: States | None) -> tuple[str, ...]:
    notes = [
        f"{len(one.ids) - len(ids)} reports of {one.name} are not in every file and are left out"
        for one in everyone
        if len(one.ids) > len(ids)
    ]
    notes += [
        f"not in every file: {', '.join(lost)} (of {one.name})" for one in everyone if (lost := [f for f in one.findings if f not in names])
    ]
    if gold and gold.is_binary:
        notes.append(f"{gold.name} holds only 1 and 0: what is present is scored, and uncertain counts as not present")
    return tuple(notes)
