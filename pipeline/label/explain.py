"""Why a report got its labels: its text cut where findings are named, and each label with the words and rules behind it.

Here belongs what is shown, and the HTML page of it. How it looks in a terminal belongs to `pipeline/cli/label.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from pipeline.base.errors import InputError
from pipeline.base.labels import ASIDES, STATES, LabeledReport, LabelState, Mention, ReportLabel
from pipeline.base.reports import Report
from pipeline.label import page, reading
from pipeline.label.given import Given
from pipeline.label.labelling import NOT_READ
from pipeline.label.reading import Reader

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# UNMENTIONED is the colour of what is named without a word on this film: a history, a question, a request.
MEANING = {
    LabelState.POSITIVE: "present",
    LabelState.UNCERTAIN: "uncertain",
    LabelState.NEGATIVE: "absent",
    LabelState.UNMENTIONED: "not of this film",
}
_ORDER = tuple(MEANING)
HEAD = ("finding", "state", "grade", "words", "rules", "attributes")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the text with the same mentions over it; `mentions` are indices, empty for plain text."""

    text: str
    mentions: tuple[int, ...]
    state: LabelState | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A report with one labeler's reading of it. `text` has the report's length, control characters blanked."""

    report_id: str
    text: str
    labeler: str
    read: LabeledReport

    @property
    def segments(self) -> list[Segment]:
        """The text in pieces, in order; they join to `text`."""
        return list(segments(self.text, self.read.mentions))

    @property
    def labels(self) -> list[ReportLabel]:
        """Labels of findings that are mentioned: present first, then uncertain, then absent."""
        said = [one for one in self.read.labels if one.state is not LabelState.UNMENTIONED]
        return sorted(said, key=lambda one: _ORDER.index(one.state))

    @property
    def silent(self) -> list[str]:
        """Findings that the report does not mention."""
        return [one.finding for one in self.read.labels if one.state is LabelState.UNMENTIONED]

    def evidence(self, label: ReportLabel) -> list[tuple[int, Mention]]:
        """The mentions behind a label, with their indices."""
        return [(index, self.read.mentions[index]) for index in label.evidence]


def explain(given: Given, one: Reader) -> Explained:
    """Read one report.

    Raises:
        InputError: there is nothing in it to read.
        LabelerError: the labeler crashed.
    """
    report = Report.of(given.report_id, given.text)
    if not reading.is_readable(report.sections):
        raise InputError(f"{given.place}: {NOT_READ}", "history, comparison and technique alone make no finding")
    ((_, read),) = reading.read_all(one, [report])
    return Explained(given.report_id, visible(given.text), one.name, read)


def visible(text: str) -> str:
    """The text with control characters as spaces, offsets unchanged: a terminal would obey them, HTML forbids them."""
    return _CONTROLS.sub(" ", text)


def segments(text: str, mentions: Sequence[Mention]) -> Iterator[Segment]:
    """Cut the text wherever a mention starts or ends; where mentions overlap the most present state gives the colour."""
    edges = sorted({0, len(text), *(edge for one in mentions for edge in (one.start, one.end))})
    for start, end in pairwise(edges):
        over = tuple(index for index, one in enumerate(mentions) if one.start <= start and end <= one.end)
        state = min((shown(mentions[index]) for index in over), key=_ORDER.index, default=None)
        yield Segment(text[start:end], over, state)


def shown(mention: Mention) -> LabelState:
    """The state whose colour a mention has."""
    return LabelState.UNMENTIONED if set(ASIDES).intersection(mention.attributes) else mention.state


def brief(label: ReportLabel) -> str:
    """Grade, or the probabilities of a labeler that has them."""
    if label.probabilities is None:
        return label.grade or ""
    return ", ".join(f"{state.lower()} {p:.2f}" for state, p in zip(STATES, label.probabilities, strict=True))


def unique(words: Iterator[str]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(words))


def html(explained: Explained) -> str:
    """A page of its own: the report with its mentions marked, the labels, and every mention with its rules."""
    mentions = explained.read.mentions
    body = [
        f'<p class="quiet">Read by {escape(explained.labeler)}. Hover over a mark to see what it says and why.</p>',
        f"<p>{' '.join(page.state(state, MEANING[state]) for state in _ORDER)}</p>",
        f"<pre>{''.join(_marks(explained))}</pre>",
        "<h2>Labels</h2>",
        page.table(HEAD, (_label_row(explained, one) for one in explained.labels)),
        f'<p class="quiet">Not mentioned: {escape(", ".join(explained.silent) or "nothing")}.</p>',
        "<h2>Mentions</h2>",
        page.table(
            ("words", "finding", "state", "grade", "section", "rules", "attributes"),
            (
                (_link(explained, at), one.finding, page.state(shown(one), MEANING[shown(one)]), one.grade, one.section, *_codes(one))
                for at, one in enumerate(mentions)
            ),
        ),
    ]
    return page.page(f"Report {explained.report_id}", body)


def _marks(explained: Explained) -> Iterator[str]:
    seen: set[int] = set()
    for part in explained.segments:
        if part.state is None:
            yield escape(part.text)
            continue
        tips = "\n".join(_tip(explained.read.mentions[at]) for at in part.mentions)
        anchors = "".join(f'<span id="m{at}"></span>' for at in part.mentions if at not in seen)
        seen.update(part.mentions)
        yield f'<mark class="{part.state}" title="{escape(tips)}">{anchors}{escape(part.text)}</mark>'


def _tip(one: Mention) -> str:
    more = f" ({', '.join(one.attributes)})" if one.attributes else ""
    grade = f", {one.grade} hedge" if one.grade else ""
    return f"{one.finding}: {MEANING[shown(one)]}{grade}{more}\nrules: {', '.join(one.rule_ids)}"


def _label_row(explained: Explained, label: ReportLabel) -> tuple[object, ...]:
    found = explained.evidence(label)
    words = page.Raw(" · ".join(_link(explained, at) for at, _ in found))
    rules = unique(rule for _, one in found for rule in one.rule_ids)
    attributes = unique(attribute for _, one in found for attribute in one.attributes)
    return (label.finding, page.state(label.state, MEANING[label.state]), brief(label), words, _code(rules), ", ".join(attributes))


def _link(explained: Explained, at: int) -> page.Raw:
    one = explained.read.mentions[at]
    return page.Raw(f'<a href="#m{at}">{escape(" ".join(explained.text[one.start : one.end].split()))}</a>')


def _codes(one: Mention) -> tuple[page.Raw, str]:
    return _code(list(one.rule_ids)), ", ".join(one.attributes)


def _code(rules: list[str]) -> page.Raw:
    return page.Raw(" ".join(f"<code>{escape(rule)}</code>" for rule in rules))
