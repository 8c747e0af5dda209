"""Run report labelers over reports: mentions with their words, and one state for each finding a labeler was asked about.

A labeler's crash or broken answer stops the run and names report and labeler: it is never "unmentioned". What a finding's words are
belongs to the labelers; which film a report speaks of belongs to `gather.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.base.errors import CxrError, PluginError, SettingsError
from pipeline.base.interfaces import LABELERS, Labeler, LabelerOptions
from pipeline.base.labels import LabeledReport, LabelState, Mention
from pipeline.base.progress import track
from pipeline.base.reports import READ_SECTIONS, Report, Section

Row = dict[str, Any]
_EVIDENCE_CHARACTERS = 160
_EVIDENCE_MENTIONS = 2
_REPORT_IT = "report the labeler's name and version; leave it out of label.labelers meanwhile"


class LabelerError(CxrError):
    """A labeler crashed, or gave an answer that breaks its interface."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A labeler with its options, ready to read."""

    name: str
    labeler: Labeler
    options: LabelerOptions


def reader(name: str, chosen: Mapping[str, Any]) -> Reader:
    """The labeler called `name` with these options.

    Raises:
        PluginError: no such labeler, or a package or file it needs is missing.
        SettingsError: an option it does not know, or a bad value.
    """
    labeler = LABELERS.get(name)
    try:
        options = labeler.Options.model_validate(chosen)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"option {where} of the labeler {name}: {first['msg']}", "`cxr labelers` lists the options") from error
    if problem := labeler.missing(options):
        raise PluginError(f"the labeler {name} cannot run here: {problem}", "`cxr labelers` says what each labeler needs")
    return Reader(name, labeler, options)


def read_reports(reports: Sequence[Report], readers: Sequence[Reader], work: Path | None = None) -> tuple[list[Row], list[Row]]:
    """Every labeler over every report that says something.

    Args:
        reports: what to read.
        readers: who reads.
        work: where labelers keep finished batches.

    Returns:
        Rows of `mentions`, and for each report, labeler and finding the labeler knows: report_id, annotator, finding, state, grade,
        probabilities, mention_ids, evidence. A report without findings, impression or body text gives neither: nobody read anything.

    Raises:
        LabelerError: a labeler crashed or broke its interface.
    """
    mentions: list[Row] = []
    states: list[Row] = []
    readable = [report for report in reports if is_readable(report.sections)]
    for one in readers:
        for report, read in track(read_all(one, readable, work), "label", total=len(readable), unit=" reports"):
            found = [mention_row(report, one.name, index, made) for index, made in enumerate(read.mentions)]
            mentions += found
            states += _state_rows(report, one.name, read, [row["mention_id"] for row in found])
    return mentions, states


def is_readable(sections: tuple[Section, ...]) -> bool:
    """Whether the report says anything about the film: a request or a comparison alone does not."""
    return any(section.name in READ_SECTIONS for section in sections)


def read_all(one: Reader, reports: Iterable[Report], work: Path | None = None) -> Iterator[tuple[Report, LabeledReport]]:
    """Each report with what a labeler says of it, checked; streaming.

    Raises:
        LabelerError: the labeler crashed, broke its interface, or answered for too few or too many reports.
    """
    given: deque[Report] = deque()

    def handed() -> Iterator[Report]:
        for report in reports:
            given.append(report)
            yield report

    answers = one.labeler.read(handed(), one.options, work)
    while True:
        try:
            read = next(answers, None)
        except CxrError:
            raise
        except Exception as error:
            of = f" on report {given[0].report_id}" if given else ""
            raise LabelerError(f"labeler {one.name} crashed{of} ({type(error).__name__})", _REPORT_IT) from error
        if read is None:
            break
        if not given:
            raise LabelerError(f"labeler {one.name} answered for more reports than it was given", _REPORT_IT)
        report = given.popleft()
        if problem := _problem(read, report.text, one.labeler):
            raise LabelerError(f"labeler {one.name} on report {report.report_id}: {problem}", _REPORT_IT)
        yield report, read
    if given:
        raise LabelerError(f"labeler {one.name} gave no answer for {len(given)} reports", _REPORT_IT)


def _problem(read: LabeledReport, text: str, labeler: Labeler) -> str | None:
    """How an answer breaks the interface, or None."""
    if sorted(label.finding for label in read.labels) != sorted(labeler.findings):
        return "its labels are not one for each finding it knows"
    if any(mention.state is LabelState.UNMENTIONED for mention in read.mentions):
        return "a mention is UNMENTIONED"
    for mention in read.mentions:
        if not 0 <= mention.sentence_start <= mention.start < mention.end <= mention.sentence_end <= len(text):
            return f"the offsets of a mention of {mention.finding} lie outside its sentence or the text"
    if any(not 0 <= index < len(read.mentions) for label in read.labels for index in label.evidence):
        return "a label names a mention that is not there"
    return None


def mention_row(report: Report, name: str, index: int, made: Mention) -> Row:
    """One row of the table `mentions`; `index` is the mention's place among those of the report."""
    return {
        "mention_id": f"{report.report_id}:{name}:{index:04d}",
        "report_id": report.report_id,
        "annotator": name,
        "finding": made.finding,
        "state": str(made.state),
        "grade": made.grade,
        "section": made.section,
        "start": made.start,
        "end": made.end,
        "words": report.text[made.start : made.end],
        "sentence": report.text[made.sentence_start : made.sentence_end],
        "rule_ids": list(made.rule_ids),
        "attributes": list(made.attributes),
    }


def _state_rows(report: Report, name: str, read: LabeledReport, mention_ids: list[str]) -> list[Row]:
    return [
        {
            "report_id": report.report_id,
            "annotator": name,
            "finding": label.finding,
            "state": str(label.state),
            "grade": label.grade,
            "probabilities": label.probabilities,
            "mention_ids": [mention_ids[index] for index in label.evidence],
            "evidence": quote(report.text, [read.mentions[index] for index in label.evidence]),
        }
        for label in read.labels
    ]


def quote(text: str, mentions: list[Mention]) -> str | None:
    """The sentences of the first mentions, on one line, shortened around the finding's own words; None without mentions."""
    spans = list(dict.fromkeys(_window(mention) for mention in mentions))[:_EVIDENCE_MENTIONS]
    return joined(text, spans) or None


def joined(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Pieces of a text on one line."""
    return " … ".join(" ".join(text[start:end].split()) for start, end in spans)


def _window(mention: Mention) -> tuple[int, int]:
    spare = max(0, _EVIDENCE_CHARACTERS - (mention.end - mention.start)) // 2
    return max(mention.sentence_start, mention.start - spare), min(mention.sentence_end, mention.end + spare)
