"""Whether a score is another inside a subgroup than outside it: the same trainings, truth and resamples as in `scores`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.base import tables
from pipeline.base.settings import Settings
from pipeline.validate.arms import Answers
from pipeline.validate.bootstrap import interval, with_seeds
from pipeline.validate.delong import holm, wald
from pipeline.validate.films import Cast
from pipeline.validate.scores import MACRO, SCORED, Chance, Measured, chance_of, less, macro, of_finding
from pipeline.validate.truth import Truth


@dataclass(frozen=True, slots=True)
class Gap:
    """One row of the table."""

    trained_on: str
    finding: str
    metric: str
    subgroup: str
    subgroup_value: str
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    p_holm: float | None


def measured(cast: Cast, answers: Answers, truth: Truth, settings: Settings) -> list[Gap]:
    """Every metric of every finding and arm, for each value of each subgroup that has more than one.

    A family of p-values is the findings and values of one subgroup, arm and metric; the mean over findings is a family of its own. Of two
    values the one's gap is the other's turned round: one test, not two.

    Args:
        cast: films, subgroups and findings.
        answers: probabilities for the test films.
        truth: of the test films.
        settings: seed and number of resamples.
    """
    chance, made = chance_of(cast, answers, settings), list[Gap]()
    for subgroup, values in cast.subgroups.items():
        of_test = values[cast.test]
        named = [str(value) for value in np.unique(of_test)]
        if len(named) > 1:
            found = [gap for value in named for gap in _gaps(cast, answers, truth, chance, subgroup, value, of_test == value)]
            made += _adjusted(found, mirrored=len(named) == 2)
    return made


def table(made: list[Gap]) -> pa.Table:
    """The rows as table `subgroup_gaps`."""
    return pa.Table.from_pylist([asdict(gap) for gap in made], tables.BY_NAME["subgroup_gaps"].types)


def _gaps(
    cast: Cast, answers: Answers, truth: Truth, chance: Chance, subgroup: str, value: str, rows: npt.NDArray[np.bool_]
) -> Iterator[Gap]:
    columns = range(len(cast.findings))
    inside, outside = ([of_finding(column, part, answers, truth, chance.sample, {}) for column in columns] for part in (rows, ~rows))
    for metric in SCORED:
        found = [less(one[metric], other[metric]) for one, other in zip(inside, outside, strict=True)]
        known = [one for one in found if all(np.isfinite(values).all() for values in one.per_seed.values())]
        for finding, gap in (*zip(cast.findings, found, strict=True), (MACRO, macro(known, found[0]))):
            for arm in answers.probs:
                yield _gap(Gap(arm, finding, metric, subgroup, value, None, None, None, None, None), gap, chance)


def _gap(gap: Gap, one: Measured, chance: Chance) -> Gap:
    estimate = one.estimate(gap.trained_on)
    if not np.isfinite(estimate):
        return gap
    drawn = with_seeds(one.draws[gap.trained_on], one.per_seed[gap.trained_on], chance.noise)
    low, high = interval(drawn) or (None, None)
    return replace(gap, estimate=estimate, ci_low=low, ci_high=high, p_value=wald(estimate, drawn))


def _adjusted(found: list[Gap], mirrored: bool) -> Iterator[Gap]:
    families: dict[tuple[str | bool, ...], list[Gap]] = {}
    for gap in found:
        one_of_two = gap.subgroup_value if mirrored else ""
        families.setdefault((gap.trained_on, gap.metric, gap.finding == MACRO, one_of_two), []).append(gap)
    for family in families.values():
        adjusted = iter(holm([gap.p_value for gap in family if gap.p_value is not None]))
        yield from (gap if gap.p_value is None else replace(gap, p_holm=next(adjusted)) for gap in family)
