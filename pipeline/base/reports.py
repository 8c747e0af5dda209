"""A report and its sections. Which words open a section is said here; what the words mean belongs to a labeler."""

from __future__ import annotations

import re
from dataclasses import dataclass

BODY = "body"
READ_SECTIONS = ("findings", "impression", BODY)
_HEADINGS = {
    "findings": r"findings?|report|description|observations?",
    "impression": r"impressions?|conclusions?|opinion|summary|interpretation",
    "indication": r"indications?|(?:clinical\s+)?(?:history|information|indication|data)|reason(?:\s+for\s+(?:exam(?:ination)?|study))?",
    "comparison": r"comparisons?|prior(?:s|\s+stud(?:y|ies))?",
    "technique": r"technique|procedure|views?|protocol",
    "examination": r"exam(?:ination)?s?|study|modality",
    "addendum": r"addend(?:um|a)",
    "recommendation": r"recommendations?",
}
_HEADING = re.compile(
    r"(?im)^[ \t]*(?:" + "|".join(f"(?P<{name}>{words})" for name, words in _HEADINGS.items()) + r")[ \t]*(?::|(?=\r?\n)|\s-\s)[ \t]*"
)


@dataclass(frozen=True, slots=True)
class Section:
    """Characters `start` to `end` of a report's text, without the heading."""

    name: str
    start: int
    end: int


def sections(text: str) -> tuple[Section, ...]:
    """Split a report at its headings ("FINDINGS:", "Impression -", a heading alone on its line).

    Text before the first heading, or a report without headings, is the section `body`. Empty sections are left out.
    """
    marks = [(match.start(), match.end(), str(match.lastgroup)) for match in _HEADING.finditer(text) if _opens(text, match)]
    found = [(BODY, 0, marks[0][0] if marks else len(text))]
    for index, (_, start, name) in enumerate(marks):
        found.append((name, start, marks[index + 1][0] if index + 1 < len(marks) else len(text)))
    return tuple(trimmed for name, start, end in found if (trimmed := _trim(text, name, start, end)))


def _opens(text: str, match: re.Match[str]) -> bool:
    """A bare word on its own line is a heading only where a paragraph or sentence ended before it, else it is a wrapped line."""
    before = text[: match.start()].rstrip(" \t")
    return match[0].rstrip()[-1:] in ":-" or not before.strip() or before.endswith("\n\n") or before.rstrip().endswith((".", ":"))


def _trim(text: str, name: str, start: int, end: int) -> Section | None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    return Section(name, start + left, start + right) if right > left else None
