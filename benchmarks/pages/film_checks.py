"""What the checks of the pixels catch."""

from __future__ import annotations

from benchmarks.pages import Line, grid, measured

DOC = "benchmarks.md"
ANSWERS = {"inverted": "inverted_polarity", "rotated": "rotated_film", "lateral": "looks_lateral", "unlike": "atypical_film"}


def text() -> str:
    """One row a set of films and change."""
    found = measured("film_checks")
    head = ("films of", "what was done", "flag", "films", "flagged so", "flagged otherwise")
    mirrored = [line for line in found if "auroc" in line]
    rows = [_row(line) for line in found if "auroc" not in line]
    told = ", ".join(f"{line['films_of']} AUROC {line['auroc']:.2f}, {line['flagged']} of {line['films']} found" for line in mirrored)
    return "\n".join(
        [
            *grid(head, rows),
            "",
            f"Flipped left to right, for which there is no flag, at a bound that 0.5 % of unflipped films fall below: {told}.",
        ]
    )


def _row(line: Line) -> tuple[str, ...]:
    flag, otherwise = ANSWERS[line["expected"]], str(line.get("otherwise", ""))
    return line["films_of"], line["change"], f"`{flag}`", str(line["films"]), str(line["flagged"]), otherwise
