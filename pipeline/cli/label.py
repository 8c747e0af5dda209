"""`cxr label` and `cxr labelers`: what is typed, and what is told. How reports are labelled lives in `pipeline.label`."""

from __future__ import annotations

import os
import shutil
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.base.errors import InputError, SettingsError
from pipeline.base.interfaces import LABELERS

if TYPE_CHECKING:
    from pipeline.label.label_files import Told
    from pipeline.label.labelling import Plan

console = Console(highlight=False)


def label(
    reports: Annotated[
        str | None, typer.Argument(metavar="REPORTS", help="CSV, TSV or Parquet file, a folder of .txt files, or openi.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Labels to write: .csv or .parquet.")] = None,
    mentions: Annotated[Path | None, typer.Option(help="Every mention with its words and rules, to write: .parquet.")] = None,
    labeler: Annotated[str, typer.Option(help="Who reads; `cxr labelers` lists them.")] = "rules",
    preset: Annotated[str | None, typer.Option(help="Conventions of the labeler, the same as --set preset=NAME.")] = None,
    findings: Annotated[str, typer.Option(help="Columns: all, chexpert, nih, or names with commas.")] = "all",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of the labeler; repeatable.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; all cores where the labeler needs nothing of its own.")] = None,
    explain: Annotated[
        str | None, typer.Option(metavar="REPORT", help="Show one report instead: a text file, - or REPORTS.csv#ID.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="With --explain: write the page here.")] = None,
) -> None:
    """Label reports: 1 present, 0 absent, -1 uncertain, blank not mentioned.

    The table has an id column (report_id, study_id, or the first) and the text: a column text, or one for each section (findings,
    impression, ...). Bad rows are named in LABELS.problems.csv and cost nothing else. `cxr label compare` holds label files side by side.
    """
    options = chosen_options(labeler, preset, tuple(overrides or ()))
    if explain is not None:
        if reports is not None or output is not None:
            raise InputError("--explain shows one report and writes no labels", "leave out REPORTS and -o, or --explain")
        return _explain(explain, labeler, options, html)
    if reports is None or output is None:
        raise InputError("label needs reports and a file to write", "cxr label REPORTS.csv -o labels.csv")
    if html is not None:
        raise InputError("--html is for --explain", "name the report: --explain REPORTS.csv#ID")
    return _label(reports, output, mentions, labeler, options, findings, jobs)


def labelers() -> None:
    """List the report labelers: version, options, what each needs, and whether it can run here."""
    for name, one in LABELERS:
        why = "needs the package " + ", ".join(LABELERS.missing(name)) if LABELERS.missing(name) else _why_not(one)
        version = f" [dim]version {one.version(one.Options())}[/dim]" if why is None else ""
        here = "[green]runs here[/green]" if why is None else "[yellow]does not run here[/yellow]"
        console.print(f"[bold]{name}[/bold]{version}  {here}")
        console.print(f"  {_plain(LABELERS.describe(name))}", soft_wrap=True)
        if why is not None:
            console.print(f"  [yellow]why:[/yellow] {_plain(why)}", soft_wrap=True)
        console.print(f"  needs: {_plain(one.needs) or 'nothing'} · reads {len(one.findings)} findings", soft_wrap=True)
        if one.Options.model_fields:
            console.print(_options_grid(one.Options))
        console.print()


def chosen_options(labeler: str, preset: str | None, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Options from `--preset` and `--set`; values in TOML or bare text.

    Raises:
        SettingsError: an item without "=", an option given twice, or a preset for a labeler without presets.
        PluginError: no such labeler.
    """
    chosen: dict[str, Any] = {}
    if preset is not None:
        if "preset" not in LABELERS.get(labeler).Options.model_fields:
            raise SettingsError(f"the labeler {labeler} has no presets", "leave out --preset, or choose with --set option=value")
        chosen["preset"] = preset
    for item in overrides:
        key, equals, text = (part.strip() for part in item.partition("="))
        if not equals or not key or key in chosen:
            raise SettingsError(f"--set {item}: {'the option is given twice' if key in chosen else 'no OPTION=VALUE'}", "see cxr labelers")
        chosen[key] = _value(text)
    return chosen


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _label(reports: str, output: Path, mentions: Path | None, labeler: str, options: dict[str, Any], chosen: str, jobs: int | None) -> None:
    from pipeline.base.progress import track
    from pipeline.label import files, label_files, labelling

    if Path(reports).resolve() in {path.resolve() for path in (output, mentions, label_files.problems_path(output)) if path}:
        raise InputError("the labels would replace the reports", "name another file with -o")
    work = output.with_name(f"{output.name}.work")
    plan = labelling.Plan(labeler, options, (), mentions is not None, work)
    one = plan.reader()
    plan = plan.of(labelling.columns(chosen, one))
    jobs = _jobs(jobs, plan, bool(one.labeler.needs))
    started = time.perf_counter()
    try:
        told = label_files.write(track(files.read(reports), "label", unit=" reports"), plan, output, mentions, jobs)
    except KeyboardInterrupt:
        console.print("\ninterrupted; nothing was written")
        raise typer.Exit(130) from None
    if one.labeler.needs:
        shutil.rmtree(work, ignore_errors=True)
    _tell(told, output, time.perf_counter() - started)


def _jobs(asked: int | None, plan: Plan, has_needs: bool) -> int:
    if has_needs and asked and asked > 1:
        raise InputError(f"the labeler {plan.labeler} makes its own batches, in one process", "leave out --jobs")
    return 1 if has_needs else asked or os.cpu_count() or 1


def _tell(told: Told, output: Path, seconds: float) -> None:
    from pipeline.label.label_files import problems_path

    console.print(f"{told.reports} reports labelled in {seconds:.1f} s ({told.reports / seconds:,.0f} a second): {output}", soft_wrap=True)
    if told.unread:
        console.print(f"[yellow]note:[/yellow] reports without text to read: {told.unread}; their rows are blank", soft_wrap=True)
    if told.bad:
        bad = ", ".join(f"{what} ({count})" for what, count in told.bad.most_common(5))
        console.print(f"[yellow]note:[/yellow] bad rows left out: {told.bad.total()}: {_plain(bad)}", soft_wrap=True)
    if told.unread or told.bad:
        console.print(f"  each is named in {problems_path(output)}", soft_wrap=True)


def _explain(target: str, labeler: str, options: dict[str, Any], html: Path | None) -> None:
    from pipeline.base.storage import atomic_bytes
    from pipeline.cli.explain import print_explained
    from pipeline.label import explain, files, reading

    explained = explain.explain(files.one(target), reading.reader(labeler, options))
    if html is None:
        print_explained(console, explained)
    else:
        atomic_bytes(html, explain.html(explained).encode())
        console.print(f"written to {html}", soft_wrap=True)


def _why_not(one: Any) -> str | None:
    """Why it cannot run with its default options, or None."""
    try:
        options = one.Options()
    except ValidationError as error:
        wanted = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
        return f"the option {wanted} must be given"
    missing: str | None = one.missing(options)
    return missing


def _options_grid(options: type[BaseModel]) -> Grid:
    grid = Grid("option", "default", "what it does", box=None, padding=(0, 2), header_style="dim")
    for name, field in options.model_fields.items():
        default = "must be given" if field.is_required() else _default(field.get_default(call_default_factory=True))
        choices = f": {', '.join(map(str, get_args(field.annotation)))}" if get_origin(field.annotation) is Literal else ""
        grid.add_row(name, Text(default), Text(f"{field.description or ''}{choices}"))
    return grid


def _default(value: Any) -> str:
    return "-" if value is None else ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
