"""Duplicates found, and what the search costs."""

from __future__ import annotations

from benchmarks.pages import grid, measured

DOC = "benchmarks.md"


def text() -> str:
    """Films as they are, made duplicates, and cost."""
    found = measured("groups")
    parts = []
    for line in found:
        if line["change"] == "as they are":
            parts.append(
                f"- {line['films_of']}, {line['films']} films as they are: {line['pairs']} pairs found; of {line['planted']} planted"
                f" duplicates of other patients {line['planted_found']}; {line['same_patient_found']} of the"
                f" {line['same_patient_pairs']} pairs of films"
                " of one patient."
            )
    rows = [
        (
            line["films_of"], line["change"], str(line["made"]), str(line["found"]),
            f"{line['found'] / line['made']:.3f}", str(line["wrong_pairs"]),
            f"{line['kind_right']} of {line['kind_told']}",
        )
        for line in found
        if line["change"] != "as they are"
    ]  # fmt: skip
    parts += ["", *grid(("films of", "copies", "made", "found", "recall", "wrong pairs", "kind right"), rows), ""]
    costs = [
        (
            f"{line['films']:,}", f"{line['cpu_s']:.0f}", f"{1e6 * line['cpu_s'] / line['films']:.0f}", f"{line['peak_mb']:,.0f}",
            f"{line['found']} of {line['made']}", f"{line['candidates'] - line['found']:,}",
        )
        for line in measured("groups_cost")
    ]  # fmt: skip
    head = ("films", "CPU s", "CPU µs a film", "MB, with the input", "made duplicates found", "other candidates")
    return "\n".join([*parts, *grid(head, costs)])
