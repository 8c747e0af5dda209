"""`cxr models` and `cxr models check`: what published models are, what they need, and whether a checkpoint is one's."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from rich.console import Console
from rich.table import Table as Grid

from pipeline.base.errors import InputError, SettingsError
from pipeline.base.interfaces import ZOO

console = Console(highlight=False)

Checkpoint = Annotated[Path | None, typer.Option("--checkpoint", help="File or folder of the weights, as `cxr models NAME` says.")]
Options = Annotated[
    list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of the model, e.g. output=logit; repeatable.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]


def models(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Tell everything about one model.")] = None,
    output: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
) -> None:
    """List the published models: licence, input, findings, and what is missing to run each.

    No weights come with this package, and none are downloaded: each model's card says which files to bring. `cxr models check` tries a
    checkpoint, `cxr predict` scores films with it.
    """
    names = ZOO.names() if name is None else [registered(name)]
    if output not in ("table", "json"):
        raise InputError(f"--format is table or json, not {output!r}", "leave it out for a table")
    if output == "json":
        print(json.dumps([facts(one) for one in names], indent=1))
    elif name is not None:
        _card(facts(names[0]))
    else:
        grid = Grid()
        for head in ("name", "licence", "input", "findings", "missing here"):
            grid.add_column(head, no_wrap=head == "name", overflow="fold")
        for one in map(facts, names):
            count = str(len(one["findings"])) if one["findings"] else "its own"
            grid.add_row(*(_plain(cell) for cell in (one["name"], one["licence"], one["input"], count, _missing(one))))
        console.print(grid)
        console.print("Every model also needs its weights: cxr models NAME says which.")


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A published model; `cxr models` lists them.")],
    checkpoint: Checkpoint = None,
    options: Options = None,
    device: Device = "auto",
) -> None:
    """Load a checkpoint and try it on made films; where it does not fit, say which tensors do not, and what it looks like instead."""
    from models import published

    name = registered(name)
    if checkpoint is None:
        raise InputError("which checkpoint is to be tried?", f"add --checkpoint PATH; {name} needs: {ZOO.get(name).card.weights}")
    try:
        loaded = published.load(name, checkpoint, chosen_options(options), device)
    except InputError as error:
        raise InputError(f"{error.message}{published.resemblance(checkpoint)}", error.remedy) from error
    wrong = published.self_test(loaded)
    console.print(f"{checkpoint} is {name}'s: {loaded.scorer.score_kind} of {', '.join(loaded.scorer.findings)}", soft_wrap=True)
    console.print(f"sha256 {loaded.checkpoint_sha256}", soft_wrap=True)
    for note in loaded.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    if wrong:
        raise InputError(f"it loads, and fails its self-test: {'; '.join(wrong)}", "check that the checkpoint is a trained one")
    console.print("The self-test passed: scores are numbers, repeatable, and do not depend on the batch.")


def facts(name: str) -> dict[str, Any]:
    """What is told of one model: card, options, findings, packages that are missing here."""
    model = next(model for one, model in ZOO if one == name)
    options = {
        key: {"default": field.default, "choices": _choices(field.annotation), "description": field.description}
        for key, field in model.Options.model_fields.items()
    }
    return {
        "name": name,
        "summary": ZOO.describe(name),
        **asdict(model.card),
        "findings": list(model.findings),
        "options": options,
        "missing_packages": ZOO.missing(name),
    }


def registered(name: str) -> str:
    """A model's name as it is registered, written with "-" or "_".

    Raises:
        InputError: there is no such model.
    """
    plain = name.replace("-", "_")
    if plain not in ZOO.names():
        raise InputError(f"no published model is called {name!r}", f"choose one of: {', '.join(ZOO.names())}")
    return plain


def chosen_options(items: list[str] | None) -> dict[str, Any]:
    """Options from `--set`; values in TOML or bare text.

    Raises:
        SettingsError: an item without "=", or an option given twice.
    """
    chosen: dict[str, Any] = {}
    for item in items or []:
        key, equals, text = (part.strip() for part in item.partition("="))
        if not equals or not key or key in chosen:
            raise SettingsError(
                f"--set {item}: {'the option is given twice' if key in chosen else 'no OPTION=VALUE'}", "see cxr models NAME"
            )
        try:
            chosen[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            chosen[key] = text
    return chosen


def _card(one: dict[str, Any]) -> None:
    console.print(f"[bold]{one['name']}[/bold]  {_plain(one['summary'])}", soft_wrap=True)
    for key in ("title", "licence", "citation", "weights", "input", "trained_on"):
        if one[key]:
            console.print(f"  {key.replace('_', ' ')}: {_plain(one[key])}", soft_wrap=True)
    console.print(f"  findings: {_plain(', '.join(one['findings'])) or 'as its file says'}", soft_wrap=True)
    for quirk in one["quirks"]:
        console.print(f"  note: {_plain(quirk)}", soft_wrap=True)
    for option, told in one["options"].items():
        default = json.dumps(told["default"], default=str)
        choices = f" one of {', '.join(told['choices'])};" if told["choices"] else ""
        console.print(f"  --set {option}={_plain(default)}{_plain(choices)}  {_plain(told['description'])}", soft_wrap=True)
    console.print(f"  missing here: {_missing(one)}")


def _choices(annotation: Any) -> list[str]:
    return [str(one) for one in get_args(annotation)] if get_origin(annotation) is Literal else []


def _missing(one: dict[str, Any]) -> str:
    return ", ".join(one["missing_packages"]) or "nothing but weights"


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
