"""From mentions to one state for each finding of the report. How one mention is read does not belong here.

1 beats -1 beats 0, except that, where the impression `concludes`, a finding that it only denies is denied (the guide's rule). No Finding
follows CheXpert (Irvin et al. 2019): positive when nothing but Support Devices is positive or uncertain, and the report said something
that we understood.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pipeline.base.findings import NAMES, NO_FINDING, SUPPORT_DEVICES
from pipeline.base.labels import ASIDES, BY_STRENGTH, CONTRADICTED, LabelState, Mention, ReportLabel

_PRESENT = (LabelState.POSITIVE, LabelState.UNCERTAIN)
_CONCLUSIONS = frozenset(("impression", "addendum"))
_NORMAL_STUDY = "normal-study"
_SILENT = {name: ReportLabel(name, LabelState.UNMENTIONED) for name in NAMES}


def aggregate(
    mentions: Sequence[Mention], parents: Mapping[str, tuple[str, ...]], plural: Collection[str], concludes: bool
) -> tuple[ReportLabel, ...]:
    """One label for every finding of `NAMES`, in that order; `evidence` indexes `mentions`.

    Args:
        mentions: of one report, in order.
        parents: finding -> findings it makes present (`data/aggregation.toml`).
        plural: findings of which many may be there, so that the denial of one in the impression outvotes nothing.
        concludes: whether a clear denial in the impression wins over the other sections.
    """
    by_finding: dict[str, list[int]] = {}
    for index, mention in enumerate(mentions):
        if not _is_aside(mention):
            by_finding.setdefault(mention.finding, []).append(index)
    statements = by_finding.pop(NO_FINDING, [])
    labels = dict(_SILENT)
    labels.update((name, _decide(name, indices, mentions, concludes and name not in plural)) for name, indices in by_finding.items())
    for name, implied in parents.items():
        for parent in implied:
            labels[parent] = _imply(labels[name], labels[parent])
    labels[NO_FINDING] = _no_finding(labels, statements)
    return tuple(labels[name] for name in NAMES)


def mark_contradictions(mentions: Sequence[Mention], labels: Sequence[ReportLabel]) -> tuple[Mention, ...]:
    """Mentions; one that calls the study normal is marked `CONTRADICTED` where the same report states or hedges a finding."""
    is_abnormal = any(label.finding not in (NO_FINDING, SUPPORT_DEVICES) and label.state in _PRESENT for label in labels)
    return tuple(
        replace(one, attributes=(*one.attributes, CONTRADICTED)) if is_abnormal and _NORMAL_STUDY in one.rule_ids else one
        for one in mentions
    )


def _is_aside(mention: Mention) -> bool:
    return bool(mention.attributes) and mention.attributes[-1] in ASIDES


def _decide(name: str, indices: list[int], mentions: Sequence[Mention], can_conclude: bool) -> ReportLabel:
    states = {mentions[index].state for index in indices}
    is_denied = can_conclude and {mentions[index].state for index in indices if mentions[index].section in _CONCLUSIONS} == {
        LabelState.NEGATIVE
    }
    state = LabelState.NEGATIVE if is_denied else next(one for one in BY_STRENGTH if one in states)
    evidence = tuple(index for index in indices if mentions[index].state is state)
    return ReportLabel(name, state, evidence, _grade(state, [mentions[index].grade for index in evidence]))


def _grade(state: LabelState, grades: Collection[str | None]) -> str | None:
    if state is not LabelState.UNCERTAIN:
        return None
    return "strong" if "strong" in grades else "weak"


def _imply(child: ReportLabel, parent: ReportLabel) -> ReportLabel:
    """A present child makes its parent at least as present; a denied child only fills a parent never mentioned."""
    is_stronger = BY_STRENGTH.index(child.state) < BY_STRENGTH.index(parent.state)
    return replace(child, finding=parent.finding) if is_stronger else parent


def _no_finding(labels: Mapping[str, ReportLabel], statements: list[int]) -> ReportLabel:
    others = [label for label in labels.values() if label.finding not in (NO_FINDING, SUPPORT_DEVICES)]
    evidence = sorted({*statements, *(index for label in labels.values() for index in label.evidence)})
    if not evidence or any(label.state in _PRESENT for label in others):
        return ReportLabel(NO_FINDING, LabelState.UNMENTIONED)
    return ReportLabel(NO_FINDING, LabelState.POSITIVE, tuple(evidence))
