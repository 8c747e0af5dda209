"""Published models scored as our own trainings are: same films, truth, metrics, subgroups and resamples.

A score that is no probability has an order and nothing else, so it gets the metrics of an order. Chance is that of the patients alone:
there is one set of weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pyarrow as pa

from pipeline.base import tables
from pipeline.base.errors import InputError
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.validate import truth
from pipeline.validate.arms import Answers
from pipeline.validate.films import Array, Cast, pivot
from pipeline.validate.metrics import METRICS, NEED_PROBABILITIES, Metric
from pipeline.validate.scores import MACRO, SCORED, Score, score

RANK_METRICS: Mapping[str, Metric] = {name: metric for name, metric in METRICS.items() if name not in NEED_PROBABILITIES}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one model says of the test films.

    Attributes:
        model: as registered.
        score_kind: what a score of it is.
        checkpoint_sha256: of its weights.
        findings: those it names that the labels have too, sorted.
        scores: (test films, findings).
    """

    model: str
    score_kind: str
    checkpoint_sha256: str
    findings: tuple[str, ...]
    scores: Array

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Those that its scores allow."""
        return SCORED if self.score_kind == "probability" else RANK_METRICS


@dataclass(frozen=True, slots=True)
class ModelScore:
    """A score, and whose."""

    opinion: Opinion
    score: Score


def read(home: Home, cast: Cast) -> list[Opinion]:
    """Table `published_scores` of the test films and of findings that the labels have, by model; none where nobody was asked.

    Raises:
        InputError: a model was not asked about every test film.
    """
    if not home.exists("published_scores") or not cast.test.any():
        return []
    known, test = {*cast.findings, *cast.left_out}, [name for name, is_one in zip(cast.image_ids, cast.test, strict=True) if is_one]
    asked = "SELECT * FROM published_scores SEMI JOIN (SELECT image_id FROM curated WHERE split = 'test') USING (image_id)"
    models = home.sql(
        f"SELECT model, score_kind, checkpoint_sha256, list(DISTINCT finding) AS findings FROM ({asked}) GROUP BY ALL ORDER BY ALL"
    )
    found = []
    for row in models.to_pylist():
        findings = sorted(known & set(row["findings"]))
        if not findings:
            continue
        wanted = ", ".join(f"'{name}'" for name in findings)
        scores = pivot(test, findings, home.sql(f"{asked} WHERE model = '{row['model']}' AND finding IN ({wanted})"), "score")
        if lacking := int(np.isnan(scores).any(1).sum()):
            raise InputError(f"{row['model']} was not asked about {lacking} test films", "run predict again: its films are others now")
        found.append(Opinion(row["model"], row["score_kind"], row["checkpoint_sha256"], tuple(findings), scores))
    return found


def measured(home: Home, cast: Cast, settings: Settings) -> list[ModelScore]:
    """Every row of the table.

    The mean over findings is over those that are trained here too, so that it stands beside that of the trainings; over all that the model
    names where it shares none.
    """
    return [ModelScore(opinion, row) for opinion in read(home, cast) for row in _scored(home, cast, opinion, settings)]


def _scored(home: Home, cast: Cast, opinion: Opinion, settings: Settings) -> Iterator[Score]:
    shared = tuple(name for name in opinion.findings if name in cast.findings)
    others = tuple(name for name in opinion.findings if name not in shared)
    for findings in (part for part in (shared, others) if part):
        some = replace(cast, findings=findings)
        columns = [opinion.findings.index(name) for name in findings]
        answers = Answers({opinion.model: opinion.scores[None][:, :, columns]}, 0)
        has_mean = findings == shared or not shared
        made = score(some, answers, truth.read(home, some), settings, {}, opinion.metrics)
        yield from (row for row in made if has_mean or row.finding != MACRO)


def table(made: list[ModelScore]) -> pa.Table:
    """The rows as table `published_model_scores`."""
    spec = tables.BY_NAME["published_model_scores"]
    rows = [
        {
            **asdict(one.score),
            "model": one.opinion.model,
            "score_kind": one.opinion.score_kind,
            "checkpoint_sha256": one.opinion.checkpoint_sha256,
        }
        for one in made
    ]
    return pa.Table.from_pylist([{name: row[name] for name in spec.names} for row in rows], spec.types)
