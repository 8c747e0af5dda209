"""The rule labeler: find mentions, decide each one's assertion from the structure of its sentence, aggregate to the report.

Here belongs only how the parts are joined. Phrases, patterns and conventions, each with a tested example, are in `data/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from labelers.rules import assertion, conventions, lexicon
from labelers.rules.aggregate import aggregate, mark_contradictions
from labelers.rules.assertion import Said, assert_mentions
from labelers.rules.conventions import Conventions
from labelers.rules.mentions import parse
from labelers.rules.scopes import Verdict
from labelers.rules.sentences import Sentence, read_sentences
from pipeline.base.findings import NAMES
from pipeline.base.interfaces import LABELERS, LabelerOptions
from pipeline.base.labels import LabeledReport, Mention
from pipeline.base.reports import Report

Options = conventions.Options
_REMEMBERED = 8192


class Engine:
    """The rules with conventions chosen; reads one report at a time.

    Reports repeat themselves, so what a sentence says is remembered by its words for the `_REMEMBERED` most recent ones.

    Args:
        sections: names of the sections that make findings.
        choices: convention -> choice, `impression` included.
    """

    def __init__(self, sections: tuple[str, ...], choices: dict[str, str]) -> None:
        self._rules = lexicon.load()
        self._sections = sections
        self._conventions = Conventions(choices)
        self._concludes = choices["impression"] == "concludes"
        self._said = lru_cache(_REMEMBERED)(self._read)

    def label(self, report: Report) -> LabeledReport:
        """Mentions in the order of the text, and one label for each finding of `NAMES`."""
        mentions = tuple(
            _mention(sentence, said)
            for sentence in read_sentences(report.text, report.sections, self._sections)
            for said in self._said(tuple(sentence.words))
        )
        labels = aggregate(mentions, self._rules.parents, self._rules.plural, self._concludes)
        return LabeledReport(mark_contradictions(mentions, labels), labels)

    def _read(self, words: tuple[str, ...]) -> tuple[Said, ...]:
        parsed = parse(words, self._rules)
        return () if parsed is None else tuple(self._conventions.apply(assert_mentions(parsed, self._rules)))


def _mention(sentence: Sentence, said: Said) -> Mention:
    return Mention(
        said.finding,
        said.state,
        sentence.starts[said.start],
        sentence.ends[said.end - 1],
        sentence.start,
        sentence.end,
        sentence.section,
        said.rule_ids,
        said.grade,
        said.attributes,
    )


def engine(**options: Any) -> Engine:
    """The rule labeler with these options: `engine(preset="nih").label(Report.of("r", text))`."""
    return _make(Options(**options))


def _make(options: Any) -> Engine:
    return Engine(options.sections, conventions.chosen(options))


_shared = lru_cache(8)(_make)  # one engine for the same options: batches share what it remembers


def assertion_of(text: str, start: int, end: int) -> Verdict | None:
    """How the sentence around the characters `start` to `end` asserts what they name, be it a finding of ours or not.

    Returns:
        state, grade, rule_id and aside ("historical", "hypothetical" or None); None when no word lies there.
    """
    return assertion.assertion_of(text, start, end, lexicon.load())


class RuleLabeler:
    """Our own labeler, after NegBio (Peng et al. 2018); stateless, one core, no model to download."""

    needs: ClassVar[str] = ""
    findings: ClassVar[tuple[str, ...]] = NAMES
    Options: ClassVar[type[LabelerOptions]] = Options

    def missing(self, options: Any) -> str | None:
        """Nothing is ever missing."""
        return None

    def version(self, options: Any) -> str:
        """Version of the rules' code and data, the preset, and what was chosen otherwise: "2.0+1a2b3c4d guide strong_hedge=positive"."""
        own = options.model_dump(exclude_defaults=True, exclude={"preset"})
        return " ".join((lexicon.version(), options.preset, *(f"{name}={value}" for name, value in sorted(own.items()))))

    def read(self, reports: Iterable[Report], options: Any, work: Path | None = None) -> Iterator[LabeledReport]:
        """Streaming, one report at a time; `work` is not used."""
        return map(_shared(options).label, reports)


LABELERS.add("rules")(RuleLabeler())
