"""Conventions: choices that label sets make differently where plain language leaves a choice, declared in `data/conventions.toml`.

Here belongs what a convention does to a mention. Which words a convention is about, and what each preset chooses, is data.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, create_model

from labelers.rules.assertion import Said
from pipeline.base.interfaces import LabelerOptions
from pipeline.base.labels import LabelState
from pipeline.base.reports import READ_SECTIONS

PATH = Path(__file__).parent / "data" / "conventions.toml"
BORDERLINE = "severity:borderline"
_STATES = {"positive": LabelState.POSITIVE, "uncertain": LabelState.UNCERTAIN, "negative": LabelState.NEGATIVE, "unmentioned": None}


@dataclass(frozen=True, slots=True)
class Convention:
    """One choice.

    Attributes:
        rules, grades, findings: which mentions it is about; all that are given must fit, an empty one fits any.
        is_borderline: whether it is about borderline findings only.
        states: states it may change.
        choices: what such a mention may become; "as_read" leaves it.
        grade: of a mention that becomes uncertain and had none.
    """

    name: str
    doc: str
    choices: tuple[str, ...]
    rules: frozenset[str]
    grades: frozenset[str]
    is_borderline: bool
    findings: frozenset[str]
    states: frozenset[LabelState]
    grade: str

    def fits(self, mention: Said) -> bool:
        """Whether a mention is one the convention speaks of."""
        return (
            mention.state in self.states
            and (not self.rules or not self.rules.isdisjoint(mention.rule_ids))
            and (not self.grades or mention.grade in self.grades)
            and (not self.is_borderline or BORDERLINE in mention.attributes)
            and (not self.findings or mention.finding in self.findings)
        )


@dataclass(frozen=True, slots=True)
class ConventionExample:
    """A convention's own test: what a sentence says under one choice."""

    convention: str
    choice: str
    text: str
    reading: str


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(PATH.read_text(encoding="utf-8"))


@cache
def conventions() -> tuple[Convention, ...]:
    """Every convention, in the order in which they are tried: the first that fits a mention decides."""
    return tuple(
        Convention(
            row["name"],
            row["doc"],
            tuple(row["readings"]),
            frozenset(row.get("rules", ())),
            frozenset(row.get("grades", ())),
            row.get("borderline", False),
            frozenset(row.get("findings", ())),
            frozenset(LabelState(state) for state in row.get("states", ("POSITIVE", "UNCERTAIN"))),
            row.get("grade", "weak"),
        )
        for row in _file()["convention"]
    )


@cache
def examples() -> tuple[ConventionExample, ...]:
    """The example of every convention under each of its choices."""
    return tuple(
        ConventionExample(row["name"], choice, row["example"], reading)
        for row in _file()["convention"]
        for choice, reading in row["readings"].items()
    )


@cache
def presets() -> dict[str, dict[str, str]]:
    """Preset -> convention -> choice."""
    return {name: {key: value for key, value in row.items() if key != "doc"} for name, row in _file()["preset"].items()}


def preset_docs() -> dict[str, str]:
    """Preset -> what it is for."""
    return {name: str(row["doc"]) for name, row in _file()["preset"].items()}


class _Options(LabelerOptions):
    """How the rule labeler reads; a convention that is not given is the preset's."""

    preset: Literal[tuple(_file()["preset"])] = Field(default="guide", description="conventions of which label set")  # type: ignore[valid-type]
    sections: tuple[str, ...] = Field(default=READ_SECTIONS, description="sections whose words make findings")
    impression: Literal["preset", "concludes", "equal"] = Field(
        default="preset", description="concludes: a finding that the impression only denies is denied; equal: all sections weigh the same"
    )


def _field(row: dict[str, Any]) -> tuple[Any, Any]:
    return Literal[("preset", *row["readings"])], Field(default="preset", description=row["doc"])


_FIELDS: dict[str, Any] = {row["name"]: _field(row) for row in _file()["convention"]}
Options: type[_Options] = create_model("Options", __base__=_Options, **_FIELDS)


def chosen(options: _Options) -> dict[str, str]:
    """Convention -> choice, `impression` included."""
    own = {name: value for name, value in options.model_dump().items() if name not in ("preset", "sections") and value != "preset"}
    return presets()[options.preset] | own


class Conventions:
    """Conventions with their choices made.

    Args:
        choices: convention -> choice.
    """

    def __init__(self, choices: dict[str, str]) -> None:
        self._choices = choices
        self._known: dict[tuple[Any, ...], tuple[Convention, str] | None] = {}

    def apply(self, mentions: Iterable[Said]) -> Iterator[Said]:
        """Saids as the conventions read them; one that is no statement about a finding any more is left out."""
        for mention in mentions:
            found = self._decide(mention)
            if found is None:
                yield mention
            elif (state := _STATES[found[1]]) is not None:
                yield _changed(mention, state, *found)

    def _decide(self, mention: Said) -> tuple[Convention, str] | None:
        """The convention that changes the mention and its choice; mentions alike in all that conventions look at share the answer."""
        key = (mention.rule_ids, mention.finding, mention.state, mention.grade, BORDERLINE in mention.attributes)
        if key not in self._known:
            first = next((one for one in conventions() if one.fits(mention)), None)
            is_changed = first is not None and self._choices[first.name] != "as_read"
            self._known[key] = (first, self._choices[first.name]) if first is not None and is_changed else None
        return self._known[key]


def _changed(mention: Said, state: LabelState, convention: Convention, choice: str) -> Said:
    grade = (mention.grade or convention.grade) if state is LabelState.UNCERTAIN else None
    return mention._replace(state=state, grade=grade, rule_ids=(*mention.rule_ids, f"{convention.name}={choice}"))
