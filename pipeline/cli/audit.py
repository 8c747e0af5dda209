"""`cxr audit`: which labels of a bare table are probably wrong, without any film. The judging is `pipeline.audit`'s."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from pipeline.base.errors import InputError

if TYPE_CHECKING:
    from pipeline.audit import Audit

console = Console(highlight=False)
_KINDS = (".csv", ".parquet")


def audit(
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="An id, then a column a finding: 1, 0, -1 or blank.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="One row a cell, to write: .csv or .parquet.")],
    predictions: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PREDICTIONS.csv...", help="A model's probabilities of the same items, one file a model."),
    ] = None,
    readers: Annotated[Path | None, typer.Option(help="Folder with CSVs like LABELS.csv, one a radiologist.")] = None,
    verdicts: Annotated[Path | None, typer.Option(help="Decided cells: id, finding, value (1, 0, -1).")] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--budget-minutes", min=1, help="Mark what is worth so much reading time, in the column review_position."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the most suspicious cells to this page as well.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the stages, e.g. label.policy=u_ones; repeatable."),
    ] = None,
) -> None:
    """Find the probably wrong labels of a table, with models' predictions, radiologists' readings or verdicts, and no films.

    Every cell gets the probability that the finding is present, that its label is right, a rank and a reason, by the stages label
    and rank. docs/audit.md has the details.
    """
    from pipeline import audit as auditing
    from pipeline.audit import given
    from pipeline.base import settings
    from pipeline.base.storage import copy_frame

    predictions = predictions or []
    people = sorted(readers.glob("*.csv")) if readers else []
    _check(output, html, {path.resolve() for path in (labels, *predictions, *people, *((verdicts,) if verdicts else ()))})
    chosen = settings.load(overrides=tuple(overrides or ()))
    found = auditing.run(given.read(labels, predictions, readers, verdicts), chosen, minutes)
    copy_frame(found.cells.drop(columns="given_side"), output)
    if html is not None:
        _write_page(found, labels.name, html)
    _tell(found, output)


def _check(output: Path, html: Path | None, given: set[Path]) -> None:
    """Refuse a path that cannot be written before anything is judged."""
    from pipeline.base.storage import require_writable

    for path, kinds in ((output, _KINDS), *(((html, ()),) if html else ())):
        require_writable(path, kinds)
        if path.resolve() in given:
            raise InputError(f"{path.name} would replace a file that is read", "name another file")


def _write_page(found: Audit, labels: str, html: Path) -> None:
    from pipeline.audit import page
    from pipeline.base.storage import atomic_bytes

    atomic_bytes(html, page.html(found, labels).encode())


def _tell(found: Audit, output: Path) -> None:
    cells = found.cells
    console.print(
        f"{len(cells)} cells of {cells['item_id'].nunique()} items and {cells['finding'].nunique()} findings judged, "
        f"{int(cells['is_label_issue'].sum())} labels are probably wrong: {output}",
        soft_wrap=True,
    )
    for note in found.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
