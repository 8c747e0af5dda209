"""The finding phrases of the rule labeler as plain phrases, so that a peer looks for the same words and only assertion is compared.

What plain phrases cannot say is left out: an organ and its quality count only side by side or joined by a verb ("heart is enlarged"),
and gaps of any words only where they are empty. Traps ("pericardial effusion") are phrases that mean nothing. A phrase that no text at
hand holds cannot be found in it and is not written out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from labelers.rules import lexicon
from labelers.rules.matcher import expand, plurals
from pipeline.base.findings import BY_NAME, NO_FINDING
from pipeline.base.labels import LabelState, to_chexpert

Meaning = dict[str, int]
Rows = dict[str, Any]
LONGEST = 9
VERBS = ("", "is", "are", "remains", "remain", "appears", "appear")
DEGREES = ("", "mildly", "moderately", "markedly", "slightly", "grossly", "borderline")
_WORD = re.compile(r"\w+|[^\w\s]")


def plain_phrases(texts: Iterable[str]) -> dict[str, Meaning]:
    """Phrases that the texts hold, in lower case, and what their presence means: finding -> 1, -1, or 0 for a statement of normality.

    A phrase that several rules claim belongs to the first.
    """
    held = word_runs(texts)
    rules = lexicon.load()
    rows = {name: tomllib.loads((lexicon.DATA / f"{name}.toml").read_text(encoding="utf-8")) for name in ("findings", "anatomy")}
    meanings = {term.rule_id: meaning_of(term.findings) for term in rules.terms}
    found: dict[str, Meaning] = {}
    for row in rows["findings"]["rule"]:
        for phrase in _phrases(row, rules.classes, held):
            found.setdefault(phrase, meanings[row["id"]])
    for phrase, meaning in _readings(rows["anatomy"], rules, held):
        found.setdefault(phrase, meaning)
    return found


def word_runs(texts: Iterable[str]) -> frozenset[str]:
    """Every run of up to `LONGEST` words and marks of the texts, in lower case, separated by spaces."""
    runs: set[str] = set()
    for text in texts:
        words = _WORD.findall(text.lower())
        runs.update(" ".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, start + 1 + LONGEST))
    return frozenset(runs)


def wordings(phrase: str, classes: Mapping[str, Any], held: frozenset[str]) -> list[str]:
    """The wordings of a phrase of the rules that are held, every word in the plural too; a repeated element counts once at most."""
    found = [""]
    for piece in phrase.split():
        longer = (f"{start} {word}".strip() for start, word in product(found, _choices(piece, classes)))
        found = list(dict.fromkeys(one for one in longer if not one or _spaced(one) in held))
    return [wording for wording in found if wording]


def meaning_of(findings: Iterable[tuple[str, LabelState]]) -> Meaning:
    """Finding -> 1, 0 or -1, without No Finding."""
    numbers = ((name, to_chexpert(state)) for name, state in findings if name in BY_NAME and name != NO_FINDING)
    return {name: int(number) for name, number in numbers if number is not None}


def _choices(piece: str, classes: Mapping[str, Any]) -> tuple[str, ...]:
    if piece.startswith(".."):
        return ("",)
    words = tuple(sorted({form.lower() for word in expand(piece, classes) for form in (word, *plurals(word))}))
    return ("", *words) if piece.endswith(("?", "*")) else words


def _spaced(phrase: str) -> str:
    return " ".join(_WORD.findall(phrase))


def _phrases(row: Rows, classes: Mapping[str, Any], held: frozenset[str]) -> list[str]:
    return [wording for phrase in row["phrases"] for wording in wordings(phrase, classes, held)]


def _readings(anatomy: Rows, rules: lexicon.Lexicon, held: frozenset[str]) -> Iterator[tuple[str, Meaning]]:
    """Every organ and quality that a reading joins: "heart size is normal", "mildly enlarged heart"."""
    words = {row["id"]: _phrases(row, rules.classes, held) for kind in ("organ", "quality") for row in anatomy[kind]}
    for (organ, quality), term in rules.readings.items():
        for thing, said, verb, degree in product(words[organ], words[quality], VERBS, DEGREES):
            for parts in ((thing, verb, degree, said), (degree, said, thing)):
                phrase = " ".join(filter(None, parts))
                if _spaced(phrase) in held:
                    yield phrase, meaning_of(term.findings)
