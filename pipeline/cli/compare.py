"""`cxr label compare`: label files side by side in the terminal, or as a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.base.errors import InputError
from pipeline.base.findings import CHEXPERT_14, NIH_14, NO_FINDING, canonical

if TYPE_CHECKING:
    from pipeline.label.compare import Comparison, Score
    from pipeline.label.partings import Parting

console = Console(highlight=False)
_SETS = {"chexpert": CHEXPERT_14, "nih": (*NIH_14, NO_FINDING)}
_MARKS = {"POSITIVE": "1", "NEGATIVE": "0", "UNCERTAIN": "-1", "UNMENTIONED": "blank"}


def compare(
    one: Annotated[Path, typer.Argument(metavar="A.csv", help="Labels: an id, then a column for each finding.")],
    other: Annotated[Path | None, typer.Argument(metavar="B.csv", help="Other labels of the same reports.")] = None,
    gold: Annotated[Path | None, typer.Option(help="What is true: the same layout, or report_id,finding,state.")] = None,
    reports: Annotated[str | None, typer.Option(help="The reports, as for cxr label: shows the sentence behind each difference.")] = None,
    findings: Annotated[str, typer.Option(help="Compare all, chexpert, nih, or names with commas.")] = "all",
    show: Annotated[int, typer.Option(min=0, help="Differences to print.")] = 20,
    draws: Annotated[int, typer.Option(min=100, help="Bootstrap samples of the reports behind each interval.")] = 1000,
    html: Annotated[Path | None, typer.Option(help="Write everything to this page as well.")] = None,
) -> None:
    """Hold label files side by side: agreement, kappa, and with --gold precision, recall and F1, with 95 % intervals over reports."""
    from dataclasses import replace

    from pipeline.base.storage import atomic_bytes
    from pipeline.label import compare as comparing
    from pipeline.label import compare_page, files, partings, state_files

    if other is None and gold is None:
        raise InputError("one label file alone cannot be compared", "name a second one, or --gold GOLD.csv")
    wanted = None if findings == "all" else _SETS.get(findings) or tuple(canonical(name) for name in findings.split(","))
    given = [state_files.read(path) for path in (one, other) if path]
    made = comparing.compare(given, state_files.read(gold) if gold else None, wanted, draws)
    if reports is not None:
        made = replace(made, partings=partings.explain(made.partings, files.read(reports)))
    print_comparison(console, made, show)
    if html is not None:
        atomic_bytes(html, compare_page.html(made).encode())
        console.print(f"written to {html}", soft_wrap=True)


def print_comparison(console: Console, made: Comparison, show: int) -> None:
    """Print agreement, scores, and the first differences."""
    console.print(f"{made.reports} reports; in brackets 95 % intervals over reports")
    for note in made.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    if made.agreements:
        console.print(_agreement(made))
    for name in dict.fromkeys(score.labels for score in made.scores):
        console.print(_scores(name, [score for score in made.scores if score.labels == name]))
    console.print(f"[bold]{len(made.partings)} cells differ[/bold]")
    if made.partings and show:
        console.print(_partings(made, show))


def _agreement(made: Comparison) -> Grid:
    from pipeline.label.compare_page import shown

    grid = _grid(f"Agreement of {made.files[0]} and {made.files[1]}: Cohen's kappa", ("finding", "cells", "agree", "kappa", *_MARKS))
    for one in made.agreements:
        grid.add_row(
            one.finding, str(one.cells), shown(one.agreed), shown(one.kappa), *(_value(one.states[state].value) for state in _MARKS)
        )
    return grid


def _scores(name: str, scores: list[Score]) -> Grid:
    """Precision, recall and F1 of `positive` with its interval; of the other kinds F1."""
    from pipeline.label.compare_page import shown

    others = [kind for kind in dict.fromkeys(score.kind for score in scores) if kind != "positive"]
    grid = _grid(
        f"{name} against the gold standard", ("finding", "present", "precision", "recall", "F1", *(f"F1 {kind}" for kind in others))
    )
    f1 = {(score.finding, score.kind): score.f1 for score in scores}
    for one in scores:
        if one.kind == "positive":
            rest = (shown(f1[one.finding, kind]) if kind == "state" else _value(f1[one.finding, kind].value) for kind in others)
            grid.add_row(
                one.finding, str(one.hits + one.misses), _value(one.precision.value), _value(one.recall.value), shown(one.f1), *rest
            )
    return grid


def _partings(made: Comparison, show: int) -> Grid:
    has_sentences = any(one.sentence for one in made.partings)
    grid = _grid("", ("report", "finding", *made.files, *(("sentence",) if has_sentences else ())))
    for one in made.partings[:show]:
        grid.add_row(*map(Text, _cells(one, has_sentences)))
    return grid


def _cells(one: Parting, has_sentences: bool) -> Iterator[str]:
    yield from (one.report_id, one.finding)
    yield from ("open" if state is None else _MARKS[state] for state in one.said)
    if has_sentences:
        yield one.sentence


def _grid(title: str, head: tuple[str, ...]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left")
    for name in head:
        grid.add_column(name.lower() if name in _MARKS else name, justify="left")
    return grid


def _value(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"
