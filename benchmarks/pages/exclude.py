"""How `exclude` grows with the export."""

from __future__ import annotations

from benchmarks.pages import grid, lines

DOC = "benchmarks.md"
COLUMNS = {"files": "files", "cpu_s": "CPU s", "peak_mb": "peak, MB", "scratch_mb": "on the disk meanwhile, MB", "kept_films": "films kept"}


def text() -> str:
    """One row a size, as it was measured last."""
    newest = {line["files"]: line for line in lines("exclude")}
    rows = [[f"{newest[size][name]:,}" for name in COLUMNS] for size in sorted(newest)]
    return "\n".join(grid(list(COLUMNS.values()), rows))
