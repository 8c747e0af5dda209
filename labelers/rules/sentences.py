"""Sentences and tokens with offsets into the original text. What the words mean does not belong here.

Handled: full stops of numbers ("1.5 cm") and abbreviations ("Dr."), numbered items with and without a full stop before them
("... pneumonia 2. Heart size"), bullets, blank lines, line breaks inside sentences, and de-identification marks
(XXXX, ___, [** **]), which become the token `MASK`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.base.reports import READ_SECTIONS, Section

MASK = "XXXX"
NUMBER = "#"
_TOKEN = re.compile(
    r"(?P<mask>\[\*\*[^\]\n]{0,80}\*\*\]|\b[Xx]{4,}\b|_{2,})"
    r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)"
    r"|(?P<number>\d+(?:\.\d+)?(?:st|nd|rd|th)?)"
    r"|(?P<mark>[.,;:/()?!•])"
    r"|(?P<dash>(?<=\s)[-\u2013*](?=\s))"
    r"|(?P<blank>\n[ \t\r]*\n)"
)
_ENDS = frozenset(".?!•")
_ABBREVIATIONS = frozenset(("dr", "mr", "mrs", "ms", "vs", "approx", "pt", "st", "fig", "e", "g", "i"))
_MAX_TOKENS = 200


@dataclass(slots=True)
class Sentence:
    """Tokens of one sentence: lower-case words, and where each starts and ends in the report's text."""

    section: str
    words: list[str]
    starts: list[int]
    ends: list[int]

    @property
    def start(self) -> int:
        """First character of the sentence in the report's text."""
        return self.starts[0]

    @property
    def end(self) -> int:
        """One past the last character of the last token."""
        return self.ends[-1]


def read_sentences(text: str, sections: tuple[Section, ...], names: tuple[str, ...] = READ_SECTIONS) -> Iterator[Sentence]:
    """Sentences of the sections called one of `names`, in order."""
    for section in sections:
        if section.name in names:
            yield from split(text, section)


def split(text: str, section: Section) -> Iterator[Sentence]:
    """Sentences of one section; one of more than 200 tokens is cut, so that the work stays linear in any text."""
    current = Sentence(section.name, [], [], [])
    item = 0
    for match in _TOKEN.finditer(text, section.start, section.end):
        kind = match.lastgroup
        word = _word(match, kind)
        number = _item_number(text, match, section.end) if kind == "number" else 0
        is_item = number > 0 and (number == item + 1 or (number == 1 and not current.words))
        if is_item:
            item = number
        if is_item or kind == "blank" or (kind == "dash" and _opens_line(text, match.start())) or _is_end(word, current, text, match):
            if current.words:
                yield current
                current = Sentence(section.name, [], [], [])
            continue
        if word in _ENDS:
            continue
        current.words.append(word)
        current.starts.append(match.start())
        current.ends.append(match.end())
        if len(current.words) >= _MAX_TOKENS:
            yield current
            current = Sentence(section.name, [], [], [])
    if current.words:
        yield current


def _word(match: re.Match[str], kind: str | None) -> str:
    if kind == "word":
        return match.group().lower()
    if kind == "number":
        return NUMBER
    if kind == "mask":
        return MASK
    return "-" if kind == "dash" else match.group()


def _item_number(text: str, match: re.Match[str], end: int) -> int:
    """The number of a list item such as "2. " or "2) ", else 0."""
    if match.start() > 0 and not text[match.start() - 1].isspace() and text[match.start() - 1] != ".":
        return 0
    after = text[match.end() : min(match.end() + 2, end)]
    is_item = match.end() - match.start() <= 2 and after[:1] in (".", ")") and (len(after) == 1 or not after[1:].isdigit())
    return int(match.group()) if is_item and match.group().isdecimal() else 0


def _opens_line(text: str, at: int) -> bool:
    before = text[max(0, at - 20) : at]
    return "\n" in before and not before[before.rfind("\n") :].strip()


def _is_end(word: str, current: Sentence, text: str, match: re.Match[str]) -> bool:
    if word not in _ENDS:
        return False
    is_abbreviation = word == "." and bool(current.words) and current.words[-1] in _ABBREVIATIONS and current.ends[-1] == match.start()
    return not is_abbreviation
