"""Entries from predictions and a truth, by the functions of `cxr score`: every metric that needs no threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audit import files
from pipeline.base.errors import InputError
from pipeline.base.settings import Settings
from pipeline.leaderboard.entries import Entry
from pipeline.score import compare, copies, given
from pipeline.validate.bootstrap import resamples
from pipeline.validate.metrics import METRICS, Array
from pipeline.validate.scores import BOOTSTRAP_STREAM, MACRO


@dataclass(frozen=True, slots=True)
class Reference:
    """What predictions are scored against.

    Attributes:
        truth: CSV of an id and a column a finding.
        dataset: its name.
        split: its name.
        patients: CSV of id and patient, or None where every item is one.
    """

    truth: Path
    dataset: str
    split: str
    patients: Path | None = None


def entries(reference: Reference, predictions: Mapping[str, Path], settings: Settings) -> tuple[list[Entry], tuple[str, ...]]:
    """Score models, finding by finding all that have it on the same items, and the mean over the findings that the same models have.

    Args:
        reference: the truth.
        predictions: model -> CSV.
        settings: `seed` and `validate.bootstrap`.

    Returns:
        Entries, and notes in words.

    Raises:
        InputError: a file is unreadable or shares nothing with the truth.
    """
    has = {model: set(files.predictions(path).cells.columns) for model, path in predictions.items()}
    by_models: dict[tuple[str, ...], list[str]] = {}
    for finding in files.labels(reference.truth).cells.columns:
        models = tuple(model for model in predictions if finding in has[model])
        if models:
            by_models.setdefault(models, []).append(str(finding))
    if not by_models:
        raise InputError(f"no finding is in {reference.truth.name} and in a file of predictions", "give files about the same findings")
    made, notes = [], dict[str, None]()
    for models, findings in by_models.items():
        said = given.read(reference.truth, {model: predictions[model] for model in models}, patients=reference.patients)
        said = said.only(findings)
        made += _of(reference, said, settings)
        notes |= dict.fromkeys((*said.notes, *copies.in_words(said.findings, said.models, said.scored())))
    return made, tuple(notes)


def _of(reference: Reference, said: given.Given, settings: Settings) -> list[Entry]:
    sample = resamples(said.patients, settings.validate_.bootstrap, np.random.default_rng([settings.seed, BOOTSTRAP_STREAM]))
    no_calls = {model: np.full(said.truth.shape, np.nan) for model in said.models}
    table, everybody = compare.Table(said, said.scored(), no_calls, sample), np.ones(len(said.truth), np.bool_)
    whole = compare.measured(table, everybody, {})
    made = []
    for place, finding in enumerate((*said.findings, MACRO)):
        twins = {} if finding == MACRO else _twins({model: cells[table.scored[:, place], place] for model, cells in said.models.items()})
        target = mean_of(compare.estimable(whole)) if finding == MACRO else finding
        for name in METRICS:
            one = whole[finding][name]
            for model in said.models:
                if np.isfinite(one.estimate(model)):
                    low, high = compare.ends(one.draws[model])
                    n = sum(table.support(finding, everybody))
                    where = f"{reference.truth.name}, {settings.validate_.bootstrap} resamples of patients"
                    facts = (reference.dataset, reference.split, name, target, one.estimate(model), low, high, n, "recomputed", where)
                    made.append(Entry(model, *facts, note=twins.get(model, ""), draws=one.draws[model]))
    return made


def _twins(columns: Mapping[str, Array]) -> dict[str, str]:
    """A note for every model whose scores, or their order, are another's."""
    found = {}
    for group, is_equal in copies.same(columns):
        for model in group:
            others = ", ".join(other for other in group if other != model)
            found[model] = f"same {'scores' if is_equal else 'order of items'} as {others}"
    return found


def mean_of(findings: Sequence[str]) -> str:
    """The target of a mean, which names its findings: means over others are other targets."""
    return f"mean of {', '.join(findings)}"
