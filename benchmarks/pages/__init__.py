"""Measured parts of docs pages, one file a part, named like its benchmark: DOC is the page, `text()` the Markdown of the newest run.

Here belongs what the parts share. `python -m benchmarks.page` puts them between their marks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
Line = dict[str, Any]


def last_run(what: str) -> list[Line]:
    """All lines of the newest run in results/<what>.jsonl; none where there is none."""
    runs = [line for line in lines(what) if "run" in line]
    return [line for line in runs if line["run"] == runs[-1]["run"]]


def lines(what: str) -> list[Line]:
    """Every line of results/<what>.jsonl."""
    path = RESULTS / f"{what}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def measured(what: str) -> list[Line]:
    """As `last_run`.

    Raises:
        SystemExit: nothing was measured yet.
    """
    found = last_run(what)
    if not found:
        raise SystemExit(f"results/{what}.jsonl holds no run yet: run its benchmark, python benchmarks/bench_{what}.py")
    return found


def interval(line: Line, name: str, digits: int = 3) -> str:
    """An estimate with its 95 % interval; empty where it was not measured."""
    if name not in line:
        return ""
    ends = f" [{line[f'{name}_low']:.{digits}f}, {line[f'{name}_high']:.{digits}f}]" if f"{name}_low" in line else ""
    return f"{line[name]:.{digits}f}{ends}"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table, one line a row."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
