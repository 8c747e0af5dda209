"""What the report scrubber removes, and what it costs."""

from __future__ import annotations

from benchmarks.pages import grid, measured

DOC = "benchmarks.md"


def text() -> str:
    """The cost in words and labels, then recall by kind."""
    line = measured("deid")[-1]
    kinds = [name.split("_")[1] for name in sorted(line) if name.startswith("planted_")]
    parts = [
        f"{line['reports']:,} reports that hold no identities: {line['words_lost']} of {line['words']:,} words lost "
        f"in {line['reports_touched']} reports, "
        f"{line['labels_changed']} of {line['labels']:,} labels of the rule labeler changed.",
        "",
        f"Share of {line['planted']:,} planted identifiers that are gone:",
        "",
        *grid(kinds, [[f"{line[f'planted_{kind}_recall']:.3f}" for kind in kinds]]),
    ]
    if "hospital_recall" in line:
        parts += ["", f"Of {line['hospital_values']:,} values in the reports of a hospital's export: {line['hospital_recall']:.3f}."]
    return "\n".join(parts)
