"""What findings are called: lexicon.toml, and how a frame says one of its phrases. Which sentences there are stands in `grammar`."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_PLURAL = {"is": "are", "has": "have", "was": "were"}


@dataclass(frozen=True)
class Entry:
    """A set of phrases for one finding; any may stand for any other."""

    name: str
    finding: str
    also: tuple[str, ...]
    tags: tuple[str, ...]
    phrases: tuple[str, ...]
    size: tuple[str, ...]
    side: tuple[str, ...]
    where: tuple[str, ...]
    denied: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """What is stated when it is stated."""
        return (self.finding, *self.also)


@dataclass(frozen=True)
class Noun:
    """One finding as a frame names it: a phrase and its modifiers."""

    entry: Entry
    phrase: str
    size: str = ""
    side: str = ""
    where: str = ""
    denied: str = ""

    @property
    def is_plural(self) -> bool:
        return self.phrase.startswith("+ ")

    @property
    def is_countable(self) -> bool:
        return self.phrase.startswith(("a ", "an "))

    @property
    def bare(self) -> str:
        return re.sub(r"^(?:\+|an?) ", "", self.phrase)

    def say(self, word: str | None, modified: str | None) -> str:
        """The words for one slot of a frame: `{is A}`, `{s persist A}`, `{A}`, `{A+}`, `{A++}`, `{A-}`, `{a A}` and `{the A}`."""
        if word in _PLURAL:
            return _PLURAL[word] if self.is_plural else word
        if word and word.startswith("s "):
            return word[2:] if self.is_plural else word[2:] + "s"
        around = {None: ("", ""), "+": (f"{self.size} {self.side}", ""), "++": (self.size, self.where), "-": (self.denied, "")}
        before, after = around[modified]
        words = " ".join(f"{before} {self.bare} {after}".split())
        if word == "the":
            return f"the {words}"
        return f"{_article(words)} {words}" if word == "a" and self.is_countable else words


@cache
def lexicon() -> tuple[Entry, ...]:
    """Every entry of lexicon.toml."""
    tables = tomllib.loads((HERE / "lexicon.toml").read_text(encoding="utf-8"))
    return tuple(Entry(name=name, **{"also": (), **{key: _tuple(value) for key, value in table.items()}}) for name, table in tables.items())


@cache
def entries(tag: str) -> tuple[Entry, ...]:
    """The entries that a frame means by a tag, or by an entry's own name."""
    return tuple(entry for entry in lexicon() if tag == entry.name or tag in entry.tags)


def draw_noun(wanted: str, rng: random.Random) -> Noun:
    """A noun for a slot that wants a tag or an entry, perhaps in the singular."""
    tag, _, number = wanted.partition(" ")
    entry = rng.choice(entries(tag))
    phrases = [phrase for phrase in entry.phrases if not (number == "singular" and phrase.startswith("+ "))]
    size, side, where, denied = (rng.choice(("", *words)) for words in (entry.size, entry.side, entry.where, entry.denied))
    return Noun(entry, rng.choice(phrases), size, side, where, denied)


def _article(words: str) -> str:
    return "an" if re.match(r"[aeio]|u[^n]|8|ICD|AICD|ET|NG|ETT", words) else "a"


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
