"""`cxr train`: a network from a home's films and labels, as a file; or its out-of-fold opinions. How is trained, settings say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table as Grid

from pipeline.base.errors import InputError

if TYPE_CHECKING:
    from pipeline.train import Made

console = Console(highlight=False)


def train(
    home: Annotated[Path, typer.Option("--home", help="Folder of the dataset.", envvar="CXR_HOME")],
    to: Annotated[Path | None, typer.Option("--to", help="File to write the network to, .safetensors.")] = None,
    labels: Annotated[str, typer.Option(help="Targets to train on: cleaned or given.")] = "cleaned",
    out_of_fold: Annotated[
        bool,
        typer.Option(
            "--out-of-fold",
            help="Instead of one network: predict.folds trainings, each judging the patients it never saw, into pred_probs.",
        ),
    ] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, e.g. train.loss=focal; repeatable.")
    ] = None,
) -> None:
    """Train a network on the train split of a home, calibrate it, and write it to a file that `cxr predict --model trained` reads.

    A training that was stopped goes on where it was when the same command is given again.
    """
    from pipeline import train as trainings
    from pipeline.base import settings
    from pipeline.base.storage import Home, require_writable

    found = Home(home).require()
    chosen = settings.load(found.root, overrides=tuple(overrides or ()))
    if out_of_fold:
        _out_of_fold(found.root, tuple(overrides or ()))
        return
    if labels not in ("cleaned", "given"):
        raise InputError(f"--labels is cleaned or given, not {labels!r}", "leave it out to train on cleaned labels")
    if to is None:
        raise InputError("where should the network go?", "add --to NETWORK.safetensors, or --out-of-fold")
    require_writable(to, (".safetensors",))
    _tell(trainings.train(found, chosen, to, "given" if labels == "given" else "cleaned"), to)


def _out_of_fold(root: Path, overrides: tuple[str, ...]) -> None:
    from pipeline.base import settings, stages
    from pipeline.base.storage import Home

    home = Home(root)
    with home.locked():
        done = stages.execute("predict", home, settings.load(root, overrides=overrides))
    told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in done.result.counts.items())
    console.print(f"predict {'up to date' if done.skipped else f'{done.seconds:.1f} s'}: {told}", soft_wrap=True)
    for warning in done.result.warnings:
        console.print(f"note: {warning}", markup=False, soft_wrap=True)


def _tell(made: Made, to: Path) -> None:
    grid = Grid(title="Agreement with the labels of the test split (a wrong label counts against the network)")
    for head in ("finding", "AUROC", "positive films"):
        grid.add_column(head, justify="left" if head == "finding" else "right")
    for finding, (auroc, positives) in sorted(made.agreement.items()):
        grid.add_row(finding, f"{auroc:.3f}", str(positives))
    console.print(grid)
    if made.left_out:
        console.print(f"note: too few train films for {', '.join(made.left_out)}", markup=False, soft_wrap=True)
    films = made.films
    console.print(f"{films['train']} films trained, {films['validate']} calibrated, {films['test']} were held out.", soft_wrap=True)
    after = f"cxr predict --model trained --checkpoint {to} --data FOLDER -o preds.csv"
    console.print(f"Wrote {to}. Next: {after}", markup=False, soft_wrap=True)
