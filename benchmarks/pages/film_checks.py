"""What the checks of the pixels catch."""

from __future__ import annotations

from benchmarks.pages import Line, grid, interval, measured

DOC = "benchmarks.md"
ANSWERS = {
    "inverted": "inverted_polarity", "rotated": "rotated_film", "lateral": "looks_lateral", "unlike": "atypical_film",
    "mirrored": "mirrored_film", "age": "age_contradicted",
}  # fmt: skip


def text() -> str:
    """One row a set of films and change, then side and build with their AUROC."""
    found = measured("film_checks")
    whose = [line for line in found if "held_out" in line]
    stands = [line for line in found if "held_out" not in line]
    return "\n".join(
        [
            *grid(("films of", "what was done", "flag", "films", "flagged so", "flagged otherwise"), [_row(line) for line in stands]),
            "",
            "Side and build; of the hospital, by weights that never saw the patient:",
            "",
            *grid(("films of", "what was done, or could have been", "flag", "films", "flagged", "AUROC"), [_whose(line) for line in whose]),
        ]
    )


def _row(line: Line) -> tuple[str, ...]:
    flag, otherwise = ANSWERS[line["expected"]], str(line.get("otherwise", ""))
    return line["films_of"], line["change"], f"`{flag}`", str(line["films"]), str(line["flagged"]), otherwise


def _whose(line: Line) -> tuple[str, ...]:
    flag, flagged = ANSWERS[line["expected"]], str(line.get("flagged", ""))
    return line["films_of"], line["change"], f"`{flag}`", str(line["films"]), flagged, interval(line, "auroc")
