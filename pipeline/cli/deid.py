"""`cxr deid verify`: proof that a home shows no identity, and that its audit trail is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipeline.base.errors import TableError
from pipeline.base.storage import Home

_SHOWN = 40


def verify(
    home: Annotated[Path, typer.Argument(help="Folder of the dataset.")],
    phi: Annotated[
        Path | None, typer.Option(help="CSV of identifying values (columns kind, value); what the home's own ledger knows when absent.")
    ] = None,
) -> None:
    """Search tables, logs, databases and file names of a home for identities, and check the chain of its manifest."""
    from pipeline.collect.verify import of_csv, of_ledger
    from pipeline.collect.verify import verify as search
    from pipeline.exclude.manifest import broken_lines

    console = Console(highlight=False, soft_wrap=True)
    found = Home(home).require()
    result = search(found, of_csv(phi) if phi else of_ledger(found))
    for leak in result.found[:_SHOWN]:
        console.print(f"[red]{leak.kind}[/red] in {leak.place}: {leak.count}", markup=True)
    short = f", {result.n_too_short} too short to search for" if result.n_too_short else ""
    console.print(f"{result.n_files} files searched for {result.n_values} values{short}: {len(result.found)} places show one.")
    broken = broken_lines(found) if found.exists("manifest") else []
    for sentence in broken:
        console.print(f"[red]manifest:[/red] {sentence}")
    if found.exists("manifest") and not broken:
        console.print(f"manifest: {found.read('manifest', ['line']).num_rows} lines, the chain is whole.")
    if result.found or broken:
        raise TableError(
            f"{len(result.found)} places show identities, {len(broken)} faults of the manifest",
            "do not share this home; after mending the cause, run again into a new one",
        )
