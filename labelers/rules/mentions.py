"""Finds the terms and cues of a sentence, and pairs organs with their qualities. What a cue does to a term belongs to `assertion`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labelers.rules.lexicon import Cue, Lexicon, Term

_JOINS = frozenset((",", "and", "or", "/", "&"))
_LIST_WORDS = frozenset(("or", "nor"))
_MODIFIERS = frozenset(("in", "the", "of", "size", "a", "sized", "overall", "and", "slightly", "cardiac"))


class FoundTerm(NamedTuple):
    """A term at words `start` to `end`."""

    start: int
    end: int
    term: Term


class FoundCue(NamedTuple):
    """A cue at words `start` to `end`."""

    start: int
    end: int
    cue: Cue


@dataclass(frozen=True, slots=True)
class Candidate:
    """Words that may make mentions.

    Attributes:
        start, end: first word and one past the last.
        anchor: the word from which cues are looked for; the quality in "heart is mildly enlarged".
        tail: one past the last word that may separate it from cues behind.
    """

    start: int
    end: int
    anchor: int
    tail: int
    term: Term
    rule_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """The words of a sentence with everything found in it, in order."""

    words: Sequence[str]
    cues: list[FoundCue]
    candidates: list[Candidate]


def parse(words: Sequence[str], lexicon: Lexicon) -> Parsed | None:
    """Terms and cues of a sentence; None when it names nothing."""
    ids = lexicon.vocabulary.encode(words)
    if not any(ids):
        return None
    terms = [FoundTerm(start, end, lexicon.terms[value]) for start, end, value in lexicon.term_matcher.find(ids)]
    if not terms:
        return None
    cues = _cues(ids, lexicon)
    cues = _without_statements(words, terms, cues)
    candidates = [
        Candidate(found.start, found.end, found.start, found.end, found.term, (found.term.rule_id,))
        for found in terms
        if found.term.findings
    ]
    candidates.extend(pair_organs(words, terms, cues, lexicon))
    candidates.sort(key=lambda found: (found.start, found.end))
    return Parsed(words, cues, candidates)


def find_cues(words: Sequence[str], lexicon: Lexicon) -> list[FoundCue]:
    """The cues of a sentence, in order."""
    return _cues(lexicon.vocabulary.encode(words), lexicon)


def _cues(ids: list[int], lexicon: Lexicon) -> list[FoundCue]:
    return [FoundCue(start, end, lexicon.cues[value]) for start, end, value in lexicon.cue_matcher.find(ids)]


def _without_statements(words: Sequence[str], terms: list[FoundTerm], cues: list[FoundCue]) -> list[FoundCue]:
    """Cues, less those inside a statement that ends there: "no acute disease, findings of emphysema" denies no emphysema."""
    closed = [found for found in terms if found.term.role == "statement" and not _LIST_WORDS.intersection(words[found.end :])]
    return [cue for cue in cues if not any(found.start <= cue.start < found.end for found in closed)] if closed else cues


def pair_organs(words: Sequence[str], terms: list[FoundTerm], cues: list[FoundCue], lexicon: Lexicon) -> Iterator[Candidate]:
    """Organs with the quality said of them: before ("normal heart size and mediastinum"), or behind ("heart size ... is normal")."""
    inherited: FoundTerm | None = None
    last_end = -1
    for index, organ in enumerate(terms):
        if organ.term.role != "organ":
            continue
        before = _quality_before(words, terms, index, lexicon)
        quality = before or _quality_behind(words, terms, cues, index)
        if quality is None and inherited is not None and _is_joined(words, last_end, organ.start):
            quality = before = inherited
        inherited, last_end = before, organ.end
        reading = lexicon.readings.get((organ.term.rule_id, quality.term.rule_id)) if quality else None
        if reading is not None and quality is not None:
            start, end = min(organ.start, quality.start), max(organ.end, quality.end)
            yield Candidate(start, end, quality.start, end, reading, (reading.rule_id, quality.term.rule_id))


def _is_quality(found: FoundTerm) -> bool:
    return found.term.role == "quality" and found.term.rule_id != "neutral"


def _quality_before(words: Sequence[str], terms: list[FoundTerm], index: int, lexicon: Lexicon) -> FoundTerm | None:
    organ = terms[index]
    if index == 0 or not _is_quality(terms[index - 1]):
        return None
    between = words[terms[index - 1].end : organ.start]
    allowed = len(between) <= 3 and all(word in _MODIFIERS or word in lexicon.classes["extent"] for word in between)
    return terms[index - 1] if allowed and "and" not in between[-1:] else None


def _quality_behind(words: Sequence[str], terms: list[FoundTerm], cues: list[FoundCue], index: int) -> FoundTerm | None:
    organ = terms[index]
    has_neutral = False
    for at in range(index + 1, len(terms)):
        found = terms[at]
        if ";" in words[organ.end : found.start]:
            return None
        if _is_quality(found):
            is_of_next = at + 1 < len(terms) and terms[at + 1].term.role == "organ" and terms[at + 1].start == found.end
            return None if is_of_next else found
        if found.term.role == "quality":
            has_neutral = True
        elif found.term.role == "organ":
            if has_neutral or _has_verb(cues, organ.end, found.start):
                return None
        elif not found.term.is_transparent:
            return None
    return None


def _has_verb(cues: list[FoundCue], start: int, end: int) -> bool:
    return any(start <= cue.start < end and cue.cue.kind == "verb" for cue in cues)


def _is_joined(words: Sequence[str], start: int, end: int) -> bool:
    between = words[start:end]
    return 0 < len(between) <= 3 and bool(_JOINS.intersection(between)) and all(word in _JOINS or word in _MODIFIERS for word in between)
