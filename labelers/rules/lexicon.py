"""Reads the data files into one compiled lexicon. What a rule does with a match is decided in `mentions` and `assertion`."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from labelers.rules.matcher import Matcher, Vocabulary
from pipeline.base.errors import PluginError
from pipeline.base.findings import BY_NAME
from pipeline.base.labels import LabelState

DATA = Path(__file__).parent / "data"
FILES = ("findings", "statements", "anatomy", "cues")
_STATES = {
    "=-1": LabelState.UNCERTAIN,
    "=1": LabelState.POSITIVE,
    "=0": LabelState.NEGATIVE,
    "?": LabelState.UNCERTAIN,
    "": LabelState.POSITIVE,
}


@dataclass(frozen=True, slots=True)
class Term:
    """Words that name a finding, an organ or a quality of an organ.

    Attributes:
        role: finding, sign, trap, statement, organ or quality.
        findings: what a mention means, with its state before any cue.
        implies: what it means besides, unless it is denied.
        ignores: kinds of cues that do not change it.
        is_transparent: an organ's quality is read across it.
    """

    rule_id: str
    role: str
    findings: tuple[tuple[str, LabelState], ...] = ()
    implies: tuple[tuple[str, LabelState], ...] = ()
    ignores: frozenset[str] = frozenset()
    is_transparent: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that decide a mention's assertion; kinds are listed in `data/cues.toml`."""

    rule_id: str
    kind: str
    grade: str | None = None
    yields: bool = False
    spans: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A rule's own test: a sentence and all that it says."""

    rule_id: str
    text: str
    reading: str


@dataclass(frozen=True)
class Lexicon:
    """Everything the data files say, compiled."""

    vocabulary: Vocabulary
    terms: tuple[Term, ...]
    cues: tuple[Cue, ...]
    term_matcher: Matcher
    cue_matcher: Matcher
    readings: dict[tuple[str, str], Term]
    parents: dict[str, tuple[str, ...]]
    plural: frozenset[str]
    attributes: dict[str, str]
    classes: dict[str, frozenset[str]]
    examples: tuple[Example, ...] = field(repr=False)


def version() -> str:
    """A number for the rules' code and eight digits for the data files: labels of different versions are told apart."""
    digest = hashlib.sha256()
    for path in sorted(DATA.glob("*.toml")):
        digest.update(path.read_bytes())
    return f"2.0+{digest.hexdigest()[:8]}"


@cache
def load() -> Lexicon:
    """The compiled lexicon; read once.

    Raises:
        PluginError: a data file uses an unknown finding or class, or two rules share an id.
    """
    files = {name: tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8")) for name in (*FILES, "classes", "aggregation")}
    classes = files["classes"]["classes"]
    term_rows = list(_term_rows(files))
    cue_rows = files["cues"]["rule"]
    _check_ids([row["id"] for row in (*(row for row, _ in term_rows), *cue_rows, *files["anatomy"]["reading"])])
    vocabulary = _vocabulary([row for row, _ in term_rows] + cue_rows, classes, files["classes"]["spellings"])
    return Lexicon(
        vocabulary=vocabulary,
        terms=tuple(_term(row, role) for row, role in term_rows),
        cues=tuple(Cue(row["id"], row["kind"], row.get("grade"), row.get("yields", False), row.get("spans", False)) for row in cue_rows),
        term_matcher=_matcher([row for row, _ in term_rows], vocabulary),
        cue_matcher=_matcher(cue_rows, vocabulary),
        readings={(row["organ"], row["quality"]): _term(row, "reading") for row in files["anatomy"]["reading"]},
        parents={name: tuple(parents) for name, parents in files["aggregation"]["parents"].items()},
        plural=frozenset(files["aggregation"]["plural"]["findings"]),
        attributes={word: name for name, row in files["aggregation"]["attributes"].items() for word in row["words"]},
        classes={name: frozenset(words) for name, words in classes.items()},
        examples=tuple(
            Example(row["id"], row["example"], row["reading"])
            for name in FILES
            for table in files[name].values()
            for row in table
            if "example" in row
        ),
    )


def _term_rows(files: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for name in ("findings", "statements"):
        for row in files[name]["rule"]:
            yield row, row.get("kind", "finding")
    for role in ("organ", "quality"):
        for row in files["anatomy"][role]:
            yield row, role


def _check_ids(ids: list[str]) -> None:
    if repeated := sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1}):
        raise PluginError(f"rule ids used twice: {', '.join(repeated)}", "give each rule in labelers/rules/data an id of its own")


def _vocabulary(rows: list[dict[str, Any]], classes: dict[str, list[str]], spellings: dict[str, str]) -> Vocabulary:
    try:
        return Vocabulary((phrase for row in rows for phrase in row["phrases"]), classes, spellings)
    except KeyError as error:
        raise PluginError(f"a phrase uses the unknown word class {error}", "declare it in labelers/rules/data/classes.toml") from error


def _matcher(rows: list[dict[str, Any]], vocabulary: Vocabulary) -> Matcher:
    return Matcher(((phrase, number) for number, row in enumerate(rows) for phrase in row["phrases"]), vocabulary)


def _term(row: dict[str, Any], role: str) -> Term:
    findings = tuple(_finding(row["id"], written) for written in row.get("findings", ()))
    implies = tuple(_finding(row["id"], written) for written in row.get("implies", ()))
    return Term(row["id"], role, findings, implies, frozenset(row.get("ignores", ())), row.get("transparent", False))


def _finding(rule_id: str, written: str) -> tuple[str, LabelState]:
    """(Edema, UNCERTAIN) for "Edema?", (Cardiomegaly, NEGATIVE) for "Cardiomegaly=0"."""
    suffix = next(suffix for suffix in _STATES if written.endswith(suffix))
    name = written.removesuffix(suffix)
    if name not in BY_NAME:
        raise PluginError(f"rule {rule_id} names the unknown finding {name!r}", "use a name of pipeline.base.findings")
    return name, _STATES[suffix]
