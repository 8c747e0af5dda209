"""`cxr leaderboard`, `submit` and `verify`. What is comparable and how it is ranked is `pipeline.leaderboard`'s."""

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
    from pipeline.leaderboard import Leaderboard
    from pipeline.leaderboard.recompute import Reference

console = Console(highlight=False)
_KINDS = (".csv", ".parquet")
TruthOption = Annotated[Path, typer.Option(help="An id, then a column a finding: 1, 0; -1 and blank are not scored.")]
PatientsOption = Annotated[Path | None, typer.Option(help="CSV of id and patient, for several items of one patient.")]
OverridesOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="validate.bootstrap (1000) or seed (0); repeatable.")
]


def leaderboard(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE...", help="Homes, bundles, CSVs of published rows, and with --truth CSVs of predictions."),
    ],
    truth: Annotated[Path | None, typer.Option(help="Truth of the predictions and bundles.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set of the truth.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of the truth.")] = None,
    patients: PatientsOption = None,
    target: Annotated[list[str] | None, typer.Option(help="Show this finding instead of means; repeatable.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Every entry, to write: .csv or .parquet.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the leaderboard as a page.")] = None,
    overrides: OverridesOption = None,
) -> None:
    """Rank models, each number only with those of the same data set, split, metric and target, and say how sure the order is.

    docs/leaderboard.md says what a source may be and what the words of provenance mean.
    """
    from pipeline import leaderboard as boards
    from pipeline.base import settings
    from pipeline.base.findings import find
    from pipeline.base.storage import atomic_bytes, copy_frame, require_writable
    from pipeline.leaderboard import page

    for path, kinds in ((output, _KINDS), (html, ())):
        if path is not None:
            require_writable(path, kinds)
            if path.resolve() in {source.resolve() for source in (*sources, truth) if source is not None}:
                raise InputError(f"{path.name} would replace a file that is read", "name another file")
    found = boards.run(sources, _reference(truth, dataset, split, patients), settings.load(overrides=tuple(overrides or ())))
    if output is not None:
        copy_frame(found.table, output)
    if html is not None:
        atomic_bytes(html, page.html(found).encode())
    _tell(found, tuple(find(name) or name for name in target or ()))


def submit(
    predictions: Annotated[Path, typer.Argument(metavar="PREDICTIONS.csv", help="An opinion on every item and finding with a truth.")],
    to: Annotated[Path, typer.Option("--to", help="New folder for the bundle.")],
    truth: TruthOption,
    dataset: Annotated[str, typer.Option(help="Data set of the truth.")],
    split: Annotated[str, typer.Option(help="Split of the truth.")],
    model: Annotated[str, typer.Option(help="Name on the leaderboard.")],
    checkpoint: Annotated[Path, typer.Option(help="File of the model; its SHA-256 goes into the bundle, not the file.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")],
    contact: Annotated[str, typer.Option(help="Whom to ask.")],
    commit: Annotated[
        str | None, typer.Option(help="Commit of the code that made the predictions, 40 digits; that of this code where it is unchanged.")
    ] = None,
    environment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VERSION", help="What the predictions were made with, in place of the versions installed here; repeatable."
        ),
    ] = None,
    patients: PatientsOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Write a submission that can be checked: predictions, what made them, and one row a metric."""
    from pipeline.base import provenance, settings
    from pipeline.leaderboard import bundle
    from pipeline.leaderboard.recompute import Reference

    declared = dict(item.split("=", 1) for item in environment or () if "=" in item)
    if len(declared) != len(environment or ()):
        raise InputError("--environment takes NAME=VERSION, each name once", "write for example --environment torch=2.9.1")
    made_with = {"environment": declared or provenance.versions(), "commit": bundle.frozen_commit(commit)}
    said = {"model": model, "seed": seed, "contact": contact, **made_with}
    chosen = settings.load(overrides=tuple(overrides or ()))
    bundle.submit(to, predictions, checkpoint, Reference(truth, dataset, split, patients), said, chosen)
    console.print(f"{to} holds the submission. Check it with: cxr leaderboard verify {to} --truth {truth}", soft_wrap=True)


def verify(
    folder: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder that `cxr leaderboard submit` wrote.")],
    truth: TruthOption,
    patients: PatientsOption = None,
    checkpoint: Annotated[Path | None, typer.Option(help="The model's file, to check its digest as well.")] = None,
) -> None:
    """Recompute a submission; exit code 1 where anything in it does not hold."""
    from pipeline.leaderboard import bundle

    checks = list(bundle.verify(folder, truth, patients, checkpoint))
    for what, holds, found in checks:
        if not holds:
            console.print(Text(f"does not hold: {what}: {found}", "red"), soft_wrap=True)
    failed = sum(not holds for _, holds, _ in checks)
    console.print(f"{len(checks) - failed} of {len(checks)} checks hold")
    if checkpoint is None:
        console.print(Text("note: the checkpoint was not checked: add --checkpoint", "yellow"))
    if failed:
        raise typer.Exit(1)


def _reference(truth: Path | None, dataset: str | None, split: str | None, patients: Path | None) -> Reference | None:
    from pipeline.leaderboard.recompute import Reference

    if truth is None:
        if dataset or split or patients:
            raise InputError("--dataset, --split and --patients are about a truth", "add --truth")
        return None
    if not dataset or not split:
        raise InputError("a truth without a name can be compared with nothing", "add --dataset and --split")
    return Reference(truth, dataset, split, patients)


def _tell(found: Leaderboard, targets: tuple[str, ...]) -> None:
    from pipeline.leaderboard import page

    shown = 0
    for title, rows in page.terminal(found, targets):
        shown += 1
        grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
        for name in page.HEAD[:7]:
            grid.add_column(name, justify="right" if name in page.NUMBERS else "left", overflow="fold", no_wrap=name != "model")
        for row in rows:
            grid.add_row(*map(Text, row))
        console.print(grid)
    for note in found.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    console.print(f"{len(found.table)} numbers of {found.table['model'].nunique()} models; boards shown: {shown}")
