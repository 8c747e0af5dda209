"""`cxr policies compare`: what each uncertainty policy does to the labels, and with --scores to a model trained on them."""

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

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.base.settings import Settings
    from pipeline.base.storage import Home
    from pipeline.label.policies import Labelled
    from pipeline.validate.policies import Trained
    from pipeline.validate.scores import Score

console = Console(highlight=False)
_MEASURES = {
    "mean_target": "Mean target of what trains",
    "positive_share": "Share that trains as positive (target above 0.5)",
    "masked_share": "Share masked out",
}
# Columns of the terminal; the file and the page hold every metric.
_SHOWN = ("auroc", "auprc", "brier", "ece")


def compare(
    source: Annotated[Path, typer.Argument(metavar="HOME|LABELS.csv", help="A home, or a label file as for cxr label compare.")],
    names: Annotated[list[str] | None, typer.Option("--policy", help="Only this policy; repeatable. The first is the reference.")] = None,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores",
            help="On a home: train the model of predict.model under each policy and score it. Costs validate.seeds trainings a policy, "
            "each as long as one of the stage validate; finished ones are kept in HOME/work.",
        ),
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV of the table to write.")] = None,
    scores_to: Annotated[Path | None, typer.Option("--scores-output", help="CSV of the scores to write, with --scores.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write everything to this page as well.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, e.g. label.unmentioned=ignore; repeatable.")
    ] = None,
) -> None:
    """Hold the uncertainty policies side by side: prevalence, what is masked, and with --scores what a model makes of it.

    With --scores every policy trains on the same films with the same seeds and is scored against the same truth on the test split, with
    95 % intervals over patients and seeds, and its difference to the reference policy (the first --policy, else u_ignore).
    """
    from pipeline.base.storage import atomic_bytes, require_writable
    from pipeline.label import policies as labels

    if scores_to is not None and not scores:
        raise InputError("there are no scores to write", "add --scores")
    for path, kinds in ((output, (".csv",)), (scores_to, (".csv",)), (html, ())):
        if path is not None:
            require_writable(path, kinds)
    chosen, labelled, home = _read(source, tuple(overrides or ()))
    listed = _names(names)
    table = labels.prevalence(labelled, listed, chosen)
    _print_prevalence(table)
    trained = _trained(home, chosen, labelled, listed) if scores else None
    if trained is not None:
        _print_scores(trained, listed)
    if output is not None:
        atomic_bytes(output, table.to_csv(index=False, lineterminator="\n").encode())
    if scores_to is not None and trained is not None:
        atomic_bytes(scores_to, _frame(trained).to_csv(index=False, lineterminator="\n").encode())
    if html is not None:
        atomic_bytes(html, _page(source.name, table, trained).encode())


def _read(source: Path, overrides: tuple[str, ...]) -> tuple[Settings, list[Labelled], Home | None]:
    from pipeline.base import settings
    from pipeline.base.storage import Home
    from pipeline.label import policies as labels

    if not source.is_dir():
        chosen = settings.load(overrides=overrides)
        return chosen, labels.of_file(source, chosen), None
    home = Home(source).require()
    return settings.load(source, overrides=overrides), labels.of_home(home), home


def _names(wanted: list[str] | None) -> list[str]:
    from pipeline.base.interfaces import POLICIES

    # The reference first: U-Ignore is what training without uncertain labels is.
    listed = wanted or ["u_ignore", *(name for name in POLICIES.names() if name != "u_ignore")]
    for name in listed:
        POLICIES.get(name)
    return list(dict.fromkeys(listed))


def _trained(home: Home | None, settings: Settings, labelled: list[Labelled], names: list[str]) -> Trained:
    import pyarrow as pa

    from pipeline.label import policies as labels
    from pipeline.validate import policies as trainings

    if home is None:
        raise InputError("a label file has no films to train on", "give a home to --scores")
    with home.locked():
        cells = pa.Table.from_pandas(labels.targets(labelled, names, settings), preserve_index=False)
        return trainings.score(home, settings, cells, names, names[0])


def _wide(table: pd.DataFrame) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Title, head and rows for each measure: a row a finding, a column a policy."""
    counts = table.drop_duplicates("finding").set_index("finding")
    for measure, title in _MEASURES.items():
        wide = table.pivot(index="finding", columns="policy", values=measure)[list(table["policy"].unique())]
        rows = [
            (str(finding), str(labels), str(uncertain), *(_number(value) for value in wide.loc[finding]))
            for finding, labels, uncertain in counts[["labels", "uncertain"]].itertuples()
        ]
        yield title, ("finding", "labels", "uncertain", *map(str, wide.columns)), rows


def _print_prevalence(table: pd.DataFrame) -> None:
    for title, head, rows in _wide(table):
        grid = _grid(title, head)
        for row in rows:
            grid.add_row(*row)
        console.print(grid)


def _print_scores(trained: Trained, names: list[str]) -> None:
    for note in trained.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    macro = [row for row in trained.scores if row.finding == "macro"]
    grid = _grid(f"Mean over findings, 95 % intervals over patients and {macro[0].n_seeds} trainings", ("policy", *_metrics(macro)))
    for name in names:
        grid.add_row(name, *(_interval(row) for row in _shown(macro) if row.trained_on == name))
    console.print(grid)
    differences = _grid(f"Difference to {names[0]}", ("policy", *_metrics(macro)))
    for name in names[1:]:
        differences.add_row(name, *(_interval(row, "+") for row in _shown(macro) if row.trained_on == f"{name} - {names[0]}"))
    console.print(differences)


def _metrics(rows: list[Score]) -> list[str]:
    return [name for name in _SHOWN if any(row.metric == name for row in rows)]


def _shown(rows: list[Score]) -> list[Score]:
    return sorted((row for row in rows if row.metric in _SHOWN), key=lambda row: _SHOWN.index(row.metric))


def _frame(trained: Trained) -> pd.DataFrame:
    import dataclasses

    import pandas as pd

    return pd.DataFrame([dataclasses.asdict(row) for row in trained.scores])


def _page(source: str, table: pd.DataFrame, trained: Trained | None) -> str:
    from html import escape

    from pipeline.label import page

    body = [part for title, head, rows in _wide(table) for part in (f"<h2>{escape(title)}</h2>", page.table(head, rows, head[1:]))]
    if trained is not None:
        body += [f"<p>{escape(note)}.</p>" for note in trained.notes]
        rows = [
            (row.finding, row.trained_on, row.metric, _interval(row, "+" if row.certificate else ""), row.n_positive, row.n_negative)
            for row in trained.scores
        ]
        head = ("finding", "policy", "metric", "estimate and 95 % interval", "positive", "negative")
        body += ["<h2>Scores</h2>", page.table(head, rows, head[3:])]
    return page.page(f"Uncertainty policies on {source}", body)


def _interval(row: Score, sign: str = "") -> str:
    if row.estimate is None or row.ci_low is None or row.ci_high is None:
        return "not estimable"
    return f"{row.estimate:{sign}.3f} ({row.ci_low:{sign}.3f} to {row.ci_high:{sign}.3f})"


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"


def _grid(title: str, head: tuple[str, ...]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for name in head:
        grid.add_column(name, justify="left" if name in ("finding", "policy") else "right")
    return grid
