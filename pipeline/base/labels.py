"""Label states and what carries them: Mention -> Annotation -> label. Numbers (1 / 0 / -1 / blank) exist only at the border."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class LabelState(StrEnum):
    """The four states a reader of a report can give a finding (CheXpert, Irvin et al. 2019, section 3)."""

    POSITIVE = "POSITIVE"
    NEGATIVE = "NEGATIVE"
    UNCERTAIN = "UNCERTAIN"
    UNMENTIONED = "UNMENTIONED"


STATES = tuple(LabelState)
# Of several states of one finding the first in this order speaks (CheXpert's order of aggregation).
BY_STRENGTH = (LabelState.POSITIVE, LabelState.UNCERTAIN, LabelState.NEGATIVE, LabelState.UNMENTIONED)
_FROM_NUMBER = {1.0: LabelState.POSITIVE, 0.0: LabelState.NEGATIVE, -1.0: LabelState.UNCERTAIN}
ASIDES = ("historical", "hypothetical")
INDIRECT, CONTRADICTED = "indirect", "contradicted"
_TO_NUMBER = {state: number for number, state in _FROM_NUMBER.items()}


def from_chexpert(value: float | str | None) -> LabelState:
    """Read a cell of a CheXpert-style CSV.

    Args:
        value: 1, 0, -1, blank, None or NaN, as a number or as text.

    Returns:
        The state; blank, None and NaN are UNMENTIONED, never NEGATIVE.

    Raises:
        ValueError: the cell is something else.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return LabelState.UNMENTIONED
    number = float(value)
    if math.isnan(number):
        return LabelState.UNMENTIONED
    if number not in _FROM_NUMBER:
        raise ValueError(f"a CheXpert-style label is 1, 0, -1 or blank, not {number:g}")
    return _FROM_NUMBER[number]


def to_chexpert(state: LabelState | str) -> float | None:
    """The number a CheXpert-style CSV writes: 1.0, 0.0, -1.0, or None for blank."""
    return _TO_NUMBER.get(LabelState(state))


@dataclass(frozen=True, slots=True)
class Mention:
    """One finding named at one place of one report, with its assertion.

    `start` and `end` are offsets into the report's `text`, as are `sentence_start` and `sentence_end`.
    `grade` is "weak" or "strong" for an UNCERTAIN mention, else None. A mention is never UNMENTIONED.
    `attributes` are "name:value" or a name: one of `ASIDES` makes the mention no statement about this film, so that it counts for no
    label; `INDIRECT` is a sign that is stated, but only suggests the finding; `CONTRADICTED` is a statement that the study is normal in
    a report that names a finding.
    """

    finding: str
    state: LabelState
    start: int
    end: int
    sentence_start: int
    sentence_end: int
    section: str
    rule_ids: tuple[str, ...]
    grade: str | None = None
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportLabel:
    """What one labeler says of one finding of one report.

    `evidence` indexes the mentions behind it. `grade` is "weak" or "strong" for an UNCERTAIN label whose labeler knows, else None.
    `probabilities`, of a labeler that has them, are those of the states in the order of `STATES` and sum to 1.
    """

    finding: str
    state: LabelState
    evidence: tuple[int, ...] = ()
    grade: str | None = None
    probabilities: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class LabeledReport:
    """All that a labeler found in one report. `labels` covers every finding the labeler knows, UNMENTIONED included."""

    mentions: tuple[Mention, ...]
    labels: tuple[ReportLabel, ...]
