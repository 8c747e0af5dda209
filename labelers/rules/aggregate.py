"""From mentions to one state for each finding of the report. How one mention is read does not belong here.

The guide's rule: 1 beats -1 beats 0, except that a clear denial in the impression wins over the findings. No Finding follows CheXpert
(Irvin et al. 2019): positive when nothing but Support Devices is positive or uncertain, and the report said something we understood.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pipeline.base.findings import NAMES, NO_FINDING, SUPPORT_DEVICES
from pipeline.base.labels import LabelState, Mention, ReportLabel

_RANK = (LabelState.POSITIVE, LabelState.UNCERTAIN, LabelState.NEGATIVE)
_PRESENT = (LabelState.POSITIVE, LabelState.UNCERTAIN)
_IMPRESSION = "impression"


def aggregate(mentions: Sequence[Mention], parents: Mapping[str, tuple[str, ...]], plural: Collection[str]) -> tuple[ReportLabel, ...]:
    """One label for every finding of `NAMES`, in that order; `evidence` indexes `mentions`.

    Args:
        mentions: of one report, in order.
        parents: finding -> findings it makes present (`data/aggregation.toml`).
        plural: findings of which many may be there, so that the denial of one in the impression outvotes nothing.
    """
    by_finding: dict[str, list[int]] = {name: [] for name in NAMES}
    for index, mention in enumerate(mentions):
        by_finding[mention.finding].append(index)
    labels = {name: _decide(name, by_finding[name], mentions, name not in plural) for name in NAMES if name != NO_FINDING}
    for name, implied in parents.items():
        for parent in implied:
            labels[parent] = _imply(labels[name], labels[parent])
    labels[NO_FINDING] = _no_finding(labels, by_finding[NO_FINDING])
    return tuple(labels[name] for name in NAMES)


def _decide(name: str, indices: list[int], mentions: Sequence[Mention], can_conclude: bool) -> ReportLabel:
    if not indices:
        return ReportLabel(name, LabelState.UNMENTIONED)
    concluded = {mentions[index].state for index in indices if mentions[index].section == _IMPRESSION}
    states = {mentions[index].state for index in indices}
    is_denied = can_conclude and concluded == {LabelState.NEGATIVE}
    state = LabelState.NEGATIVE if is_denied else next(rank for rank in _RANK if rank in states)
    return ReportLabel(name, state, tuple(index for index in indices if mentions[index].state is state))


def _imply(child: ReportLabel, parent: ReportLabel) -> ReportLabel:
    """A present child makes its parent at least as present; a denied child only fills a parent never mentioned."""
    if child.state is LabelState.UNMENTIONED:
        return parent
    is_stronger = parent.state is LabelState.UNMENTIONED or _RANK.index(child.state) < _RANK.index(parent.state)
    return ReportLabel(parent.finding, child.state, child.evidence) if is_stronger else parent


def _no_finding(labels: Mapping[str, ReportLabel], statements: list[int]) -> ReportLabel:
    others = [label for label in labels.values() if label.finding != SUPPORT_DEVICES]
    evidence = sorted({*statements, *(index for label in labels.values() for index in label.evidence)})
    if not evidence or any(label.state in _PRESENT for label in others):
        return ReportLabel(NO_FINDING, LabelState.UNMENTIONED)
    return ReportLabel(NO_FINDING, LabelState.POSITIVE, tuple(evidence))
