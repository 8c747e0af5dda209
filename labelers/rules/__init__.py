"""The rule labeler: find mentions, decide each one's assertion from the structure of its sentence, aggregate to the report.

Here belongs only how the parts are joined. Phrases and patterns, each with a tested example, are in `data/`.
"""

from __future__ import annotations

from labelers.rules import lexicon
from labelers.rules.aggregate import aggregate
from labelers.rules.assertion import assert_mentions
from labelers.rules.mentions import parse
from labelers.rules.sentences import read_sentences
from pipeline.base.findings import NAMES
from pipeline.base.interfaces import LABELERS
from pipeline.base.labels import LabeledReport
from pipeline.base.reports import Section


class RuleLabeler:
    """Our own labeler, after NegBio (Peng et al. 2018); stateless, one core, no model to download."""

    version: str = lexicon.version()
    findings: tuple[str, ...] = NAMES

    def label(self, text: str, sections: tuple[Section, ...]) -> LabeledReport:
        """Read one report.

        Args:
            text: the report; offsets of mentions point into it.
            sections: its sections; only findings, impression and body make mentions.

        Returns:
            Mentions in the order of the text, and one label for each finding of `NAMES`.
        """
        rules = lexicon.load()
        parsed = (parse(sentence, rules) for sentence in read_sentences(text, sections))
        mentions = tuple(mention for found in parsed if found is not None for mention in assert_mentions(found, rules))
        return LabeledReport(mentions, aggregate(mentions, rules.parents, rules.plural))


LABELERS.add("rules")(RuleLabeler())
