"""Write the pages and golden files that follow from the code: `make docs` and `make golden`.

Each function answers the text of one file from declarations, registries or the command; nothing here is written by hand twice.
tests/architecture/test_generated.py fails when a committed file differs from what this module makes.
"""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from pipeline.base import findings, stages, tables
from pipeline.base.interfaces import ALL, LABELERS, RULES, SOURCES, ZOO
from pipeline.base.settings import PROFILES, Published, Settings

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- made by make docs: begin -->", "<!-- made by make docs: end -->"
_NOTE = "<!-- made by `make docs`; edit {source} instead -->"


def tables_page() -> str:
    """docs/tables.md."""
    lines = ["# Tables", _note("pipeline/base/tables.py"), ""]
    lines += [
        "Parquet under `HOME/tables/`; `cxr sql` and `HOME/curated.duckdb` show each one as a view with these sentences as comments.",
        "",
    ]
    for table in tables.TABLES:
        where = f"HOME/private/{table.name.removeprefix('private_')}.parquet" if table.private else f"HOME/tables/{table.name}"
        where += "" if table.private else "/*/*.parquet" if table.sharded else ".parquet"
        lines += [f"## {table.name}", "", table.doc, "", f"Made by `{table.stage}` · `{where}` · key: {_codes(table.key)}", ""]
        foreign = dict(table.foreign)
        rows = [(f"`{c.name}`", f"{_type(c.type)}{', may be null' if c.nullable else ''}", _column_doc(c, foreign)) for c in table.columns]
        lines += [*_grid(("column", "type", "what it says"), rows), ""]
    lines += ["## Views", ""]
    lines += [f"- `{name}`: {doc}" for name, (doc, _) in tables.VIEWS.items()]
    return _page(lines)


def settings_page() -> str:
    """docs/settings.md."""
    lines = ["# Settings", _note("pipeline/base/settings.py"), ""]
    lines += [
        "Defaults, then the profile, `HOME/settings.toml` and `--set section.key=value`; the last one wins. An unknown key is an error.",
        "",
        "```toml",
        "# HOME/settings.toml",
        'profile = "full"',
        "[decode]",
        "size_px = 256",
        "```",
        "",
    ]
    for name, field in Settings.model_fields.items():
        value = field.default
        key = field.alias or name
        if isinstance(value, BaseModel):
            lines += [f"## {key}", "", (type(value).__doc__ or "").strip(), ""]
            lines += [*_grid(("setting", "default", "what it does"), _setting_rows(key, value)), ""]
    rows = [
        (f"`models.NAME.{key}`", "required" if field.is_required() else f"`{_short(field.default)}`", field.description or "")
        for key, field in Published.model_fields.items()
    ]
    lines += ["## models", "", (Published.__doc__ or "").strip(), "", *_grid(("setting", "default", "what it does"), rows), ""]
    lines += ["## profile", ""]
    lines += [f"- `{name}`: {_profile(change)}" for name, change in PROFILES.items()]
    lines += ["", "`seed` (default 0) seeds training, resampling and detectors."]
    return _page(lines)


def plugins_page() -> str:
    """docs/plugins.md."""
    lines = ["# Plug-ins", _note("the plug-in's docstring"), ""]
    lines += ["One file each; `cxr plugins` lists them with what is missing here. How to add one: [extending](extending/README.md).", ""]
    for registry in ALL:
        rows = [(f"`{name}`", registry.describe(name), _codes(registry.needs(name))) for name in registry.names()]
        lines += [f"## {registry.seam}", "", f"Files in `{registry.package.replace('.', '/')}/`.", ""]
        lines += [*_grid(("name", "what it does", "needs"), rows), ""]
    return _page(lines)


def sources_page() -> str:
    """docs/sources.md."""
    lines = ["# Sources", _note("the card in the source's file"), ""]
    lines += [
        "Where an export comes from: `cxr run EXPORT --set collect.source=NAME`. Point EXPORT at the archive as it unpacks, or at a folder",
        "above it. Published labels are read by their columns ([label files](plugins.md#label_file)) and become annotators, with every",
        "uncertain label and every reader; the official split is kept by `split`. Licences are not granted here: read the archive's own.",
        "",
    ]
    for name, source in SOURCES:
        card = source.card
        lines += [f"## {name}", "", SOURCES.describe(name), ""]
        facts = (("Title", card.title), ("Licence", card.licence), ("Layout", card.layout), ("Cite", card.citation))
        lines += [f"- {word}: {text}" for word, text in facts if text]
        lines += ["- Known defects:", *(f"  - {defect}" for defect in card.known_defects)] if card.known_defects else []
        lines += [""]
    return _page(lines)


def models_page() -> str:
    """docs/models.md."""
    lines = ["# Published models", _note("the card in the model's file"), ""]
    lines += [
        "No weights come with this package and none are downloaded: bring the files a card names, and give their path.",
        "",
        "```sh",
        "cxr models                                                          # licence, input, findings, what is missing here",
        "cxr models check torchxrayvision --checkpoint WEIGHTS.pt            # does it fit, does it score",
        "cxr predict --model torchxrayvision --checkpoint WEIGHTS.pt --data FOLDER -o scores.csv",
        "cxr audit labels.csv scores.csv -o issues.csv                       # as a second opinion on labels",
        "```",
        "",
        "A `cxr predict` that was stopped goes on when the same command is given again: what it scored lies in `scores.csv.parts` until",
        "the end. Other weights, options, devices or versions start anew, and so does a batch with a file that changed.",
        "",
        "In a dataset, `models.NAME.checkpoint` in `HOME/settings.toml` asks the model in [predict](stages/predict.md) (table",
        "`published_scores`), lets [rank](stages/rank.md) hear it beside the out-of-fold opinions, and scores it in",
        "[validate](stages/validate.md), from where it stands in `cxr report`, the release's card and the [leaderboard](leaderboard.md).",
        "Of a film that a model was trained on its opinion is no second one: each card says what it was trained on.",
        "",
        "Checkpoints are read as tensors alone. A whole pickled network, and a snapshot with a program of its own, need an option that",
        "says so. Preprocessing, prompts and quirks are upstream's; where upstream is wrong, an option gives the corrected variant. Scores",
        "of different kinds (probability, logit, cosine, op_normalised, yes_no) are never compared with each other.",
        "",
        "Where the upstream package can be installed, tests hold ours against it on random weights (1e-5):",
        "`make test-upstream`. How to add a model:",
        "[extending](extending/zoo.md).",
        "",
    ]
    for name, model in ZOO:
        card = model.card
        lines += [f"## {name}", "", ZOO.describe(name), ""]
        facts = (("Licence", card.licence), ("Weights", card.weights), ("Input", card.input), ("Trained on", card.trained_on))
        lines += [f"- {word}: {text}" for word, text in (("Title", card.title), *facts, ("Cite", card.citation)) if text]
        lines += [f"- Findings: {', '.join(model.findings)}"] if model.findings else []
        lines += ["- Quirks:", *(f"  - {quirk}" for quirk in card.quirks)] if card.quirks else []
        rows = [
            (f"`{key}`", f"`{_short(field.default)}`", _choices(field.annotation), field.description or "")
            for key, field in model.Options.model_fields.items()
        ]
        lines += ["", *_grid(("option", "default", "choices", "what it does"), rows)] if rows else []
        lines += [""]
    return _page(lines)


def labelers_page() -> str:
    """docs/labelers.md."""
    from labelers.rules import conventions

    lines = ["# Labelers and their options", _note("the labeler's file"), ""]
    lines += [
        "`cxr labelers` says which can run here. Options: `cxr label --set option=value`, in a run `label.options.<labeler>.<option>`.",
        "",
    ]
    for name, one in LABELERS:
        lines += [f"## {name}", "", LABELERS.describe(name), "", f"Needs: {one.needs or 'nothing'}.", ""]
        fields = one.Options.model_fields.items()
        rows = [(f"`{key}`", f"`{_short(field.default)}`", _choices(field.annotation), field.description or "") for key, field in fields]
        lines += [*_grid(("option", "default", "choices", "what it does"), rows), ""]
    presets = conventions.presets()
    lines += ["## Presets of rules", ""]
    lines += [*(f"- `{name}`: {doc}" for name, doc in conventions.preset_docs().items()), ""]
    examples = {(one.convention, one.choice): one for one in conventions.examples()}
    rows = [
        (f"`{one.name}`", *(f"{choice[one.name]}" for choice in presets.values()), examples[one.name, one.choices[0]].text)
        for one in conventions.conventions()
    ]
    rows += [("`impression`", *(choice["impression"] for choice in presets.values()), "")]
    lines += [*_grid(("convention", *presets, "for example"), rows), ""]
    lines += ["What each choice makes of the example (every line is tested):", ""]
    rows = [(f"`{one.convention}`", one.choice, one.text, one.reading or "nothing") for one in conventions.examples()]
    return _page([*lines, *_grid(("convention", "choice", "sentence", "reading"), rows)])


def findings_page() -> str:
    """docs/findings.md."""
    lines = [
        "# Findings",
        _note("pipeline/base/findings.py"),
        "",
        "One spelling each, and what each public label set calls it. A finding implies its parents.",
        "",
    ]
    rows = [
        (one.name, ", ".join(one.parents), one.chexpert or "", one.nih or "", one.vindr or "", one.padchest or "", one.rsna or "")
        for one in findings.FINDINGS
    ]
    return _page([*lines, *_grid(("finding", "implies", "CheXpert", "NIH", "VinDr", "PadChest", "RSNA"), rows)])


def cli_page() -> str:
    """docs/cli.md."""
    lines = ["# The command `cxr`", _note("pipeline/cli"), ""]
    for path, command in commands():
        lines += [f"## {path}", "", (command.help or "").strip(), ""]
        shown = [option for option in command.params if option.name not in ("install_completion", "show_completion")]
        rows = [(_spelling(option), _default(option), option.help or "") for option in shown]
        lines += [*_grid(("argument", "default", "what it does"), rows), ""] if rows else []
    return _page(lines)


def path_picture() -> str:
    """docs/img/path.svg."""
    return str(runpy.run_path(str(ROOT / "docs" / "img" / "path.py"))["svg"]())


def stage_page(name: str) -> str:
    """docs/stages/<name>.md with its generated part renewed; the prose around it is kept.

    Raises:
        SystemExit: the page is missing or has lost its marks.
    """
    path = ROOT / "docs" / "stages" / f"{name}.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"docs/stages/{name}.md must hold the lines {BEGIN} and {END} once each")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{_stage_facts(name)}\n{END}{rest.split(END)[1]}"


def schemas() -> str:
    """tests/golden/schemas.json: every table as it is on disk."""
    found = {
        table.name: {
            "stage": table.stage,
            "key": list(table.key),
            "foreign": dict(table.foreign),
            "sharded": table.sharded,
            "private": table.private,
            "columns": {c.name: f"{c.type}{'' if c.nullable else ' not null'}" for c in table.columns},
            "values": {c.name: list(c.values) for c in table.columns if c.values},
        }
        for table in tables.TABLES
    }
    return _json(found)


def asset_graph() -> str:
    """tests/golden/asset_graph.json: what Dagster is told."""
    from pipeline.definitions import build_defs

    repository = build_defs().get_repository_def()
    graph = repository.asset_graph
    assets = {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "after": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "checks": sorted(check.name for check in graph.get(key).check_keys),
            "partitions": type(graph.get(key).partitions_def).__name__ if graph.get(key).is_partitioned else None,
            "pools": sorted(graph.get(key).pools or ()),
        }
        for key in graph.get_all_asset_keys()
    }
    jobs = sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__"))
    schedules = {one.name: [one.cron_schedule, one.default_status.value] for one in repository.schedule_defs}
    sensors = {one.name: one.default_status.value for one in repository.sensor_defs}
    return _json({"assets": assets, "jobs": jobs, "schedules": schedules, "sensors": sensors})


def commands() -> list[tuple[str, Any]]:
    """Every command of `cxr` with its full name, the command itself first."""
    import typer

    from pipeline.cli import app

    def walk(name: str, command: Any) -> Iterable[tuple[str, Any]]:
        yield name, command
        for child, found in sorted(getattr(command, "commands", {}).items()):
            yield from walk(f"{name} {child}", found)

    return list(walk("cxr", typer.main.get_command(app)))


FILES: dict[str, dict[str, Callable[[], str]]] = {
    "docs": {
        "docs/tables.md": tables_page,
        "docs/settings.md": settings_page,
        "docs/plugins.md": plugins_page,
        "docs/sources.md": sources_page,
        "docs/findings.md": findings_page,
        "docs/labelers.md": labelers_page,
        "docs/models.md": models_page,
        "docs/cli.md": cli_page,
        "docs/img/path.svg": path_picture,
        **{f"docs/stages/{name}.md": partial(stage_page, name) for name in stages.NAMES},
    },
    "golden": {
        "tests/golden/schemas.json": schemas,
        "tests/golden/asset_graph.json": asset_graph,
    },
}


def main(which: str) -> None:
    """Write the files of one kind, `docs` or `golden`, and say which changed."""
    for path, make in FILES[which].items():
        old, new = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).exists() else None, make()
        if new != old:
            (ROOT / path).write_text(new, encoding="utf-8")
            print(f"wrote {path}")


def _stage_facts(name: str) -> str:
    stage = stages.BY_NAME[name]
    lines = [
        f"- Reads: {_codes(stage.reads) or 'the export'}",
        f"- Writes: {_codes(stage.writes)} ([columns](../tables.md))",
        f"- Settings: {', '.join(f'[`{key}`](../settings.md#{key})' for key in stage.settings) or 'none'}",
        f"- Code: `pipeline/{name}/` · Dagster: `assets/{name}.py` · tests: `tests/{name}/`",
    ]
    if name == "exclude":
        lines += ["", "Rules in the order they speak; of the rules that remove a file, the first names the reason.", ""]
        ordered = sorted(RULES, key=lambda item: (item[1].order, item[0]))
        rows = [(f"`{code}`", rule.action, f"`{name}`", text) for name, rule in ordered for code, text in rule.reasons.items()]
        lines += _grid(("reason", "action", "rule", "meaning"), rows)
    return "\n".join(lines)


def _setting_rows(section: str, value: BaseModel) -> list[tuple[str, str, str]]:
    return [
        (f"`{section}.{name}`", f"`{_short(getattr(value, name))}`", field.description or "")
        for name, field in type(value).model_fields.items()
    ]


def _profile(change: dict[str, Any]) -> str:
    items = [f"`{section}.{key}={value}`" for section, values in change.items() for key, value in values.items()]
    return ", ".join(items) or "the defaults"


def _short(value: Any) -> str:
    if value == findings.DATASET:
        return "those of CheXpert and ChestX-ray14 in docs/findings.md"
    plain = list(value) if isinstance(value, tuple) else value
    return json.dumps(plain, default=str)


def _choices(annotation: Any) -> str:
    return _codes(str(one) for one in get_args(annotation)) if get_origin(annotation) is Literal else ""


def _spelling(option: Any) -> str:
    if option.param_type_name == "argument":
        return f"`{option.metavar or option.name.upper()}`"
    return " ".join(f"`{one}`" for one in option.opts)


def _default(option: Any) -> str:
    if option.required:
        return "required"
    value = option.default() if callable(option.default) else option.default
    return "" if value in (None, False, [], ()) or "UNSET" in repr(value) else f"`{getattr(value, 'value', value)}`"


def _column_doc(column: tables.Column, foreign: dict[str, str]) -> str:
    values = f" One of: {_codes(column.values)}." if column.values and column.values != findings.NAMES else ""
    target = f" In `{foreign[column.name]}`." if column.name in foreign else ""
    return f"{column.doc}{values}{target}"


def _type(kind: Any) -> str:
    return re.sub(r"\s*\b(item|element): ", "", str(kind))


def _grid(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _note(source: str) -> str:
    return _NOTE.format(source=source)


def _page(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    main(sys.argv[1])
