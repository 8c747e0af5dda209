"""One line a run in benchmarks/results/<what>.jsonl: figures, versions and commit."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.base import provenance

RESULTS = Path(__file__).with_name("results")


def record(what: str, figures: dict[str, float | int | str]) -> None:
    """Append figures and print them."""
    line = {"commit": provenance.commit(), "versions": provenance.versions(), **figures}
    with (RESULTS / f"{what}.jsonl").open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(line, sort_keys=True) + "\n")
    print(f"{what}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
