"""Run report labelers over reports: mentions with their words, and one state for each finding a labeler was asked about.

A labeler's crash or broken answer stops the run and names report and labeler: it is never "unmentioned". What a finding's words are
belongs to the labelers; which film a report speaks of belongs to `gather.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.base.errors import CxrError
from pipeline.base.interfaces import Labeler
from pipeline.base.labels import LabeledReport, LabelState, Mention
from pipeline.base.progress import track
from pipeline.base.reports import READ_SECTIONS, Section

Row = dict[str, Any]
_EVIDENCE_CHARACTERS = 160
_EVIDENCE_MENTIONS = 2
_REPORT_IT = "report the labeler's name and version; leave it out of label.labelers meanwhile"


class LabelerError(CxrError):
    """A labeler crashed, or gave an answer that breaks its interface."""


def read_reports(reports: Iterable[Mapping[str, Any]], labelers: Mapping[str, Labeler]) -> tuple[list[Row], list[Row]]:
    """Every labeler over every report that says something.

    Args:
        reports: rows of the table `reports` with report_id, text and sections.
        labelers: labelers by name.

    Returns:
        Rows of `mentions`, and for each report, labeler and finding the labeler knows: report_id, annotator, finding, state,
        mention_ids, evidence. A report without findings, impression or body text gives neither: nobody read anything.

    Raises:
        LabelerError: a labeler crashed or broke its interface.
    """
    mentions: list[Row] = []
    states: list[Row] = []
    for report in track(list(reports), "label", unit=" reports"):
        sections = tuple(Section(part["name"], part["start"], part["end"]) for part in report["sections"])
        if not is_readable(sections):
            continue
        for name, labeler in labelers.items():
            read = _ask(report["report_id"], report["text"], sections, name, labeler)
            found = [_mention_row(report["report_id"], report["text"], name, index, made) for index, made in enumerate(read.mentions)]
            mentions += found
            states += _state_rows(report["report_id"], report["text"], name, read, [row["mention_id"] for row in found])
    return mentions, states


def is_readable(sections: tuple[Section, ...]) -> bool:
    """Whether the report says anything about the film: a request or a comparison alone does not."""
    return any(section.name in READ_SECTIONS for section in sections)


def _ask(report_id: str, text: str, sections: tuple[Section, ...], name: str, labeler: Labeler) -> LabeledReport:
    try:
        read = labeler.label(text, sections)
    except Exception as error:
        raise LabelerError(f"labeler {name} crashed on report {report_id} ({type(error).__name__})", _REPORT_IT) from error
    if problem := _problem(read, text, labeler):
        raise LabelerError(f"labeler {name} on report {report_id}: {problem}", _REPORT_IT)
    return read


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


def _mention_row(report_id: str, text: str, name: str, index: int, made: Mention) -> Row:
    return {
        "mention_id": f"{report_id}:{name}:{index:04d}",
        "report_id": report_id,
        "annotator": name,
        "finding": made.finding,
        "state": str(made.state),
        "grade": made.grade,
        "section": made.section,
        "start": made.start,
        "end": made.end,
        "words": text[made.start : made.end],
        "sentence": text[made.sentence_start : made.sentence_end],
        "rule_ids": list(made.rule_ids),
        "attributes": list(made.attributes),
    }


def _state_rows(report_id: str, text: str, name: str, read: LabeledReport, mention_ids: list[str]) -> list[Row]:
    return [
        {
            "report_id": report_id,
            "annotator": name,
            "finding": label.finding,
            "state": str(label.state),
            "mention_ids": [mention_ids[index] for index in label.evidence],
            "evidence": quote(text, [read.mentions[index] for index in label.evidence]),
        }
        for label in read.labels
    ]


def quote(text: str, mentions: list[Mention]) -> str | None:
    """The sentences of the first mentions, on one line, shortened around the finding's own words; None without mentions."""
    spans = list(dict.fromkeys(_window(mention) for mention in mentions))[:_EVIDENCE_MENTIONS]
    pieces = [" ".join(text[start:end].split()) for start, end in spans]
    return " … ".join(pieces) if pieces else None


def _window(mention: Mention) -> tuple[int, int]:
    spare = max(0, _EVIDENCE_CHARACTERS - (mention.end - mention.start)) // 2
    return max(mention.sentence_start, mention.start - spare), min(mention.sentence_end, mention.end + spare)
