"""Films to PNGs side by side, and what else bench_ingest measures."""

from __future__ import annotations

from benchmarks.pages import Line, grid, last_run, measured

DOC = "benchmarks.md"
SYSTEMS = ("floor", "ours", "letters", "typical", "naive", "SimpleITK", "dicomsdl", "torchxrayvision", "MONAI")


def text() -> str:
    """A table of milliseconds for each size, ratios, then reduced resolution, workers and memory."""
    found = measured("ingest")
    parts = [f"Measured {found[0]['run'][:10]}, fastest of {found[0]['rounds']} rounds."]
    for megapixels in sorted({line["megapixels"] for line in found}):
        rows = [_row(line) for line in found if line["megapixels"] == megapixels]
        parts += ["", f"{megapixels} megapixels, CPU ms a film:", ""]
        parts += grid(("syntax", *SYSTEMS, "ours - floor", "typical / ours"), rows)
    reduced = {(line["syntax"], line["megapixels"]): line for line in last_run("ingest_reduced")}
    rows = [_reduced(line, reduced[line["syntax"], line["megapixels"]]) for line in found if "ours, in full ms" in line]
    parts += ["", "JPEG 2000 at reduced resolution; differences of the stored films in levels of 0-255:", ""]
    parts += grid(("syntax", "megapixels", "in full, ms", "reduced, ms", "times as fast", "mean", "99 % below", "largest"), rows)
    rows = [
        (*(str(line[name]) for name in ("workers", "films/s", "CPU ms", "feeding CPU ms")), str(line["load"]))
        for line in last_run("ingest_workers")
    ]
    parts += ["", "Workers, JPEG-LS of 5.1 megapixels; CPU a film in the workers and in the process that feeds them:", ""]
    parts += grid(("workers", "films / s", "CPU ms", "feeding, CPU ms", "load of the machine"), rows)
    rows = [(line["films"], str(line["peak MB"]), str(line["failed"])) for line in last_run("ingest_memory")]
    parts += ["", "Two workers and the process that feeds them, largest sum of proportional set sizes:", ""]
    return "\n".join([*parts, *grid(("films", "MB", "failed"), rows)])


def _row(line: Line) -> tuple[str, ...]:
    cells = (f"{line[f'{system} ms']:.0f}" if f"{system} ms" in line else "" for system in SYSTEMS)
    ratio = f"{line['typical ms'] / line['ours ms']:.1f}" if "typical ms" in line else ""
    return (line["syntax"], *cells, f"{line['ours ms'] - line['floor ms']:.0f}", ratio)


def _reduced(line: Line, apart: Line) -> tuple[str, ...]:
    full, ours = line["ours, in full ms"], line["ours ms"]
    levels = (f"{apart[f'levels apart, {name}']:.2f}" for name in ("mean", "p99", "largest"))
    return (line["syntax"], str(line["megapixels"]), f"{full:.0f}", f"{ours:.0f}", f"{full / ours:.1f}", *levels)
