"""A report and its sections. Which words open a section is said in `headings`; what the words mean belongs to a labeler."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.base.headings import BODY as BODY
from pipeline.base.headings import RULE, TITLE, headings

# An addendum counts: it corrects the report, and what it adds stands nowhere else.
READ_SECTIONS = ("findings", "impression", "addendum", BODY)
_SILENT = frozenset(("indication", "comparison", "technique", "examination", "recommendation", "signature"))
# Which sections an exam's title and a line across the page end.
_LEAVES = {TITLE: _SILENT, RULE: frozenset(("preliminary", "addendum", "signature"))}
_BEFORE_FINDINGS = frozenset(("comparison", "technique", "examination"))
_BEHIND_FINDINGS = frozenset(("recommendation", "addendum", "signature"))
_TEXT = re.compile(r"\S")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n|\r[ \t]*\r")


@dataclass(frozen=True, slots=True)
class Section:
    """Characters `start` to `end` of a report's text, without the heading."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Report:
    """One report, as labelers read it."""

    report_id: str
    text: str
    sections: tuple[Section, ...]

    @classmethod
    def of(cls, report_id: str, text: str) -> Report:
        """A report with its sections found."""
        return cls(report_id, text, sections(text))


def sections(text: str) -> tuple[Section, ...]:
    """Split a report at its headings; empty sections are left out.

    Names: findings, impression, addendum, indication, comparison, technique, examination, recommendation, signature, and

    - body: text under no heading, or under "FINAL REPORT", or behind an exam's title ("CHEST, PA AND LATERAL: ...").
    - preamble: such text before a findings section; it names patient and exam.
    - preliminary: a wet read; it counts as the impression where the report has neither findings nor impression.

    A report without a findings section often gives them as a paragraph of their own, behind the comparison or technique, or, when it has no
    impression either, behind the indication (after the last paragraph of MIMIC-CXR's section parser, Johnson et al. 2019): that is body.
    """
    found = list(_split(text))
    names = {one.name for one in found}
    if "findings" in names:
        found = _with_preamble(found) if BODY in names else found
    elif not names.isdisjoint(_SILENT):
        found = _with_unheaded_findings(text, found)
    if "preliminary" in names and names.isdisjoint(("findings", "impression")):
        found = [replace(one, name="impression") if one.name == "preliminary" else one for one in found]
    if "signature" in names:
        found = [part for one in found for part in (_paragraphs(text, one) if one.name == "signature" else (one,))]
    return tuple(found)


def _split(text: str) -> Iterator[Section]:
    name, start = BODY, 0
    for mark in headings(text):
        if mark.name in _LEAVES and (name not in _LEAVES[mark.name] or _TEXT.search(text, start, mark.start) is None):
            continue
        yield from _trimmed(text, name, start, mark.start)
        name, start = BODY if mark.name in _LEAVES else mark.name, mark.end
    yield from _trimmed(text, name, start, len(text))


def _paragraphs(text: str, section: Section) -> tuple[Section, ...]:
    """A section's first paragraph, and the others as body."""
    blank = _BLANK_LINE.search(text, section.start, section.end)
    if blank is None:
        return (section,)
    return (*_trimmed(text, section.name, section.start, blank.start()), *_trimmed(text, BODY, blank.end(), section.end))


def _with_preamble(found: list[Section]) -> list[Section]:
    """Body in front of the findings becomes preamble, unless an impression or addendum stands there too."""
    before = next(index for index, one in enumerate(found) if one.name in ("findings", "impression", "addendum"))
    is_first = found[before].name == "findings"
    return [replace(one, name="preamble") if is_first and index < before and one.name == BODY else one for index, one in enumerate(found)]


def _with_unheaded_findings(text: str, found: list[Section]) -> list[Section]:
    at = next((index for index, one in enumerate(found) if one.name == "impression"), len(found))
    giving = _BEFORE_FINDINGS if at < len(found) else _BEFORE_FINDINGS | {"indication"}
    while at > 0 and found[at - 1].name in _BEHIND_FINDINGS:
        at -= 1
    if at == 0 or found[at - 1].name not in giving:
        return found
    return [*found[: at - 1], *_paragraphs(text, found[at - 1]), *found[at:]]


def _trimmed(text: str, name: str, start: int, end: int) -> tuple[Section, ...]:
    """The section without blanks around it; none when nothing is left."""
    piece = text[start:end]
    left, right = len(piece) - len(piece.lstrip()), len(piece.rstrip())
    return (Section(name, start + left, start + right),) if right > left else ()
