"""Cost by the size of the archive."""

from __future__ import annotations

from benchmarks.pages import grid, measured

DOC = "benchmarks.md"
STEPS = {
    "posterior": "posterior, 5 annotators",
    "detectors": "fusion of 3 models, all detectors on tables, order",
    "nearest": "30 films most alike",
}


def text() -> str:
    """One row a step and size."""
    found = [line for line in measured("tables") if line["step"] in STEPS]
    rows = [
        (
            STEPS[line["step"]],
            f"{line['films']:,}",
            f"{line['cells']:,}",
            f"{line['cpu_s']:.1f}",
            f"{1e6 * line['cpu_s'] / line['films']:.0f}",
            f"{line['peak_mb']:,.0f}",
        )
        for line in found
    ]
    return "\n".join(grid(("step", "films", "cells", "CPU s", "CPU µs a film", "MB, with the input"), rows))
