"""The HTML page of a comparison: agreement, scores, and the cells where the files part with their sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from pipeline.base.labels import STATES, LabelState
from pipeline.label import page
from pipeline.label.compare import Comparison, Interval, Score
from pipeline.label.partings import Parting

SHOWN = 2000


def html(comparison: Comparison) -> str:
    """The page, with the first `SHOWN` cells that differ."""
    files = ", ".join(comparison.files)
    body = [
        f'<p class="quiet">{comparison.reports} reports in {escape(files)}. In brackets: 95 % bootstrap intervals over reports.</p>',
        *(f"<p>{escape(note)}.</p>" for note in comparison.notes),
        *_agreement(comparison),
        *(part for name in comparison.files for part in _scores(name, comparison.scores)),
        *_partings(comparison),
    ]
    return page.page(f"Comparison of {files}", body)


def shown(figure: Interval) -> str:
    """A figure as "0.912 [0.870, 0.940]", or a dash where it does not exist."""
    if figure.value is None:
        return "-"
    return f"{figure.value:.3f}" + ("" if figure.low is None else f" [{figure.low:.3f}, {figure.high:.3f}]")


def _agreement(comparison: Comparison) -> Iterator[str]:
    if comparison.agreements:
        yield f"<h2>Agreement of {escape(comparison.files[0])} and {escape(comparison.files[1])}</h2>"
        yield '<p class="quiet">Same state, and Cohen\'s kappa: over the four states, then each state against the others.</p>'
        figures = ("agree", "kappa", *(state.lower() for state in STATES))
        rows = (
            (one.finding, one.cells, shown(one.agreed), shown(one.kappa), *(shown(one.states[str(state)]) for state in STATES))
            for one in comparison.agreements
        )
        yield page.table(("finding", "cells", *figures), rows, ("cells", *figures))


def _scores(name: str, scores: Iterable[Score]) -> Iterator[str]:
    mine = [score for score in scores if score.labels == name]
    for kind in dict.fromkeys(score.kind for score in mine):
        counts, figures = ("hits", "false alarms", "misses"), ("precision", "recall", "F1")
        rows = (
            (one.finding, one.hits, one.alarms, one.misses, shown(one.precision), shown(one.recall), shown(one.f1))
            for one in mine
            if one.kind == kind
        )
        yield f"<h2>{escape(name)} against the gold standard: {kind}</h2>"
        yield page.table(("finding", *counts, *figures), rows, (*counts, *figures))


def _partings(comparison: Comparison) -> Iterator[str]:
    total = len(comparison.partings)
    yield f"<h2>Where they part: {total} cells</h2>"
    if total > SHOWN:
        yield f'<p class="quiet">The first {SHOWN} of {total}.</p>'
    yield page.table(("report", "finding", *comparison.files, "sentence"), map(_parting, comparison.partings[:SHOWN]))


def _parting(one: Parting) -> tuple[object, ...]:
    return (one.report_id, one.finding, *map(_state, one.said), one.sentence)


def _state(state: LabelState | None) -> object:
    return "open" if state is None else page.state(state)
