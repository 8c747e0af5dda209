"""Sentences and tokens with offsets into the original text. What the words mean does not belong here.

A sentence is one statement: it ends at a full stop, a list item, a bullet, a blank line, and at a line break that no writer's line width
explains ("Lungs: Clear" / "Heart: Normal size"). It does not end at the stops of numbers ("1.5 cm", "3.4.2021"), abbreviations ("Dr. Roe",
"e.g.", "T.B.") and "No. 2", nor where a long line was wrapped. De-identification marks (XXXX, ___, [**Name**], [REDACTED], <NAME>) become
the token `MASK`. A question mark stays a token: it doubts what follows ("? pneumonia") or what precedes ("Pneumonia?").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.base.reports import READ_SECTIONS, Section

MASK = "XXXX"
NUMBER = "#"
_BREAKS = r"\n\r\f\v\x85\u2028\u2029"
_SOFT_BREAK = rf"[{_BREAKS}]|(?i:<br\s?/?>)|\\\.br\\|\\n"
_TOKEN = re.compile(
    r"(?! )(?:(?P<initials>[A-Za-z]\.[A-Za-z]\b(?:\.[A-Za-z]\b)*\.?)"
    r"|(?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)?)"
    r"|(?P<number>\d+(?:[.,/:]\d+)*(?:st|nd|rd|th)?)"
    r"|(?P<fraction>(?<![\w.)])\.\d+)"
    r"|(?P<mark>[.,;:/)?!]|\((?!\d{1,2}\)))"
    rf"|(?=[{_BREAKS}<\\])(?P<line>(?:{_SOFT_BREAK})(?:\s|{_SOFT_BREAK})*(?P<bullet>[-\u2013\u2014*•·▪●◦‣>+]+(?=[\s\w]))?)"
    r"|(?=[\[_<*#(&•▪●◦‣█\u2013\u2014-])(?:"
    r"(?P<dash>[-\u2013](?<=\s.)(?=\s)|--+|\u2014)"
    r"|(?P<item>\(\d+\)|#\d{1,2}(?!\d)[.):]?)"
    r"|(?P<mask>\[\*\*[^\]\n]{0,80}\*\*\]|_{2,}|\[[A-Z][A-Z _-]{1,30}\d*\]|<[A-Z][A-Z _-]{1,30}\d*>|\*{3,}|#{3,}|█+)"
    r"|(?P<bullets>[•▪●◦‣*](?=\s)|(?i:</?(?:p|li|div|tr|td|h\d)\b[^<>\n]{0,40}>))"
    r"|(?P<style>(?i:</?(?:b|i|u|em|strong|span|font)\b[^<>\n]{0,40}>)|&(?:nbsp|amp|lt|gt|quot);)"
    r"|(?P<ampersand>&)))"
)
_END = "\n"
_SKIP = ""
_TOKENS = {"fraction": NUMBER, "dash": "-", "mask": MASK, "bullets": _END, "style": _SKIP, "ampersand": "and"}
_MAX_TOKENS = 200
_MAX_KEY = 5
_NARROW = 40  # no writer wraps lines this short
_NEVER_LAST = frozenset(("dr", "mr", "mrs", "ms", "prof", "vs", "approx", "pt", "st", "fig", "eg", "ie"))
_SELDOM_LAST = frozenset(("incl", "resp", "esp", "prob", "poss", "temp", "est", "dept", "bilat", "lat", "ant", "inf", "sup", "min", "max"))
_NOT_FIRST = frozenset((",", ";", ":", "/", ")"))
# A line that ends in one of these goes on in the next, and no key of a template follows them.
_GOES_ON = frozenset(
    (",", ";", ":", "/", "-", "(", "and", "or", "nor", "of", "the", "a", "an", "in", "on", "at", "to", "for", "from", "with",
     "without", "by", "no", "not", "is", "are", "was", "were", "be", "been", "has", "have", "may", "could", "which", "that",
     "than", "as", "per", "via", "versus", "vs", "dr", "but", "likely", "possible", "probable")
)  # fmt: skip
# Names that begin with a capital inside a sentence: devices, signs, months.
_NAMES = frozenset(
    ("swan", "kerley", "port", "foley", "dobhoff", "dobbhoff", "hickman", "mediport", "broviac", "groshong", "quinton", "shiley",
     "dr", "mr", "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
)  # fmt: skip
_KEY = re.compile(r"[A-Z][A-Za-z/&,()' -]{0,48}:")
_TITLE_CASE = re.compile(r"\s+[A-Z][a-z]")
_FIRST_WORD = re.compile(r"[A-Z][A-Za-z'\u2019]*")


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
    """Sentences of the sections called `names`, in order."""
    for section in sections:
        if section.name in names:
            yield from split(text, section)


def split(text: str, section: Section) -> Iterator[Sentence]:
    """Sentences of one section; one of more than 200 tokens is cut, so that the work stays linear in any text."""
    reader = _Reader(text, section)
    words, starts, ends = reader.begin()
    for match in _TOKEN.finditer(text, section.start, section.end):
        is_over = False
        if match.lastgroup == "word":
            word = match.group().lower()
            if word[:4] == "xxxx" and word.lstrip("x")[:1] in ("", "'", "\u2019"):
                word = MASK
        else:
            word = reader.read(match)
            if word == _SKIP:
                continue
            if word == ":" and (key := reader.key()):
                yield Sentence(section.name, words[:key], starts[:key], ends[:key])
                words, starts, ends = reader.begin(key)
            is_over = word == _END or reader.ends_with(word, match)
        if word != _END:
            words.append(word)
            starts.append(match.start())
            ends.append(match.end())
        if (is_over or len(words) >= _MAX_TOKENS) and words:
            yield Sentence(section.name, words, starts, ends)
            words, starts, ends = reader.begin()
    if words:
        yield Sentence(section.name, words, starts, ends)


class _Reader:
    """What the reading of a section remembers: the sentence so far, the last list item, where the line began, the line width."""

    __slots__ = ("ends", "fresh", "item", "section", "starts", "text", "width", "words")

    def __init__(self, text: str, section: Section) -> None:
        self.text, self.section = text, section
        self.fresh, self.item, self.width = section.start, 0, 0
        self.words: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def begin(self, kept: int | None = None) -> tuple[list[str], list[int], list[int]]:
        """Start a sentence, with the words of the last one from number `kept` on."""
        first = len(self.words) if kept is None else kept
        self.words, self.starts, self.ends = self.words[first:], self.starts[first:], self.ends[first:]
        return self.words, self.starts, self.ends

    def read(self, match: re.Match[str]) -> str:
        """The token of a match that is no word, `_END` where the sentence ends before it, `_SKIP` for what is no token."""
        kind = str(match.lastgroup)
        if kind == "mark":
            return self._mark(match)
        if kind in ("number", "item"):
            return self._number(match)
        if kind == "line":
            return self._line(match)
        if kind == "initials":
            return match.group().replace(".", "").lower()
        return _TOKENS[kind] if self.words or kind != "dash" else _SKIP

    def ends_with(self, word: str, match: re.Match[str]) -> bool:
        """Whether a token that is no word ends its sentence: "Pneumonia?", "... at 9 A.M. The heart"."""
        if word == "?":
            return not self._doubts_next(match)
        is_stop = match.lastgroup == "initials" and match.group().endswith(".") and word not in _NEVER_LAST
        return is_stop and _TITLE_CASE.match(self.text, match.end(), self.section.end) is not None

    def _mark(self, match: re.Match[str]) -> str:
        mark = match.group()
        if mark == ".":
            return _END if self._is_stop(match) else _SKIP
        if mark in _NOT_FIRST and not self.words:
            return _SKIP
        return _END if mark == "!" else mark

    def _is_stop(self, match: re.Match[str]) -> bool:
        words, at = self.words, match.start()
        if not words or self.ends[-1] != at:
            return True
        if words[-1] in _NEVER_LAST:
            return False
        following = self.text[at + 1 : at + 3].strip()
        if words[-1] == "no" and following[:1].isdigit() and words[-2:-1] != [":"]:
            words[-1] = "number"
            return False
        return words[-1] not in _SELDOM_LAST or following[:1].isupper()

    def _number(self, match: re.Match[str]) -> str:
        is_first = match.start() == self.fresh
        number = _item_number(self.text, match, self.section.end, is_first)
        if number and (number == self.item + 1 or (number == 1 and not self.words) or (is_first and number == self.item + 2)):
            self.item = number
            return _END
        return NUMBER

    def _line(self, match: re.Match[str]) -> str:
        self.fresh = match.end()
        space = match.group()
        is_end = match["bullet"] is not None or space.count("\n") > 1 or space.count("\r") > 1 or self._breaks(match)
        return _END if is_end else _SKIP

    def _breaks(self, match: re.Match[str]) -> bool:
        """Whether the writer broke the line here, rather than the page's width."""
        words, text, after = self.words, self.text, match.end()
        first = _FIRST_WORD.match(text, after, self.section.end)
        if not words or first is None or words[-1] in _GOES_ON:
            return False
        if _KEY.match(text, after, self.section.end):
            return True
        line = text[max(text.rfind("\n", max(0, match.start() - 300), match.start()) + 1, match.start() - 300) : match.start()].strip()
        following = text[after : min(after + 300, self.section.end)].split("\n", 1)[0].strip()
        if " " not in line and " " not in following:
            return False
        word = first.group()
        if line.isupper() or (word.isupper() and len(word) > 1):
            return not self._was_full(line, word)
        return word.lower() not in _NAMES

    def _was_full(self, line: str, word: str) -> bool:
        """Whether a word would not have fitted on a line, as wide as the section's widest."""
        if not self.width:
            begin = self.text.rfind("\n", 0, self.section.start) + 1
            self.width = max(map(len, self.text[begin : self.section.end].splitlines()))
        return self.width >= _NARROW and len(line) + 1 + len(word) > self.width

    def _doubts_next(self, question: re.Match[str]) -> bool:
        """Whether a question mark stands before what it doubts: "? pneumonia"."""
        before = self.text[question.start() - 1 : question.start()]
        after = self.text[question.end() : question.end() + 2].strip()
        return (not before or before in " \t\n\r(/?") and after[:1].isalpha()

    def key(self) -> int:
        """The word where a key of a template begins, after another key: "Lungs: clear Heart and mediastinum" + ":"; else 0."""
        words = self.words
        if ":" not in words:
            return 0
        value = len(words) - words[::-1].index(":")
        found = 0
        for at in range(len(words) - 1, max(value, len(words) - 1 - _MAX_KEY), -1):
            raw = self.text[self.starts[at]]
            if not (raw.isupper() if found else raw.isalpha()) and words[at] not in ("and", "/", ","):
                break
            if raw.isupper() and words[at - 1] not in _GOES_ON:
                found = at
        return found


def _item_number(text: str, match: re.Match[str], end: int, is_first: bool) -> int:
    """The number of a list item such as "2. ", "2)", "(2)" or "#2", on a new line also "2 Heart" and "2-", else 0."""
    raw = match.group()
    if match.lastgroup == "item":
        return int(raw.strip("(#).:"))
    if (
        len(raw) > 2
        or not raw.isdecimal()
        or (match.start() > 0 and not (text[match.start() - 1].isspace() or text[match.start() - 1] == "."))
    ):
        return 0
    after = text[match.end() : min(match.end() + 2, end)]
    marks = ".)-:" if is_first else ".)"
    is_item = (after[:1] in marks and not after[1:].isdigit()) or (is_first and after[:1] == " " and after[1:].isupper())
    return int(raw) if is_item else 0
