"""What headers know of a patient and the staff, found in a text however it is spelt there: accents, hyphens, apostrophes, order.

Which identifiers are known is said in `reports`; what looks like an identifier and is not known belongs to `deidentify`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from pipeline.base.wordlists import words_of

MARK = "___"
Span = tuple[int, int]

_SHORTEST_NAME = 3
_PARTS = re.compile(r"[^\W_]+")
_SENTENCE_END = ".!?:;\n"
_TITLE = re.compile(r"(?i)\b(?:drs?|mrs?|ms|miss|prof|nurse|sig|herr|frau|mme)\.?$")
# Titles, and what stands in the place of a name.
_NO_NAMES = frozenset(
    [
        *("dr", "drs", "mr", "mrs", "ms", "miss", "prof", "md", "jr", "sr", "ii", "iii", "rn", "phd"),
        *("unknown", "unidentified", "male", "female", "test", "patient", "trauma", "emergency", "staff", "anonymous", "anonymized"),
        *("anonymised", "baby", "boy", "girl", "infant", "newborn", "twin", "doctor", "physician", "nurse", "none", "chest", "xray"),
    ]
)
# Letters that no accent was added to, apostrophes and hyphens.
_LETTERS = dict(zip("łøđðþıæœß’‘ʼ`´‐‑–", "lodðtiaos'''''---", strict=True))
_UMLAUTS = {"ä": "ae?", "ö": "oe?", "ü": "ue?", "ß": "ss?", "ø": "oe?", "å": "aa?", "æ": "ae?"}
# Between parts of one person's name, in any order: "Young, Grace", "Grace M. Young".
_BESIDE = r"[ \t]*(?:,[ \t]*|[ \t]|\n)[ \t]*(?:[a-z]\.?[ \t]+)?"
_PREFIX = re.compile(r"^(?:ma?c|al|el|de|da|van|von|st)(?=[a-z]{4})")


def remove_identifiers(text: str, identifiers: Iterable[str]) -> tuple[str, int]:
    """Identifiers of this patient, whole and in parts, and names of several parts in any order.

    A part that is an everyday word ("Small", "Young") or has two letters is a name where it is written as one.
    """
    known = [parts for identifier in identifiers if (parts := [part for part in re.split(r"[\^=,\s]+", identifier) if part])]
    pairs = {spelt for parts in known if (spelt := _in_any_order(parts))}
    single = {piece for parts in known for part in parts for piece in _pieces(part)}
    ordinary = {one for one in single if one.lower() in _ordinary_words() or len(one) < _SHORTEST_NAME}
    removed = 0
    for spelt in sorted(pairs):
        text, removed = _without(text, _spans(text, spelt), removed)
    for names, is_ordinary in ((single - ordinary, False), (ordinary, True)):
        if names:
            spans = [span for span in _spans(text, _either(names)) if not is_ordinary or _written_as_name(text, span)]
            text, removed = _without(text, spans, removed)
    return text, removed


def remove_houses(text: str, names: Iterable[str]) -> tuple[str, int]:
    """Names of institutions, whatever stands between their words; one that is a single word where it is written as a name ("RADIOLOGY")."""
    removed = 0
    for words in sorted({tuple(_PARTS.findall(name)) for name in names} - {()}, key=lambda words: (-len(words), words)):
        spans = _spans(text, r"[\W_]+".join(map(_spelling, words)))
        text, removed = _without(text, [span for span in spans if len(words) > 1 or _written_as_name(text, span)], removed)
    return text, removed


def _written_as_name(text: str, span: Span) -> bool:
    """Whether a word that may be none is a name here: behind a title, beside another name, or with a capital within a sentence."""
    before, after = text[: span[0]].rstrip(" \t,"), text[span[1] :].lstrip(" \t,")
    if before.endswith(MARK) or after.startswith(MARK) or _TITLE.search(before):
        return True
    # In a report all in capitals, and at the start of a sentence, capitals tell nothing.
    return text[slice(*span)].istitle() and bool(before) and before[-1] not in _SENTENCE_END


def _without(text: str, spans: list[Span], removed: int) -> tuple[str, int]:
    for start, end in reversed(spans):
        text = text[:start] + MARK + text[end:]
    return text, removed + len(spans)


def _spans(text: str, spelt: str) -> list[Span]:
    return [found.span() for found in re.finditer(rf"(?<!\w)(?:{spelt})(?!\w)", text.translate(_PLAIN))]


class _Plain(dict[int, str]):
    """Small letters without accents, one for one, so that places in a text stay."""

    def __missing__(self, code: int) -> str:
        letter = chr(code).lower()
        base = _LETTERS.get(letter) or unicodedata.normalize("NFD", letter)[0]
        self[code] = base if len(base) == 1 else chr(code)
        return self[code]


_PLAIN = _Plain()


def _pieces(part: str) -> set[str]:
    """A part of a name, and what hyphens join in it: "Smith-Jones" is also a Smith."""
    pieces = {part, *(piece for piece in re.split(r"[-‐‑–]", part) if len(piece) >= _SHORTEST_NAME and piece.isalpha())}
    return set(filter(_is_name, pieces))


def _in_any_order(parts: list[str]) -> str:
    """Two or more parts of one name side by side; empty where they are too few to be a name."""
    names = set(filter(_is_name, parts))
    either = _either(names)
    return rf"(?:{either})(?:{_BESIDE}(?:{either}))+" if len(set(map(_spelling, names))) > 1 else ""


def _is_name(part: str) -> bool:
    return len(part) > 1 and part.lower().strip(".") not in _NO_NAMES


def _either(names: set[str]) -> str:
    """A pattern of any of the names, the longest first."""
    return "|".join(sorted(set(map(_spelling, names)), key=lambda one: (-len(one), one)))


@lru_cache(65_536)
def _spelling(name: str) -> str:
    """A pattern of plain letters for a name in any spelling: "O'Brien" as OBrien, "Müller" as Mueller, "MacDonald" as Mac Donald."""
    has_digit = any(letter.isdigit() for letter in name)
    between = r"[\W_]{0,2}" if has_digit else r"[-'. \t]{0,2}"
    pattern = ""
    for letter in unicodedata.normalize("NFC", name).lower():
        if letter.isalnum():
            pattern += (_UMLAUTS.get(letter) if not has_digit else None) or re.escape(letter.translate(_PLAIN))
        elif pattern and not pattern.endswith(between):
            pattern += between
    pattern = pattern.removesuffix(between)
    if has_digit:
        return pattern
    return _PREFIX.sub(lambda found: found[0] + between, re.sub(r"(?<=[aou])e(?=[a-z])", "e?", pattern))


@cache
def _ordinary_words() -> frozenset[str]:
    return words_of(Path(__file__).with_name("ordinary_words.txt"))
