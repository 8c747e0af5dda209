"""What NegBio's annotations mean: which finding, which state, and where in our text.

Passages were made of sections of the report, with offsets into its text; NegBio may have changed their words and split them further.
The XML is in `_bioc.py`, finding places again in `_offsets.py`, from mentions to labels in `_negbio_labels.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labelers._bioc import annotations_of, xml_text
from labelers._offsets import Alignment, align, sentence_around
from labelers._process import ToolError
from pipeline.base.findings import CHEXPERT_14, NO_FINDING, find
from pipeline.base.labels import LabelState, Mention
from pipeline.base.reports import Report, Section

if TYPE_CHECKING:
    from bioc import BioCAnnotation, BioCPassage

# NegBio's cleaning changes few words ("and/or", a slash between words); a text that shares less than half is another text.
_SAME_TEXT = 0.5
_RULES = ("term", "CUI", "pattern")


@dataclass(frozen=True, slots=True)
class Found:
    """One annotation: what NegBio calls it, its state, its words in lower case, and the mention it makes.

    What NegBio files under No Finding (scoliosis, hyperinflation, ...) is an abnormality outside the other categories, which keeps a
    report from being normal. That makes no mention, nor does a category that is none of CheXpert's.
    """

    category: str
    state: LabelState
    words: str
    mention: Mention | None


def found_in(report: Report, section: Section, passages: Sequence[BioCPassage], concepts: Mapping[str, str]) -> list[Found]:
    """Every annotation of the passages that come from one section.

    Args:
        report: where mentions are to point.
        section: what was handed over.
        passages: what came back for it.
        concepts: UMLS concept -> finding, for annotations without an observation.

    Raises:
        ToolError: the text is another or partly lost, an annotation names no observation, or it lies where its words are not.
    """
    copies = [_Copy(report, section, passage, _aligned(report, section, passage)) for passage in passages]
    shared = sum(len(copy.alignment.twins) for copy in copies)
    theirs = sum(len(copy.alignment.theirs) for copy in copies)
    ours = len(align("", report.text[section.start : section.end]).ours)
    if shared < _SAME_TEXT * max(theirs, ours):
        raise ToolError(
            f"NegBio's answer for report {report.report_id} lacks its section {section.name}, or holds another text there",
            "leave out section_split, which keeps the first passage alone, and keep the texts of the passages",
        )
    return [_found(copy, one, concepts) for copy in copies for one in annotations_of(copy.passage)]


def _aligned(report: Report, section: Section, passage: BioCPassage) -> Alignment:
    return align(passage.text or "", xml_text(report.text[passage.offset : section.end]))


@dataclass(frozen=True, slots=True)
class _Copy:
    """NegBio's passage beside the section it was made of."""

    report: Report
    section: Section
    passage: BioCPassage
    alignment: Alignment

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Characters of our report for NegBio's offsets."""
        base = self.passage.offset
        ours = self.alignment.place(start - base, end - base)
        return ours and (ours[0] + base, ours[1] + base)

    def sentence(self, start: int, end: int) -> tuple[int, int]:
        """NegBio's sentence around our characters where it is still in the file, else the text between full stops."""
        for one in self.passage.sentences:
            ours = self.place(one.offset, one.offset + len(one.text or ""))
            if ours and ours[0] <= start and end <= ours[1]:
                return ours
        base = self.section.start
        left, right = sentence_around(self.report.text[base : self.section.end], start - base, end - base)
        return left + base, right + base


def _found(copy: _Copy, one: BioCAnnotation, concepts: Mapping[str, str]) -> Found:
    category, state, words = _category(one, concepts), _state(one), (one.text or "").lower()
    finding = find(category)
    if finding not in CHEXPERT_14 or finding == NO_FINDING:
        return Found(category, state, words, None)
    start, end = _place(copy, one)
    rules = tuple(f"{key}:{one.infons[key]}" for key in _RULES if one.infons.get(key) not in (None, "None")) or ("negbio",)
    return Found(category, state, words, Mention(finding, state, start, end, *copy.sentence(start, end), copy.section.name, rules))


def _category(one: BioCAnnotation, concepts: Mapping[str, str]) -> str:
    """NegBio's name of the category, or the finding of the UMLS concept; empty for a concept nobody asked for."""
    if name := one.infons.get("observation"):
        return str(name)
    if not concepts:
        raise ToolError(
            "an annotation of NegBio names no observation",
            "find mentions with dner_chexpert or dner_regex; for dner_mm, say with label.options.negbio.concepts what its concepts mean",
        )
    return concepts.get(one.infons.get("CUI") or "", "")


def _state(one: BioCAnnotation) -> LabelState:
    """NegBio's order: a negated mention is negative, whatever else it is."""
    if one.infons.get("negation") == "True":
        return LabelState.NEGATIVE
    return LabelState.UNCERTAIN if one.infons.get("uncertainty") == "True" else LabelState.POSITIVE


def _place(copy: _Copy, one: BioCAnnotation) -> tuple[int, int]:
    """The characters of our text that an annotation marks, from its first word to its last."""
    start, end = min((span.offset for span in one.locations), default=0), max((span.end for span in one.locations), default=0)
    base = copy.passage.offset
    words = (copy.passage.text or "")[max(0, start - base) : max(0, end - base)]
    is_theirs = len(one.locations) > 1 or words == (one.text or words)
    ours = copy.place(start, end) if words and is_theirs else None
    if ours is None:
        raise ToolError(
            f"a mention in NegBio's answer for report {copy.report.report_id} has offsets {start} to {end}, where its words are not",
            "leave texts and offsets as NegBio counts them; a step of the command changes one without the other",
        )
    return ours
