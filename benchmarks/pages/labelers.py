"""Report labelers side by side, growth and memory of `cxr label`."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.pages import Line, grid, interval, last_run, measured

DOC = "benchmarks.md"
COLUMNS = {
    "negation_f1": "denied, concept given: F1",
    "openi_micro_f1": "Open-I: micro F1",
    "openi_macro_f1": "Open-I: macro F1",
    "state_f1": "four states: micro F1",
}
STREAMED = ("`cxr label`: reports", "jobs", "seconds", "CPU seconds", "reports / s", "MB, largest process", "MB, all processes")
MEMORY = ("peak_mb", "sum_mb")


def text() -> str:
    """The labelers side by side, then growth and memory."""
    found = measured("labelers")
    head = ("labeler", *COLUMNS.values(), "reports / CPU s")
    rows = [
        (f"{line['labeler']} {line['version']}", *(interval(line, name) for name in COLUMNS), str(line["reports_per_cpu_s"]))
        for line in found
    ]
    parts = [*grid(head, rows), "", f"{found[0]['reports']} reports, measured {found[0]['run'][:10]}."]
    growth = {
        name.rpartition("_")[2]: value for line in last_run("labelers_growth") for name, value in line.items() if name.startswith("cpu_s_")
    }
    if growth:
        cells = ", ".join(f"{value:.3f} at {reports}" for reports, value in sorted(growth.items(), key=lambda item: int(item[0])))
        parts += ["", f"CPU seconds for 1,000 reports as their number grows: {cells}."]
    if runs := last_run("labelers_stream"):
        parts += ["", *grid(STREAMED, [_streamed(line) for line in runs])]
    return "\n".join(parts)


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
