"""Trainings under several uncertainty policies, scored against the same truth: each policy is an arm, one of them what it is held against.

What a policy makes of a label is `label`'s; here its targets are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from pipeline.base.errors import InputError
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.validate.scores import Score


@dataclass(frozen=True, slots=True)
class Trained:
    """Scores of every policy and, as "NAME - REFERENCE", its difference to the reference; and what to know of them, in words."""

    scores: list[Score]
    notes: tuple[str, ...]


def score(home: Home, settings: Settings, targets: pa.Table, policies: Sequence[str], reference: str) -> Trained:
    """Train `validate.seeds` times under each policy on the train split, with the same seeds and films, and score on the test split.

    Args:
        home: with films, labels and splits.
        settings: `predict` and `validate` say how is trained.
        targets: image_id, finding, and one column a policy.
        policies: columns of `targets`.
        reference: the policy that the others are held against.

    Raises:
        InputError: no finding can be trained under every policy.
    """
    from models import devices
    from models.films import load_films
    from pipeline.validate import arms, films, scores, truth

    cast = replace(films.cast(home, settings, targets, policies), subgroups={})
    settings = devices.settle(settings)
    if problem := cast.problem(settings.predict.min_positives):
        what, _, remedy = problem.partition(": ")
        raise InputError(what, remedy)
    pixels = load_films(home, cast.image_ids, settings.predict.size_px)
    answers = arms.train(home.work / "policies", pixels, home.table_digest("images"), cast, settings)
    known = truth.read(home, cast)
    contrasts = {f"{name} - {reference}": (name, reference) for name in policies if name != reference}
    left_out = (f"too few train films to score: {', '.join(cast.left_out)}",) if cast.left_out else ()
    return Trained(scores.score(cast, answers, known, settings, contrasts), (*left_out, *known.warnings()))
