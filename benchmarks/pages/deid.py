"""What the report scrubber and Presidio remove, and what it costs."""

from __future__ import annotations

from benchmarks.pages import Line, grid, measured

DOC = "benchmarks.md"


def text() -> str:
    """The cost in words and labels, then recall by kind, a row a cleaner of the last run."""
    lines = measured("deid")
    line = lines[0]
    kinds = [name.split("_")[1] for name in sorted(line) if name.startswith("planted_")]
    costs = [[_name(one), str(one["words_lost"]), str(one["reports_touched"]), str(one["labels_changed"])] for one in lines]
    gone = [[_name(one), *(f"{one[f'planted_{kind}_recall']:.3f}" for kind in kinds), f"{one['hospital_recall']:.3f}"] for one in lines]
    values = f"values in the reports of a hospital's export, {line['hospital_values']:,}"
    return "\n".join(
        [
            f"{line['reports']:,} reports without identities, {line['words']:,} words, {line['labels']:,} labels of the rule labeler:",
            "",
            *grid(("", "words lost", "reports touched", "labels changed"), costs),
            "",
            f"Share of {line['planted']:,} planted identifiers that are gone:",
            "",
            *grid(("", *kinds, values), gone),
        ]
    )


def _name(line: Line) -> str:
    return " ".join(str(line[part]) for part in ("cleaner", "version") if part in line)
