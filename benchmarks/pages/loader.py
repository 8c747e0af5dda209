"""From disk to batches."""

from __future__ import annotations

from benchmarks.pages import grid, measured

DOC = "benchmarks.md"


def text() -> str:
    """One row a way."""
    found = measured("loader")
    first = found[0]
    rows = [(line["way"], f"{line['images_per_s']:,}", f"{line['ratio']:g}") for line in found]
    head = f"{first['films']:,} films of {first['size_px']} pixels, batches of {first['batch']}, one process."
    return "\n".join([head, "", *grid(("way", "images/s", "cache is faster by"), rows)])
