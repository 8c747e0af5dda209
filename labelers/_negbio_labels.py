"""From NegBio's mentions to one label for each of CheXpert's findings. Where a mention lies does not belong here.

`main_chexpert` writes its own labels into each document and those are taken; after `negbio_pipeline`, which writes mentions alone, they are
made as NegBio and the CheXpert labeler make them (Irvin et al. 2019): 1 beats -1 beats 0, heart failure makes Cardiomegaly uncertain,
and No Finding is 1 where nothing but Support Devices is stated or hedged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labelers._negbio_mentions import Found
from labelers._process import ToolError
from pipeline.base.findings import CHEXPERT_14, NO_FINDING, SUPPORT_DEVICES, find
from pipeline.base.labels import BY_STRENGTH, LabelState, Mention, ReportLabel

_CARDIOMEGALY = "Cardiomegaly"
_HEART_FAILURE = ("chf", "heart failure")
_PRESENT = (LabelState.POSITIVE, LabelState.UNCERTAIN)
_TOLD = "CheXpert/"
_STATES = {"Positive": LabelState.POSITIVE, "Negative": LabelState.NEGATIVE, "Uncertain": LabelState.UNCERTAIN}


def told(infons: Mapping[str, str]) -> dict[str, LabelState] | None:
    """The labels that NegBio wrote into a document, or None when it wrote none. What it leaves out is not mentioned.

    Raises:
        ToolError: a label that NegBio does not have.
    """
    written = {key.removeprefix(_TOLD): value for key, value in infons.items() if key.startswith(_TOLD)}
    if not set(written.values()) <= set(_STATES):
        raise ToolError(
            "NegBio's answer holds a label that is none of Positive, Negative and Uncertain", "use the output of NegBio as it is"
        )
    return {name: _STATES[value] for category, value in written.items() if (name := find(category))} or None


def labels(found: Sequence[Found], mentions: Sequence[Mention], given: Mapping[str, LabelState] | None) -> tuple[ReportLabel, ...]:
    """One label for each finding of `CHEXPERT_14`; `evidence` indexes `mentions`.

    Args:
        found: every annotation of the report.
        mentions: those of `found`, in the order in which they are kept.
        given: NegBio's own labels, or None to make them.
    """
    votes = _votes(found)
    states = _decide(found, votes) if given is None else given
    made = []
    for name in CHEXPERT_14:
        state = states.get(name, LabelState.UNMENTIONED)
        behind = {one.mention for vote, one in votes[name] if vote is state}
        made.append(ReportLabel(name, state, tuple(index for index, mention in enumerate(mentions) if mention in behind)))
    return tuple(made)


def _votes(found: Sequence[Found]) -> dict[str, list[tuple[LabelState, Found]]]:
    """Finding -> states said of it, and by what."""
    votes: dict[str, list[tuple[LabelState, Found]]] = {name: [] for name in CHEXPERT_14}
    for one in found:
        if one.mention is not None:
            votes[one.mention.finding].append((one.state, one))
        if one.words in _HEART_FAILURE and one.state in _PRESENT and one.category != NO_FINDING:
            votes[_CARDIOMEGALY].append((LabelState.UNCERTAIN, one))
    return votes


def _decide(found: Sequence[Found], votes: Mapping[str, Sequence[tuple[LabelState, Found]]]) -> dict[str, LabelState]:
    said = {name: {state for state, _ in of_one} for name, of_one in votes.items()}
    states = {name: next(state for state in BY_STRENGTH if state in of_one) for name, of_one in said.items() if of_one}
    if not any(one.state in _PRESENT and one.category not in ("", SUPPORT_DEVICES) for one in found):
        states[NO_FINDING] = LabelState.POSITIVE
    return states
