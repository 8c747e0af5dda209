"""Writes the measured numbers of docs/benchmarks.md and docs/labels.md from the last runs: `python -m benchmarks.page`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- made by python -m benchmarks.page: begin -->", "<!-- made by python -m benchmarks.page: end -->"
COLUMNS = {
    "negation_f1": "denied, concept given: F1",
    "openi_micro_f1": "Open-I: micro F1",
    "openi_macro_f1": "Open-I: macro F1",
    "state_f1": "four states: micro F1",
}
STREAMED = ("`cxr label`: reports", "jobs", "seconds", "CPU seconds", "reports / s", "MB, largest process", "MB, all processes")
KINDS = {"state": "exact state", "positive": "present", "negative": "denied", "uncertain": "uncertain", "mention": "mentioned"}
MEMORY = ("peak_mb", "sum_mb")
Line = dict[str, Any]


GROWTH = {
    "instances": "instances",
    "first_cpu_s": "first run, CPU s",
    "first_peak_mb": "MB",
    "again_cpu_s": "again, CPU s",
    "one_percent_cpu_s": "1 % more, CPU s",
    "ledger_mb": "ledger, MB",
    "tables_mb": "tables, MB",
    "home_files": "files of the home",
    "query_count_s": "count, s",
    "query_patients_s": "patients, s",
    "query_join_s": "join, s",
}


def text(page: Path, measured: str) -> str:
    """A page with its measured part anew.

    Raises:
        SystemExit: the page lacks its marks.
    """
    whole = page.read_text(encoding="utf-8")
    if whole.count(BEGIN) != 1 or whole.count(END) != 1:
        raise SystemExit(f"docs/{page.name} must hold the lines {BEGIN} and {END} once each")
    before, rest = whole.split(BEGIN)
    return f"{before}{BEGIN}\n{measured}\n{END}{rest.split(END)[1]}"


def last_run(what: str) -> list[Line]:
    """All lines of the newest run in results/<what>.jsonl; none where there is none."""
    runs = [line for line in _lines(what) if "run" in line]
    return [line for line in runs if line["run"] == runs[-1]["run"]]


def _lines(what: str) -> list[Line]:
    path = RESULTS / f"{what}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def labelers() -> str:
    """The labelers side by side, then growth and memory."""
    found = last_run("labelers")
    if not found:
        raise SystemExit("no labelers are measured yet: run python benchmarks/bench_labelers.py")
    head = ("labeler", *COLUMNS.values(), "reports / CPU s")
    rows = [
        (f"{line['labeler']} {line['version']}", *(_score(line, name) for name in COLUMNS), str(line["reports_per_cpu_s"]))
        for line in found
    ]
    parts = [*_grid(head, rows), "", f"{found[0]['reports']} reports, measured {found[0]['run'][:10]}."]
    growth = {
        name.rpartition("_")[2]: value for line in last_run("labelers_growth") for name, value in line.items() if name.startswith("cpu_s_")
    }
    if growth:
        cells = ", ".join(f"{value:.3f} at {reports}" for reports, value in sorted(growth.items(), key=lambda item: int(item[0])))
        parts += ["", f"CPU seconds for 1,000 reports as their number grows: {cells}."]
    if runs := last_run("labelers_stream"):
        parts += ["", *_grid(STREAMED, [_streamed(line) for line in runs])]
    return "\n".join(parts)


def accuracy() -> str:
    """The rule labeler finding by finding, then on paraphrases."""
    found = last_run("accuracy")
    if not found:
        raise SystemExit("no accuracy is measured yet: run python benchmarks/bench_accuracy.py")
    lines = [line for line in found if line["preset"] == "guide"]
    parts = [
        f"Preset `guide`, {lines[0]['reports']} reports, version {lines[0]['version']}. F1, in brackets the cells that people marked so:",
        "",
    ]
    parts += _grid(("finding", *KINDS.values()), [(line["finding"], *(_f1(line, kind) for kind in KINDS)) for line in lines])
    lines = [line for line in found if line["preset"] == "openi"]
    parts += ["", f"Preset `openi`, {lines[0]['reports']} reports, what the coders marked as present:", ""]
    parts += _grid(("finding", "present"), [(line["finding"], _f1(line, "positive")) for line in lines])
    for line in _lines("paraphrases")[-1:]:
        parts += ["", f"Paraphrases: {line['items']} texts from {line['frames']} frames; all findings of a text exactly right:", ""]
        halves = [(half, line[f"{half}_exact"], line[f"{half}_f1"]) for half in ("open", "sealed")]
        parts += _grid(("half", "exact texts", "F1 of cells"), halves)
    return "\n".join(parts)


def collecting() -> str:
    """Growth of `collect`, then what de-identification removes and costs."""
    parts = ["", "### Collect", ""]
    parts += _grid(list(GROWTH.values()), [[str(line[name]) for name in GROWTH] for line in last_run("growth")])
    for line in _lines("deid")[-1:]:
        kinds = [name.split("_")[1] for name in line if name.startswith("planted_")]
        parts += [
            "",
            f"De-identification of {line['reports']} reports that hold no identities: {line['words_lost']} of {line['words']} words lost,",
        ]
        parts += [
            f"{line['labels_changed']} of {line['labels']} labels of the rule labeler changed. Planted identifiers found, nothing known:",
            "",
        ]
        parts += _grid(kinds, [[f"{line[f'planted_{kind}_recall']:.3f}" for kind in kinds]])
        if "hospital_recall" in line:
            parts += [
                "",
                f"Of {line['hospital_values']} values in the reports of a hospital's export, {line['hospital_recall']:.3f} found so.",
            ]
    return "\n".join(parts)


def _f1(line: Line, kind: str) -> str:
    if f"{kind}_f1" not in line:
        return ""
    return f"{line[f'{kind}_f1']:.3f} [{line[f'{kind}_f1_low']:.3f}, {line[f'{kind}_f1_high']:.3f}] ({line[f'{kind}_cells']})"


def _score(line: Line, name: str) -> str:
    return f"{line[name]:.3f} [{line[f'{name}_low']:.3f}, {line[f'{name}_high']:.3f}]"


def _streamed(line: Line) -> Sequence[str]:
    """One run of `cxr label`."""
    speed = f"{line['rows'] / line['seconds']:.0f}"
    return (
        str(line["rows"]),
        str(line["jobs"]),
        f"{line['seconds']:.1f}",
        f"{line['cpu_s']:.1f}",
        speed,
        *(f"{line[mb]:.0f}" for mb in MEMORY),
    )


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


if __name__ == "__main__":
    for name, measured in (("benchmarks.md", f"{labelers()}\n{collecting()}"), ("labels.md", accuracy())):
        (DOCS / name).write_text(text(DOCS / name, measured), encoding="utf-8")
