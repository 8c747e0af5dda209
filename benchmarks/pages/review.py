"""What a reader's minutes find."""

from __future__ import annotations

from benchmarks.pages import Line, grid, measured

DOC = "benchmarks.md"
READINGS = {"u_ones": "-1 read as 1", "u_zeros": "-1 read as 0"}


def text() -> str:
    """One table a reading: methods by minutes."""
    found = measured("review")
    minutes = sorted({line["minutes"] for line in found})
    parts = [f"Wrong labels found, mean of {found[0]['draws']} draws; in brackets the range of 95 % of them."]
    for reading, title in READINGS.items():
        by_method: dict[str, dict[float, Line]] = {}
        for line in found:
            if line["reading"] == reading:
                by_method.setdefault(line["method"], {})[line["minutes"]] = line
        rows = [(method, *(_cell(told[m]) for m in minutes)) for method, told in by_method.items()]
        parts += ["", f"**{title}**", "", *grid(("method", *(f"{m:.0f} minutes" for m in minutes)), rows)]
    return "\n".join(parts)


def _cell(line: Line) -> str:
    return f"{line['found']:.0f} [{line['low']:.0f}, {line['high']:.0f}]"
