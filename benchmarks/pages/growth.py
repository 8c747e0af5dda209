"""How `collect` grows with the export."""

from __future__ import annotations

from benchmarks.pages import grid, lines

DOC = "benchmarks.md"
COLUMNS = {
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


def text() -> str:
    """One row a size, as it was measured last."""
    newest = {line["instances"]: line for line in lines("growth") if "run" in line}
    rows = [[f"{newest[size][name]:,}" for name in COLUMNS] for size in sorted(newest)]
    return "\n".join(grid(list(COLUMNS.values()), rows))
