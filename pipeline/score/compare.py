"""Models by themselves, against each other, against readers, and inside against outside a subgroup, all on the same resamples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pipeline.base.errors import InputError
from pipeline.score.given import Given
from pipeline.score.rows import Row, adjusted
from pipeline.validate.bootstrap import Resamples, interval
from pipeline.validate.delong import Areas, areas, wald
from pipeline.validate.metrics import CALLS, METRICS, NEED_PROBABILITIES, Array, Metric
from pipeline.validate.readers import sensitivity_gap
from pipeline.validate.scores import MACRO, MIN_FILMS_OF_A_KIND, Contrasts, Measured, less, macro, measure

MICRO, OTHERS, MEAN_READER = "micro", "others", "readers"
GAP = "sensitivity_at_reader_specificity"
Rows = npt.NDArray[np.bool_]
# Finding, macro and micro -> metric -> scores of all models, and differences.
Whole = dict[str, dict[str, Measured]]


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that is measured.

    Attributes:
        given: truth, models and readers.
        scored: (n, F) cells that count.
        called: model -> (n, F) calls.
        sample: resamples of the n items.
    """

    given: Given
    scored: Rows
    called: dict[str, Array]
    sample: Resamples

    def support(self, finding: str, rows: Rows) -> tuple[int, int]:
        """Positive and negative cells of a finding, or of all for macro and micro."""
        columns = [self.given.findings.index(finding)] if finding in self.given.findings else slice(None)
        cells = self.given.truth[rows][:, columns][self.scored[rows][:, columns]]
        return int((cells == 1).sum()), int((cells == 0).sum())


def pairs(models: Iterable[str]) -> Contrasts:
    """Every two models, the first less the second."""
    return {f"{one} - {other}": (one, other) for one, other in combinations(models, 2)}


def ends(drawn: Array) -> tuple[float | None, float | None]:
    """The 95 % interval over resamples, or twice None."""
    return interval(drawn) or (None, None)


def measured(table: Table, rows: Rows, contrasts: Contrasts) -> Whole:
    """Every metric of every model on some items, by finding, as macro and as micro."""
    by_finding: Whole = {}
    for column, finding in enumerate(table.given.findings):
        cells = np.zeros_like(table.scored)
        cells[:, column] = rows & table.scored[:, column]
        by_finding[finding] = _of_cells(table, cells, contrasts)
    names = estimable(by_finding)
    pooled = np.zeros_like(table.scored)
    for finding in names:
        column = table.given.findings.index(finding)
        pooled[:, column] = rows & table.scored[:, column]
    micro = _of_cells(table, pooled, contrasts)
    nothing = next(iter(by_finding.values()))
    mean = {name: macro([by_finding[finding][name] for finding in names], nothing[name]) for name in nothing}
    return {**by_finding, MACRO: mean, MICRO: micro}


def estimable(whole: Whole) -> list[str]:
    """Findings with enough films of both kinds, which macro and micro are over."""
    return [name for name, found in whole.items() if name not in (MACRO, MICRO) and _is_known(found["auroc"])]


def _is_known(one: Measured) -> bool:
    return any(np.isfinite(values).all() for values in one.per_seed.values())


def _of_cells(table: Table, cells: Rows, contrasts: Contrasts) -> dict[str, Measured]:
    """Metrics over some cells, of one finding or of several pooled; a resample takes all cells of a patient."""
    sample, values = table.sample.take(np.nonzero(cells)[0]), table.given.truth[cells]
    probs = {model: scores[cells][None] for model, scores in table.given.models.items()}
    found = measure(METRICS, values, probs, sample, contrasts)
    for model, scores in table.given.models.items():
        if not are_probabilities(scores):
            for name in NEED_PROBABILITIES:
                _forget(found[name], {model, *(kind for kind, two in contrasts.items() if model in two)})
    calls = {model: said[cells][None] for model, said in table.called.items()}
    if not all(np.isfinite(said).all() for said in calls.values()):
        # No threshold could be chosen: nothing is scored, which is not estimable.
        values, sample, calls = values[:0], sample.take(slice(0)), {model: said[:, :0] for model, said in calls.items()}
    return found | measure(CALLS, values, calls, sample, contrasts)


def are_probabilities(scores: Array) -> bool:
    """Whether every score lies in 0 to 1."""
    known = scores[np.isfinite(scores)]
    return bool(((known >= 0) & (known <= 1)).all())


def _forget(one: Measured, kinds: set[str]) -> None:
    for kind in kinds:
        one.per_seed[kind] = np.full_like(one.per_seed[kind], np.nan)
        one.draws[kind] = np.full_like(one.draws[kind], np.nan)


def of_models(table: Table, whole: Whole) -> Iterator[Row]:
    """Scores of every model on all items."""
    everybody = np.ones(len(table.given.truth), np.bool_)
    for finding, by_metric in whole.items():
        support = table.support(finding, everybody)
        for name, one in by_metric.items():
            for model in table.given.models:
                yield _row(one, model, Row(model, "", finding, name, n_positive=support[0], n_negative=support[1]))


def of_pairs(table: Table, whole: Whole) -> Iterator[Row]:
    """Differences of every two models; a family is the pairs for one finding and metric."""
    everybody = np.ones(len(table.given.truth), np.bool_)
    contrasts = pairs(table.given.models)
    for finding, by_metric in whole.items():
        support = table.support(finding, everybody)
        exact = _areas(table, finding)
        for name, one in by_metric.items():
            family = []
            for kind, two in contrasts.items():
                row = _row(one, kind, Row(*two, finding, name, n_positive=support[0], n_negative=support[1]))
                p_value = exact[two] if name == "auroc" and exact else wald(one.estimate(kind), one.draws[kind])
                family.append(_tested(row, p_value))
            yield from adjusted(family)


def _areas(table: Table, finding: str) -> dict[tuple[str, str], float]:
    """DeLong's p of every two models; empty for means over findings, and where there are too few patients."""
    if finding not in table.given.findings:
        return {}
    column = table.given.findings.index(finding)
    rows = table.scored[:, column]
    names = list(table.given.models)
    try:
        found: Areas = areas(
            table.given.truth[rows, column],
            np.stack([table.given.models[name][rows, column] for name in names]),
            table.given.patients[rows],
        )
    except InputError:
        return {}
    return {(names[one], names[other]): found.difference(one, other)[2] for one, other in combinations(range(len(names)), 2)}


def of_subgroups(table: Table) -> Iterator[Row]:
    """Scores inside every value of every subgroup, and the gap to everybody else.

    A family is the findings and values of one subgroup, model and metric; the mean over findings is a family of its own. Of two values the
    one's gap is the other's turned round: one test, not two.
    """
    for subgroup, values in table.given.subgroups.items():
        made: list[Row] = []
        named = np.unique(values)
        for value in named:
            inside, outside = (measured(table, rows, {}) for rows in (values == value, values != value))
            made += _inside(table, inside, subgroup, str(value), values == value)
            made += _gaps(table, inside, outside, subgroup, str(value), values == value)
        yield from _by_family(made, _of_two if len(named) == 2 else _of_several)


def _of_several(row: Row) -> tuple[str, ...]:
    return row.compared_with, row.model, row.metric, str(row.finding == MACRO)


def _of_two(row: Row) -> tuple[str, ...]:
    return *_of_several(row), row.subgroup_value


def _inside(table: Table, inside: Whole, subgroup: str, value: str, rows: Rows) -> Iterator[Row]:
    for finding, by_metric in inside.items():
        support = table.support(finding, rows)
        for name, one in by_metric.items():
            for model in table.given.models:
                yield _row(one, model, Row(model, "", finding, name, subgroup, value, n_positive=support[0], n_negative=support[1]))


def _gaps(table: Table, inside: Whole, outside: Whole, subgroup: str, value: str, rows: Rows) -> Iterator[Row]:
    both = [finding for finding in estimable(inside) if finding in estimable(outside)]
    for finding, by_metric in inside.items():
        support = table.support(finding, rows)
        for name, one in by_metric.items():
            if finding == MICRO:
                continue
            gap = less(one, outside[finding][name])
            if finding == MACRO:
                # Both means over the same findings, or the gap would be one of case mix.
                gap = macro([less(inside[each][name], outside[each][name]) for each in both], gap)
            for model in table.given.models:
                row = Row(model, OTHERS, finding, name, subgroup, value, n_positive=support[0], n_negative=support[1])
                yield _tested(_row(gap, model, row), wald(gap.estimate(model), gap.draws[model]))


def of_readers(table: Table) -> list[Row]:
    """Readers' own scores, and every model beside each reader and beside their mean; a family is the findings."""
    made: list[Row] = []
    beside: dict[tuple[str, str], list[Measured]] = {}
    for reader, said in table.given.readers.items():
        by_finding = {finding: _beside(table, said, column) for column, finding in enumerate(table.given.findings)}
        known = [finding for finding, found in by_finding.items() if _is_known(found["mcc"])]
        nothing = next(iter(by_finding.values()))
        by_finding[MACRO] = {name: macro([by_finding[finding][name] for finding in known], nothing[name]) for name in nothing}
        for finding, found in by_finding.items():
            support = table.support(finding, np.ones(len(said), np.bool_))
            own = Row(reader, "", finding, "", n_positive=support[0], n_negative=support[1])
            made += [_row(found[name], "reader", replace(own, metric=name)) for name in CALLS]
            for name in ("mcc", "f1", GAP):
                beside.setdefault((finding, name), []).append(found[name])
                for model in table.given.models:
                    made.append(_difference(found[name], model, replace(own, model=model, compared_with=reader, metric=name)))
    for (finding, name), several in beside.items():
        support = table.support(finding, np.ones(len(table.scored), np.bool_))
        mean = macro([one for one in several if _is_known(one)], several[0])
        blank = Row("", MEAN_READER, finding, name, n_positive=support[0], n_negative=support[1])
        made += [_difference(mean, model, replace(blank, model=model)) for model in table.given.models]
    return list(_by_family(made, lambda row: (row.compared_with, row.model, row.metric)))


def _beside(table: Table, said: Array, column: int) -> dict[str, Measured]:
    """The reader's scores as `reader`, and by model the difference in calls and the gap to the curve, on what the reader read."""
    rows = table.scored[:, column] & np.isfinite(said[:, column])
    values, sample = table.given.truth[rows, column], table.sample.take(rows)
    calls = {model: called[rows, column] for model, called in table.called.items()}
    if not all(np.isfinite(called).all() for called in calls.values()):
        rows = np.zeros_like(rows)
        values, sample, calls = values[:0], sample.take(slice(0)), {model: called[:0] for model, called in calls.items()}
    reader = said[rows, column]
    arms = {"reader": reader[None], **{f"called:{model}": called[None] for model, called in calls.items()}}
    found = measure(CALLS, values, arms, sample, {model: (f"called:{model}", "reader") for model in calls})
    curves = {model: scores[rows, column][None] for model, scores in table.given.models.items()}
    gap: Mapping[str, Metric] = {GAP: sensitivity_gap(reader)}
    return found | measure(gap, values, curves, sample, {})


def _difference(one: Measured, kind: str, row: Row) -> Row:
    return _tested(_row(one, kind, row), wald(one.estimate(kind), one.draws[kind]))


def _row(one: Measured, kind: str, row: Row) -> Row:
    """The row with its numbers; as it is where the score is not estimable."""
    if not np.isfinite(one.estimate(kind)):
        return row
    low, high = ends(one.draws[kind])
    return replace(row, estimate=one.estimate(kind), ci_low=low, ci_high=high)


def _tested(row: Row, p_value: float | None) -> Row:
    return row if row.estimate is None else replace(row, p_value=p_value)


def _by_family(made: Iterable[Row], family: Callable[[Row], tuple[str, ...]]) -> Iterator[Row]:
    """Rows with p-values adjusted within families, family by family."""
    families: dict[tuple[str, ...], list[Row]] = {}
    for row in made:
        families.setdefault(family(row), []).append(row)
    for rows in families.values():
        yield from adjusted(rows)


def notes(table: Table, whole: Whole) -> Iterator[str]:
    """What macro is over, and what was not estimable or no probability."""
    over = estimable(whole)
    rare = [finding for finding in table.given.findings if finding not in over]
    if rare:
        yield f"not estimable, with fewer than {MIN_FILMS_OF_A_KIND} positive or negative items: {', '.join(rare)}"
    yield f"macro and micro are over {len(over)} findings: {', '.join(over) or 'none'}"
    scales = [model for model, scores in table.given.models.items() if not are_probabilities(scores)]
    if scales:
        yield f"scores outside 0 to 1 are no probabilities and have no Brier score and no ECE: {', '.join(scales)}"
