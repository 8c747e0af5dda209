"""A labeler for tests: reads two findings by plain pattern, and can be told to misbehave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.base.interfaces import LabelerOptions
from pipeline.base.labels import LabeledReport, LabelState, Mention, ReportLabel
from pipeline.base.reports import Report

PATTERNS = {
    "Cardiomegaly": r"(no )?(borderline )?cardiomegaly",
    "Pleural Effusion": r"(no )?(possible )?(moderate right )?pleural effusion",
}


class PatternLabeler:
    needs = ""
    findings = tuple(PATTERNS)
    Options = LabelerOptions

    def missing(self, options: LabelerOptions) -> str | None:
        return None

    def version(self, options: LabelerOptions) -> str:
        return "test"

    def read(self, reports: Iterable[Report], options: LabelerOptions, work: Path | None = None) -> Iterator[LabeledReport]:
        return (self.label(report.text) for report in reports)

    def label(self, text: str) -> LabeledReport:
        mentions: list[Mention] = []
        labels: list[ReportLabel] = []
        for finding, pattern in PATTERNS.items():
            found = re.search(pattern, text, re.IGNORECASE)
            if found is None:
                labels.append(ReportLabel(finding, LabelState.UNMENTIONED))
                continue
            state = LabelState.NEGATIVE if found[1] else LabelState.UNCERTAIN if found[2] else LabelState.POSITIVE
            mentions.append(Mention(finding, state, found.start(), found.end(), found.start(), found.end(), "findings", ("pattern",)))
            labels.append(ReportLabel(finding, state, (len(mentions) - 1,)))
        return LabeledReport(tuple(mentions), tuple(labels))


class CrashingLabeler(PatternLabeler):
    def label(self, text: str) -> LabeledReport:
        raise ValueError("a bug")


class ForgetfulLabeler(PatternLabeler):
    def label(self, text: str) -> LabeledReport:
        return LabeledReport((), (ReportLabel("Cardiomegaly", LabelState.UNMENTIONED),))
