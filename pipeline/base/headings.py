"""Where the sections of a report begin: the forms of headings. Their words are in `headings.toml`.

Forms: "FINDINGS:", "Findings -", "**Impression:**", "## Findings", "<FINDINGS>", "[FINDINGS]", a heading alone on its line, capitals before
mixed case ("IMPRESSION Normal chest."), and several headings on one line ("INDICATION: cough COMPARISON: none FINDINGS: ..."). Words
around the heading are read over: "Radiologist's final impression:", "FINDINGS (2 views):", "FINDINGS/IMPRESSION:".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

BODY = "body"
TITLE = "title"
RULE = "rule"

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_QUALIFIERS = frozenset(_DATA["around"]["qualifiers"])
_ARTICLES = frozenset(_DATA["around"]["articles"])
_TITLE_WORDS = frozenset(_DATA["title"]["words"])
_CHEST = frozenset(_DATA["title"]["chest"])
_CLOSINGS = tuple(_DATA["signature"]["words"])
# Of several names joined in one heading the first of these counts: an indication never becomes a finding.
_PRIORITY = ("indication", "addendum", "impression", "findings")
_WINDOW = 80
_MARK = re.compile(r"[:\u2013\u2014-]+")
_LAST = re.compile(r"([A-Za-z]{1,15}|\d)[*_#=\s]{0,20}\Z")
_CUT = re.compile(r"(?s).*[.;:!?|~\\\r\n\f\v>\]\u2022]")
_WORD = re.compile(r"[A-Za-z]+(?:['\u2019][A-Za-z]+)?|\d+|[/&+]")
_LINE = re.compile(
    r"(?m)^[ \t]*+(?:(?P<rule>[_=-]{5,}+)[ \t]*+\r?$"
    r"|(?P<capitals>[A-Z][A-Z/&-]+(?: [A-Z/&-]{2,}){0,4})(?=[ \t]+(?:[A-Z] ?[a-z]|\d{1,3}(?:[.)]\s|[ -]?[a-z])|(?P<lower>[a-z])))"
    r"|[*_#=\[]*+[ \t]*+(?P<words>[A-Za-z][A-Za-z'\u2019/&(), \t-]{1,60}?)[\])*_#= \t]{0,20}+\r?$)"
)
_TAG = re.compile(
    r"(?i)<(?P<close>/?)(?:\w{1,40}\s[^<>\n]{0,80}?(?:label|name|title)=[\"'])?(?P<words>[a-z][a-z /&_-]{2,40})[\"']?[^<>\n]{0,40}>"
)
_CLOSING = re.compile(
    "|".join(re.escape(form) for said in _CLOSINGS for form in dict.fromkeys((said, said.capitalize(), said.title(), said.upper())))
)
_STEMS = tuple({max(said.split(), key=len) for said in _CLOSINGS})
_SENTENCE_ENDS = frozenset(".!?:;)]>*\u2022\\~|")


class Heading(NamedTuple):
    """Characters `start` to `end` of the text, with the marks around the words."""

    start: int
    end: int
    name: str


class _Opening(NamedTuple):
    name: str
    is_anywhere: bool


def _openings() -> dict[str, _Opening]:
    found: dict[str, _Opening] = {}
    for table, is_anywhere in (("line", False), ("anywhere", True)):
        for name, phrases in _DATA[table].items():
            for phrase in phrases:
                plural = phrase[:-1] + "ies" if phrase.endswith("y") else phrase[:-2] + "es" if phrase.endswith("sis") else phrase + "s"
                found |= {phrase: _Opening(name, is_anywhere), plural: _Opening(name, is_anywhere)}
    return found


_OPENINGS = _openings()
_LAST_WORDS = frozenset(phrase.split()[-1] for phrase in _OPENINGS)
_LAST_OR_TITLE = _LAST_WORDS | _TITLE_WORDS
_ALL_WORDS = frozenset(word for phrase in _OPENINGS for word in phrase.split()) | _QUALIFIERS | {"and", *_ARTICLES}


def headings(text: str) -> list[Heading]:
    """Every heading in order, without overlaps; `TITLE` is an exam's title, `RULE` a line drawn across the page."""
    found = [*_marked(text), *_lines(text)]
    lower = text.lower()
    if any(stem in lower for stem in _STEMS):
        found.extend(_closings(text))
    if "<" in text:
        found.extend(_tags(text))
    found.sort()
    kept: list[Heading] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


@lru_cache(maxsize=2048)
def opening(words: tuple[str, ...]) -> _Opening | None:
    """Which section these lower-case words open, as in ("findings", "and", "impression")."""
    for skipped in range(len(words)):
        inner = (word for word in words[skipped + 1 :] if word not in _ARTICLES)
        if found := _OPENINGS.get(" ".join((words[skipped], *inner))):
            return found
        if words[skipped] not in _QUALIFIERS:
            break
    if "and" not in words[1:-1]:
        return None
    at = words.index("and", 1)
    parts = (opening(words[:at]), opening(words[at + 1 :]))
    if parts[0] is None or parts[1] is None:
        return None
    names = [part.name for part in parts if part]
    return _Opening(next((name for name in _PRIORITY if name in names), names[0]), any(part.is_anywhere for part in parts if part))


def _words(raw: str) -> tuple[str, ...]:
    return tuple(_plain(match.group()) for match in _WORD.finditer(raw))


def _plain(word: str) -> str:
    return "and" if word in "/&+" else word.lower().replace("\u2019", "'")


def _marked(text: str) -> Iterator[Heading]:
    """Headings before a colon or a dash."""
    after = 0
    for mark in _MARK.finditer(text):
        at = mark.start()
        if mark[0] != ":" and not text[mark.end() : mark.end() + 1].isspace():
            continue
        low, ended = _line_start(text, after, at)
        found = _before_mark(text[low:at], ended, mark[0] == ":")
        if found is not None:
            end = _skip(text, mark.end())
            yield Heading(_widen(text, low + found[0], after), end, found[1])
            after = end


def _line_start(text: str, after: int, at: int) -> tuple[int, str]:
    """Where to look for a heading's words, and what ended there: a line, another heading (":") or nothing known ("")."""
    low = max(after, at - _WINDOW)
    line = text.rfind("\n", low, at)
    if line >= 0:
        return line + 1, "\n"
    return low, "" if low > after else ":" if after else "\n"


@lru_cache(maxsize=2048)
def _before_mark(window: str, ended: str, has_colon: bool) -> tuple[int, str] | None:
    """Where a heading's words begin in the characters before a mark, and which section they open."""
    if window.endswith(")"):
        window = window[: max(0, window.rfind("("))]
    last = _LAST.search(window)
    if last is None or last[1].lower() not in _LAST_OR_TITLE:
        return None
    cut = _CUT.match(window)
    words = list(_WORD.finditer(window, cut.end() if cut else 0))
    plain = [_plain(word.group()) for word in words]
    place = _Place(cut.group()[-1] if cut else ended, has_colon)
    return _named(words, plain, place) or _title(words, plain, place)


class _Place(NamedTuple):
    """Which mark ended something before the words: a line break, a full stop, another heading's colon, or none ("")."""

    ended: str
    has_colon: bool

    @property
    def is_line(self) -> bool:
        return self.ended != "" and self.ended in "\n\r\f\v"


def _named(words: list[re.Match[str]], plain: list[str], place: _Place) -> tuple[int, str] | None:
    best = None
    for count in range(1, len(words) + 1):
        if plain[-count] not in _ALL_WORDS:
            break
        found = opening(tuple(plain[-count:]))
        if found is not None and _may_open(words, count, found, place):
            best = (words[-count].start(), found.name)
    return best


def _may_open(words: list[re.Match[str]], count: int, found: _Opening, place: _Place) -> bool:
    if count == len(words) and place.ended:
        return place.is_line or found.is_anywhere
    first = words[-count]
    if not (found.is_anywhere and place.has_colon and first.group()[0].isupper()):
        return False
    if count != len(words) - 1 or place.ended in ("", ":", ";") or found.name not in ("findings", "impression"):
        return True
    between = first.string[words[0].end() : first.start()]  # "Lung findings:" is a key of a template
    return between != " " or _style(words[0].group()) != _style(first.group()) or words[0].group().lower() == "xxxx"


def _style(word: str) -> str:
    return "capitals" if word.isupper() else "title" if word[0].isupper() else "lower"


def _title(words: list[re.Match[str]], plain: list[str], place: _Place) -> tuple[int, str] | None:
    count = next((count for count, word in enumerate(reversed(plain)) if word not in _TITLE_WORDS), len(plain))
    is_title = place.has_colon and not _CHEST.isdisjoint(plain[len(plain) - count :])
    is_open = (count == len(words) and place.is_line) or all(word.group().isupper() or word.group().isdigit() for word in words[-count:])
    return (words[-count].start(), TITLE) if is_title and is_open else None


def _widen(text: str, start: int, low: int) -> int:
    while start > low and text[start - 1] in "*_#=[<":
        start -= 1
    return start


def _skip(text: str, end: int) -> int:
    while end < len(text) and text[end] in "*_#=]>":
        end += 1
    return end


def _lines(text: str) -> Iterator[Heading]:
    """Rules, headings alone on their line, and capitals before mixed case."""
    for line in _LINE.finditer(text):
        if line["rule"]:
            yield Heading(line.start(), line.end(), RULE)
            continue
        said = line["capitals"] or line["words"]
        words = _words(said)
        found = opening(words) if words[0] in _ALL_WORDS else None
        if found is not None and _opens_line(text, line, said, found):
            yield Heading(line.start(), line.end(), found.name)


def _opens_line(text: str, line: re.Match[str], said: str, found: _Opening) -> bool:
    if line["lower"]:
        return found.name == "indication"  # "HISTORY of" opens one, "FINDINGS are" is a sentence
    return (found.is_anywhere and said[0].isupper()) or (line["words"] is not None and _has_ended(text, line.start()))


def _has_ended(text: str, at: int) -> bool:
    """Whether a paragraph or sentence ended before a line; else a bare word on it may be a wrapped line."""
    before = text[max(0, at - 100) : at].rstrip(" \t")
    return not before.strip() or before.endswith(("\n\n", "\n\r\n")) or before.rstrip().endswith((".", ":"))


def _closings(text: str) -> Iterator[Heading]:
    """Where a signature begins: its words stay in the section."""
    for said in _CLOSING.finditer(text):
        at = said.start()
        while at > 0 and text[at - 1] in " \t*_":
            at -= 1
        is_line = at == 0 or text[at - 1] in "\n\r\f\v"
        if is_line or (text[at - 1] in _SENTENCE_ENDS and not said.group().lower().startswith("i ")):
            yield Heading(said.start(), said.start(), "signature")


def _tags(text: str) -> Iterator[Heading]:
    for tag in _TAG.finditer(text):
        if found := opening(_words(tag["words"])):
            yield Heading(tag.start(), tag.end(), BODY if tag["close"] else found.name)
