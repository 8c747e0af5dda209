"""Finds phrases in token sequences. Here belongs the phrase syntax and the automaton; what phrases mean is written in `data/`.

A phrase is a row of elements separated by spaces:

    word          that word (its plural too)
    a|b           either
    {class}       any word of a class in `data/classes.toml`
    element?      may be absent
    {class}*      any number of them
    ..3           up to three words of any kind (no punctuation)

All phrases together become one deterministic automaton over words, built as texts need it, so that the work for each word is one
dictionary lookup and does not grow with the number of phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PUNCTUATION = (",", ";", ":", "/", "(", ")", "-", ".", "?", "!")
UNKNOWN = 0
_ANY = -1
_DEAD = -1
_GAP = re.compile(r"\.\.(\d)")


@dataclass(frozen=True, slots=True)
class _Element:
    words: frozenset[int]
    is_optional: bool = False
    is_repeated: bool = False


def plurals(word: str) -> tuple[str, ...]:
    """Plural spellings of an English or medical noun; harmless non-words for anything else."""
    for ending, plural in (("thorax", "thoraces"), ("sis", "ses"), ("oma", "omata"), ("y", "ies")):
        if word.endswith(ending):
            return (word.removesuffix(ending) + plural, word + "s")
    return (word + "es",) if word.endswith(("s", "x", "ch", "sh")) else (word + "s",)


def expand(piece: str, classes: Mapping[str, Sequence[str]]) -> list[str]:
    """The words an element of a phrase stands for: `expand("a|{be}?", classes)`; none for a gap.

    Raises:
        KeyError: the element uses an unknown class.
    """
    core = piece.rstrip("?*") or piece
    choices = () if _GAP.fullmatch(piece) else core.split("|")
    return [word for choice in choices for word in (classes[choice[1:-1]] if choice.startswith("{") else (choice,))]


class Vocabulary:
    """Word -> number for every word that some phrase uses; singular and plural share theirs, and any other word is `UNKNOWN`.

    Args:
        phrases: all phrases that matchers will look for.
        classes: word classes that phrases use.
        spellings: other spelling -> word.
    """

    def __init__(self, phrases: Iterable[str], classes: Mapping[str, Sequence[str]], spellings: Mapping[str, str]) -> None:
        self.classes = classes
        words = dict.fromkeys((*PUNCTUATION, *(word for phrase in phrases for piece in phrase.split() for word in expand(piece, classes))))
        self._ids = {word: number for number, word in enumerate(words, 1)}
        for word in words:
            if len(word) > 3 and word.isalpha():
                for plural in plurals(word):
                    self._ids[plural] = self._ids[word]
        self._ids.update({variant: self._ids[word] for variant, word in spellings.items() if word in self._ids})

    def number(self, word: str) -> int:
        """The number of a word, `UNKNOWN` if no phrase uses it."""
        return self._ids.get(word, UNKNOWN)

    def encode(self, words: Iterable[str]) -> list[int]:
        """Numbers of words."""
        get = self._ids.get
        return [get(word, UNKNOWN) for word in words]


class Matcher:
    """Leftmost-longest search for many phrases at once.

    Args:
        phrases: (phrase, value) pairs; of two phrases matching the same words the earlier wins.
        vocabulary: shared by all matchers of a lexicon.
    """

    def __init__(self, phrases: Iterable[tuple[str, int]], vocabulary: Vocabulary) -> None:
        pairs = list(phrases)
        self._vocabulary = vocabulary
        self._elements = [self._parse(phrase) for phrase, _ in pairs]
        self._values = [value for _, value in pairs]
        self._marks = frozenset(vocabulary.number(mark) for mark in PUNCTUATION)
        self._states: dict[frozenset[tuple[int, int]], int] = {}
        self._members: list[frozenset[tuple[int, int]]] = []
        self._accepts: list[int] = []
        self._next: list[dict[int, int]] = []
        self._reads: dict[int, tuple[dict[int, list[tuple[int, int]]], list[tuple[int, int]]]] = {}
        self._start = self._state(self._close((index, 0) for index in range(len(pairs))))

    def find(self, ids: Sequence[int]) -> list[tuple[int, int, int]]:
        """(first word, one past the last word, value) of every match, in order, without overlaps."""
        found: list[tuple[int, int, int]] = []
        follow, accepts, start, count = self._next, self._accepts, self._start, len(ids)
        at = 0
        while at < count:
            end, value, position, state = at, -1, at, start
            while position < count:
                word = ids[position]
                target = follow[state].get(word)
                state = self._step(state, word) if target is None else target
                if state == _DEAD:
                    break
                position += 1
                if accepts[state] >= 0:
                    end, value = position, accepts[state]
            if end > at:
                found.append((at, end, value))
                at = end
            else:
                at += 1
        return found

    def _parse(self, phrase: str) -> list[_Element]:
        elements: list[_Element] = []
        for piece in phrase.split():
            if gap := _GAP.fullmatch(piece):
                elements.extend([_Element(frozenset({_ANY}), is_optional=True)] * int(gap.group(1)))
                continue
            words = frozenset(self._vocabulary.number(word) for word in expand(piece, self._vocabulary.classes))
            is_repeated = piece.endswith("*")
            elements.append(_Element(words, is_optional=is_repeated or (piece.endswith("?") and piece != "?"), is_repeated=is_repeated))
        return elements

    def _close(self, places: Iterable[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        closed: set[tuple[int, int]] = set()
        for phrase, position in places:
            elements = self._elements[phrase]
            closed.add((phrase, position))
            while position < len(elements) and elements[position].is_optional:
                position += 1
                closed.add((phrase, position))
        return frozenset(closed)

    def _state(self, members: frozenset[tuple[int, int]]) -> int:
        if members not in self._states:
            self._states[members] = len(self._members)
            self._members.append(members)
            ends = [phrase for phrase, position in members if position == len(self._elements[phrase])]
            self._accepts.append(self._values[min(ends)] if ends else -1)
            self._next.append({})
        return self._states[members]

    def _step(self, state: int, word: int) -> int:
        by_word, any_word = self._readers(state)
        places = by_word.get(word, []) + (any_word if word not in self._marks else [])
        moved = [place for phrase, position in places for place in self._move(phrase, position)]
        target = self._state(self._close(moved)) if moved else _DEAD
        self._next[state][word] = target
        return target

    def _readers(self, state: int) -> tuple[dict[int, list[tuple[int, int]]], list[tuple[int, int]]]:
        """The places of a state by the word they read, and those that read any; the start has thousands, so this is done once a state."""
        if state not in self._reads:
            by_word: dict[int, list[tuple[int, int]]] = {}
            any_word: list[tuple[int, int]] = []
            for phrase, position in self._members[state]:
                if position < len(self._elements[phrase]):
                    words = self._elements[phrase][position].words
                    for word in words:
                        by_word.setdefault(word, []).append((phrase, position))
                    if _ANY in words:
                        any_word.append((phrase, position))
            self._reads[state] = (by_word, any_word)
        return self._reads[state]

    def _move(self, phrase: int, position: int) -> Iterable[tuple[int, int]]:
        is_repeated = self._elements[phrase][position].is_repeated
        return ((phrase, position), (phrase, position + 1)) if is_repeated else ((phrase, position + 1),)
