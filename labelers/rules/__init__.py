"""The rule labeler: find mentions, decide each one's assertion from the structure of its sentence, aggregate to the report.

Here belongs only how the parts are joined. Phrases, patterns and conventions, each with a tested example, are in `data/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from labelers.rules import assertion, conventions, lexicon
from labelers.rules.aggregate import aggregate, mark_contradictions
from labelers.rules.assertion import Verdict, assert_mentions
from labelers.rules.conventions import Conventions
from labelers.rules.lexicon import Lexicon
from labelers.rules.mentions import parse
from labelers.rules.sentences import read_sentences
from pipeline.base.findings import NAMES
from pipeline.base.interfaces import LABELERS, LabelerOptions
from pipeline.base.labels import LabeledReport
from pipeline.base.reports import Report

Options = conventions.Options


@dataclass(frozen=True, slots=True)
class Engine:
    """The rules with conventions chosen; reads one report at a time."""

    rules: Lexicon
    sections: tuple[str, ...]
    conventions: Conventions
    concludes: bool

    def label(self, report: Report) -> LabeledReport:
        """Mentions in the order of the text, and one label for each finding of `NAMES`."""
        found = [
            mention
            for sentence in read_sentences(report.text, report.sections, self.sections)
            if (parsed := parse(sentence, self.rules)) is not None
            for mention in assert_mentions(parsed, self.rules)
        ]
        mentions = tuple(self.conventions.apply(found))
        labels = aggregate(mentions, self.rules.parents, self.rules.plural, self.concludes)
        return LabeledReport(mark_contradictions(mentions, labels), labels)


def engine(**options: Any) -> Engine:
    """The rule labeler with these options: `engine(preset="nih").label(Report.of("r", text))`."""
    return _engine(Options(**options))


def _engine(options: Any) -> Engine:
    choices = conventions.chosen(options)
    return Engine(lexicon.load(), options.sections, Conventions(choices), choices["impression"] == "concludes")


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
        """Version of the rules' code and data."""
        return lexicon.version()

    def read(self, reports: Iterable[Report], options: Any, work: Path | None = None) -> Iterator[LabeledReport]:
        """Streaming, one report at a time; `work` is not used."""
        return map(_engine(options).label, reports)


LABELERS.add("rules")(RuleLabeler())
