"""`cxr score`: models' predictions against a truth, from bare tables. The scoring is `pipeline.score`'s."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.base.errors import InputError

if TYPE_CHECKING:
    from pipeline.score import Scored

console = Console(highlight=False)
_KINDS = (".csv", ".parquet")


def score(
    truth: Annotated[Path, typer.Argument(metavar="TRUTH.csv", help="An id, then a column a finding: 1, 0; -1 and blank are not scored.")],
    predictions: Annotated[list[Path], typer.Argument(metavar="PREDICTIONS.csv...", help="A model's scores, one file a model.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="One row a number, to write: .csv or .parquet.")],
    readers: Annotated[Path | None, typer.Option(help="Folder with CSVs like TRUTH.csv, one a radiologist.")] = None,
    patients: Annotated[Path | None, typer.Option(help="CSV of id and patient, for several items of one patient.")] = None,
    subgroups: Annotated[Path | None, typer.Option(help="CSV of id and a column a subgroup: sex, age band, site ...")] = None,
    label_errors: Annotated[
        Path | None,
        typer.Option(help="Of a text-mined truth: CSV of finding, sensitivity_low, sensitivity_high, specificity_low, specificity_high."),
    ] = None,
    threshold: Annotated[
        str,
        typer.Option(
            help="Where a score becomes a call: mcc (the best Matthews correlation on the other half of the patients), a number, or a "
            "CSV of model, finding, threshold."
        ),
    ] = "mcc",
    html: Annotated[Path | None, typer.Option(help="Write everything to this page as well.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="validate.bootstrap (1000) or seed (0); repeatable.")
    ] = None,
) -> None:
    """Score models on bare tables, with intervals, comparisons, readers and subgroups, by the functions of the stage validate.

    docs/score.md says what every number is.
    """
    from pipeline import score as scoring
    from pipeline.base import settings
    from pipeline.base.storage import atomic_bytes, copy_frame
    from pipeline.score import given, page

    people = sorted(readers.glob("*.csv")) if readers else []
    read = (truth, *predictions, *people, *(path for path in (patients, subgroups, label_errors) if path))
    check(output, html, {path.resolve() for path in read})
    chosen = settings.load(overrides=tuple(overrides or ()))
    found = scoring.run(given.read(truth, given.named(predictions), readers, patients, subgroups, label_errors), chosen, threshold)
    copy_frame(found.rows, output)
    if html is not None:
        atomic_bytes(html, page.html(found, truth.name).encode())
    _tell(found, output)


def check(output: Path, html: Path | None, given: set[Path]) -> None:
    """Refuse a path that cannot be written before anything is scored.

    Raises:
        InputError: it ends in the wrong way, has no folder, or would replace a file that is read.
    """
    from pipeline.base.storage import require_writable

    for path, kinds in ((output, _KINDS), *(((html, ()),) if html else ())):
        require_writable(path, kinds)
        if path.resolve() in given:
            raise InputError(f"{path.name} would replace a file that is read", "name another file")


def _tell(found: Scored, output: Path) -> None:
    from pipeline.score import show

    for title, head, rows in show.terminal(found):
        if not rows:
            console.print(f"[bold]{title}[/bold]\n")
            continue
        grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
        for name in head:
            grid.add_column(name, justify="left" if name in show.WORDS else "right", overflow="fold", no_wrap=name == "model")
        for row in rows:
            grid.add_row(*map(Text, row))
        console.print(grid)
    for note in found.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    console.print(f"{len(found.rows)} rows: {output}", soft_wrap=True)
