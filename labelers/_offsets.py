"""Where a place in a tool's copy of a text lies in ours, however the tool changed case, blanks and punctuation.

NegBio's `main_chexpert` lower-cases a passage, joins its lines, puts a blank behind commas and full stops and "or" for a slash, and then
counts offsets in what it made. Here belongs finding such a place again, word by word; what lies there belongs to `negbio.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_Token = tuple[int, int, str]
_TOKEN = re.compile(r"[^\W_]+|\S")
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Alignment:
    """Tokens of their text and of ours, as (start, end), and which of theirs is which of ours."""

    theirs: tuple[tuple[int, int], ...]
    ours: tuple[tuple[int, int], ...]
    twins: dict[int, int]

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Our characters for theirs; None where the first or the last word of them is none of ours."""
        held = [index for index, (left, right) in enumerate(self.theirs) if left < end and right > start]
        if not held or held[0] not in self.twins or held[-1] not in self.twins:
            return None
        first, last = self.twins[held[0]], self.twins[held[-1]]
        left = self.ours[first][0] + max(0, start - self.theirs[held[0]][0])
        right = self.ours[last][1] - max(0, self.theirs[held[-1]][1] - end)
        return (left, right) if left < right else None


def align(theirs: str, ours: str) -> Alignment:
    """Pair equal tokens of the two texts, in order; capitals do not count."""
    left, right = _tokens(theirs), _tokens(ours)
    return Alignment(tuple((start, end) for start, end, _ in left), tuple((start, end) for start, end, _ in right), _twins(left, right))


def _twins(left: list[_Token], right: list[_Token]) -> dict[int, int]:
    mine, yours = [word for *_, word in left], [word for *_, word in right]
    if yours[: len(mine)] == mine:
        return {index: index for index in range(len(mine))}
    blocks = SequenceMatcher(None, mine, yours, autojunk=False).get_matching_blocks()
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}


def _tokens(text: str) -> list[_Token]:
    return [(match.start(), match.end(), match[0].lower()) for match in _TOKEN.finditer(text)]


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The characters between the sentence ends before and behind a place, without blanks at the rim."""
    before = [match.end() for match in _SENTENCE_END.finditer(text, 0, start)]
    behind = _SENTENCE_END.search(text, max(start, end - 1))
    left = before[-1] if before else 0
    right = behind.start() + 1 if behind else len(text)
    left += len(text[left:start]) - len(text[left:start].lstrip())
    return left, max(end, left + len(text[left:right].rstrip()))
