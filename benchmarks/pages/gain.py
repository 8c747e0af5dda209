"""The gain certificate of the sample hospital and of real films."""

from __future__ import annotations

from benchmarks.pages import grid, measured

DOC = "benchmarks.md"
DATA = {"sample": "sample hospital, its ledger", "hospital": "real films, radiologists' readings"}


def text() -> str:
    """One row a finding that could be scored, then the mean over them."""
    found = measured("gain")
    rows = [
        (
            DATA[line["data"]],
            line["finding"],
            f"{line['n_positive']} / {line['n_negative']}",
            *(f"{line[name]:.3f}" for name in ("given", "cleaned")),
            f"{line['estimate']:+.3f} [{line['ci_low']:+.3f}, {line['ci_high']:+.3f}]",
            line["certificate"],
        )
        for line in found
        if "certificate" in line
    ]
    head = ("data, truth", "finding", "positive / negative", "given", "cleaned", "gain", "certificate")
    return "\n".join([*grid(head, rows), "", f"{found[0]['n_seeds']} trainings for each set of labels, measured {found[0]['run'][:10]}."])
