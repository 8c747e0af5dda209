"""The command `cxr`. Here belongs what a user types and reads; what is done to the data lives in the stages."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table as Grid
from typer.core import TyperGroup

from pipeline import __version__
from pipeline.base import stages
from pipeline.base.errors import CxrError, InputError
from pipeline.base.settings import Profile
from pipeline.base.storage import Home
from pipeline.cli import audit, compare, deid, label, leaderboard, localise, models, policies, predict, receive, score, train


class TwoWords(TyperGroup):
    """Finds `label compare` before `label`: a command of two words beside the one that bears the first as its name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As the base class, which looks at the first word alone."""
        both = " ".join(args[:2])
        return super().resolve_command(ctx, [both, *args[2:]] if both in self.commands else args)


app = typer.Typer(
    cls=TwoWords,
    help="Chest radiographs and reports in, a dataset whose labels can be trusted out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
verdicts = typer.Typer(help="Take a worksheet of suspicious labels to a radiologist, and the decisions back.", no_args_is_help=True)
app.add_typer(verdicts, name="verdicts")
deidentification = typer.Typer(help="Prove that no identity leaves.", no_args_is_help=True)
app.add_typer(deidentification, name="deid")
deidentification.command("verify")(deid.verify)
console = Console(highlight=False)

HomeOption = Annotated[Path, typer.Option("--home", help="Folder of the dataset.", envvar="CXR_HOME")]
StageName = StrEnum("StageName", {name: name for name in stages.NAMES})  # type: ignore[misc]


class ProfileName(StrEnum):
    """Presets of settings."""

    tiny = "tiny"
    full = "full"


class OutputFormat(StrEnum):
    """How a query result leaves."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def main() -> None:
    """Entry point: an error a user can mend is two lines and exit code 1, never a traceback."""
    try:
        app()
    except CxrError as error:
        said = f"[red]error:[/red] {_plain(error.message)}\n  [bold]->[/bold] {_plain(error.remedy)}"
        Console(stderr=True, highlight=False, soft_wrap=True).print(said)
        sys.exit(1)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        console.print(f"cxr-curator {__version__}")
        raise typer.Exit


@app.command()
def run(
    export: Annotated[str, typer.Argument(help="Folder with DICOM files and reports, or the URL of an object store or DICOMweb service.")],
    home: HomeOption,
    profile: Annotated[ProfileName | None, typer.Option(help="tiny for a quick look, full for the real thing.")] = None,
    until: Annotated[StageName | None, typer.Option(help="Stop after this stage.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, e.g. predict.epochs=20; repeatable.")
    ] = None,
) -> None:
    """Take an export through the stages; what is done and unchanged is not done again."""
    from pipeline.cli.report import print_report

    done = run_stages(export, home, profile, until, tuple(overrides or ()))
    if until is None:
        print_report(console, Home(home))
    console.print(f"[dim]{sum(step.skipped for step in done)} of {len(done)} stages were up to date. Everything lies in {home}.[/dim]")


def run_stages(export: str | Path, home: Path, profile: str | None, until: str | None, overrides: tuple[str, ...]) -> list[stages.Done]:
    """Run the path through Dagster in this process, saying each stage as it ends."""
    from pipeline.definitions import run_path

    chosen = cast(Profile | None, None if profile is None else str(profile))
    try:
        return run_path(home, export, chosen, overrides, None if until is None else str(until), _tell)
    except KeyboardInterrupt:
        console.print("\ninterrupted; finished stages are kept, the next run goes on from there")
        raise typer.Exit(130) from None


def _tell(step: stages.Done) -> None:
    told = ", ".join(f"{key.replace('_', ' ')} {_number(value)}" for key, value in list(step.result.counts.items())[:5])
    state = "[dim]up to date[/dim]" if step.skipped else f"{step.seconds:8.1f} s"
    console.print(f"[bold]{step.stage:9}[/bold] {state}  {told}", soft_wrap=True)
    for warning in step.result.warnings:
        console.print(f"            [yellow]note:[/yellow] {_plain(warning)}", soft_wrap=True)


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


@app.command()
def sample(
    to: Annotated[Path, typer.Option("--to", help="New folder for the export and its ledger.")],
    patients: Annotated[int, typer.Option(min=1, help="Number of patients.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same hospital, byte for byte.")] = 0,
) -> None:
    """Make a sample hospital: phantom films, reports, noisy labels, planted defects, and the ledger of all of it."""
    from pipeline.sample import make

    made = make(to, patients, seed)
    console.print(
        f"{made.dicom_files} DICOM files and {made.reports} reports of {made.patients} patients, in {made.export}.\n"
        f"{made.wrong_cells} of {made.cells} published labels are wrong, {sum(made.planted.values())} defects are planted; "
        f"the ledger is in {made.truth}.\nTry: cxr run {made.export} --home HOME --profile tiny",
        soft_wrap=True,
    )


@app.command()
def demo(
    to: Annotated[Path, typer.Option("--to", help="Folder for the sample hospital and its home.")] = Path("demo"),
    patients: Annotated[int, typer.Option(min=60, help="Patients of the sample hospital.")] = 300,
) -> None:
    """Sample hospital in, cleaned and scored dataset out, and what to try next."""
    from pipeline.cli.demo import run_demo

    run_demo(console, to, patients)


@app.command()
def report(
    home: HomeOption,
    html: Annotated[
        Path | None, typer.Option(help="Write a page too: suspicious labels with their films and where the network looks.")
    ] = None,
) -> None:
    """What the last run made of the films: kept, excluded, labelled, suspected, scored."""
    from pipeline.base.storage import atomic_bytes, require_writable
    from pipeline.cli import report_page
    from pipeline.cli.report import print_report

    found = Home(home).require()
    if html is not None:
        require_writable(html, (".html",))
    print_report(console, found)
    if html is not None:
        atomic_bytes(html, report_page.html(found).encode())
        console.print(f"written to {html}; it shows films: pass it on as you would them", markup=False, soft_wrap=True)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over the tables; SHOW TABLES lists them.")],
    home: HomeOption,
    output: Annotated[OutputFormat, typer.Option("--format", help="How to print the result.")] = OutputFormat.table,
    to: Annotated[Path | None, typer.Option("--to", help="File to write instead of printing (needed for parquet).")] = None,
) -> None:
    """Ask the curated data a question in DuckDB's SQL."""
    from pipeline.cli.show import show

    show(console, Home(home).require().sql(query), output, to)


@app.command()
def export(
    fmt: Annotated[str, typer.Argument(metavar="FORMAT", help="A registered format; `cxr plugins` lists them.")],
    to: Annotated[Path, typer.Option("--to", help="New or empty folder.")],
    home: HomeOption,
) -> None:
    """Write the curated films and labels for training."""
    from pipeline.base.interfaces import FORMATS

    files = FORMATS.get(fmt)(Home(home).require(), to)
    console.print(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 2**20:.1f} MiB, in {to}")


@app.command()
def why(
    film: Annotated[str, typer.Argument(metavar="PATH|IMAGE_ID", help="A path below the export, or an image_id.")],
    home: HomeOption,
) -> None:
    """Everything that happened to one film."""
    from pipeline.cli.why import explain

    explain(console, Home(home).require(), film)


app.command("audit")(audit.audit)
app.command("label")(label.label)
app.command("label compare")(compare.compare)
app.command("labelers")(label.labelers)
app.command("localise")(localise.localise)
app.command("receive")(receive.receive)
app.command("policies compare")(policies.compare)
app.command("train")(train.train)
app.command("score")(score.score)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("leaderboard submit")(leaderboard.submit)
app.command("leaderboard verify")(leaderboard.verify)
app.command("models")(models.models)
app.command("models check")(models.check)
app.command("predict")(predict.predict)


@app.command()
def plugins() -> None:
    """Everything registered: sources, rules, labelers, policies, detectors, models, formats."""
    from pipeline.base.interfaces import ALL

    grid = Grid()
    for head in ("seam", "name", "what it does", "missing here"):
        grid.add_column(head, no_wrap=head in ("seam", "name"))
    for registry in ALL:
        for name in registry.names():
            grid.add_row(registry.seam, name, registry.describe(name), ", ".join(registry.missing(name)) or "-")
    console.print(grid)


@verdicts.command("import")
def import_verdicts(
    file: Annotated[Path, typer.Argument(help="CSV with image_id, finding, verdict (1, 0, -1) and reader.")], home: HomeOption
) -> None:
    """Append a reviewer's decisions; the next run uses them."""
    from pipeline.review import import_csv

    counts = import_csv(Home(home).require(), file)
    console.print(", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()))
    console.print("The next cxr run takes them into the labels.")


@verdicts.command("export")
def export_verdicts(
    file: Annotated[Path, typer.Argument(help="CSV to write.")],
    home: HomeOption,
    limit: Annotated[int, typer.Option(min=1, help="So many of the most suspicious labels.")] = 100,
    minutes: Annotated[
        float | None, typer.Option(min=1, help="What is worth so much reading time, film by film, instead of the first --limit labels.")
    ] = None,
    second: Annotated[
        Path | None, typer.Option(help="With --minutes: blinded CSV of the films that a second reader is to read as well.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, e.g. review.seconds_per_film=40; repeatable.")
    ] = None,
) -> None:
    """Write the most suspicious labels as a worksheet to fill in, or the queue that a reader's minutes are best spent on."""
    from pipeline.base import settings
    from pipeline.review import export_csv, export_queue
    from pipeline.review.budget import in_words

    if minutes is None:
        if second is not None or overrides:
            raise InputError("--second and --set are about reading time", "add --minutes")
        export_csv(Home(home).require(), file, limit)
    else:
        chosen = settings.load(home, overrides=tuple(overrides or ())).review
        console.print(in_words(export_queue(Home(home).require(), file, second, minutes, chosen)), soft_wrap=True)
    console.print(f"Fill in the columns verdict (1, 0, -1) and reader of {file}, then: cxr verdicts import {file}")
