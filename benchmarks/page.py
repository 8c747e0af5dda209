"""Writes the measured numbers of docs/benchmarks.md from the last run in benchmarks/results: `python -m benchmarks.page`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- made by python -m benchmarks.page: begin -->", "<!-- made by python -m benchmarks.page: end -->"
COLUMNS = {
    "negation_f1": "denied, concept given: F1",
    "openi_micro_f1": "Open-I: micro F1",
    "openi_macro_f1": "Open-I: macro F1",
    "state_f1": "four states: micro F1",
}
STREAMED = ("`cxr label`: reports", "jobs", "seconds", "CPU seconds", "reports / s", "MB, largest process", "MB, all processes")
MEMORY = ("peak_mb", "sum_mb")
Line = dict[str, Any]


def text() -> str:
    """The whole page, its measured part anew.

    Raises:
        SystemExit: the page lacks its marks, or nothing has been measured.
    """
    page = PAGE.read_text(encoding="utf-8")
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise SystemExit(f"docs/benchmarks.md must hold the lines {BEGIN} and {END} once each")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{labelers()}\n{END}{rest.split(END)[1]}"


def last_run(what: str) -> list[Line]:
    """All lines of the newest run in results/<what>.jsonl; none where there is none."""
    path = RESULTS / f"{what}.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    runs = [line for line in lines if "run" in line]
    return [line for line in runs if line["run"] == runs[-1]["run"]]


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
    PAGE.write_text(text(), encoding="utf-8")
