"""What members of a list share, and what alternatives leave in doubt. How far a single cue reaches belongs to `scopes`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from labelers.rules.mentions import Candidate, Parsed
from labelers.rules.scopes import NO_CUE, POSITIVE, UNCERTAIN, Verdict
from labelers.rules.sentences import MASK

PLACES = frozenset(("in", "of", "at", "over", "within", "the", "involving", "overlying", "projecting", "both", "lobe", "lung", "and"))
_VERSUS = frozenset(("versus", "vs"))
_JOINS = frozenset((",", "and", "or", "nor", "/", "&"))


@dataclass(slots=True)
class Asserted:
    """A candidate with what is said of it so far."""

    candidate: Candidate
    verdict: Verdict


def settle(parsed: Parsed, asserted: list[Asserted]) -> None:
    """Change verdicts for what lists and alternatives say."""
    _share_with_list(parsed, asserted)
    _doubt_alternatives(parsed, asserted)
    _doubt_masked_causes(parsed, asserted)


def _share_with_list(parsed: Parsed, asserted: list[Asserted]) -> None:
    """What is said behind a list holds for all of it: "consolidation, effusion, and pneumothorax are not seen"."""
    for first, second in zip(asserted[-2::-1], asserted[:0:-1], strict=True):
        between = parsed.words[first.candidate.end : second.candidate.start]
        is_listed = bool(_JOINS.intersection(between)) and all(word in _JOINS or word in PLACES for word in between)
        if is_listed and first.verdict is NO_CUE and second.verdict.is_behind:
            first.verdict = second.verdict


def _doubt_alternatives(parsed: Parsed, asserted: list[Asserted]) -> None:
    """Outside a negation "A versus B", "A or B" and "A/B" leave both uncertain; what is seen ("opacity") stays."""
    for first, second in pairwise(asserted):
        left, right = first.candidate, second.candidate
        joined = [cue for cue in parsed.cues if cue.cue.kind == "versus" and left.end <= cue.start and cue.end <= right.start]
        if not joined or right.start - left.end > 6 or _is_broken(parsed, left.end, right.start) or _is_unchanged(parsed, left):
            continue
        for item in (first, second):
            if _is_stated(item) and item.candidate.term.role == "finding" and not _is_same(first, second):
                item.verdict = Verdict(UNCERTAIN, "strong", joined[0].cue.rule_id)
    for item in asserted:
        start, end = item.candidate.start, item.candidate.end
        beside = (*parsed.words[max(0, start - 3) : start], *parsed.words[end : end + 1])
        if _VERSUS.intersection(beside) and _is_stated(item) and item.candidate.term.role == "finding":
            item.verdict = Verdict(UNCERTAIN, "strong", "versus")


def _is_stated(item: Asserted) -> bool:
    return item.verdict.state is POSITIVE and item.verdict.aside is None


def _is_same(first: Asserted, second: Asserted) -> bool:
    return first.candidate.term is second.candidate.term


def _is_unchanged(parsed: Parsed, candidate: Candidate) -> bool:
    """Whether the nearest cue before says "no change in"."""
    before = [cue for cue in parsed.cues if cue.start < candidate.start]
    return bool(before) and before[-1].cue.kind == "unchanged"


def _is_broken(parsed: Parsed, start: int, end: int) -> bool:
    return any(start <= cue.start < end and cue.cue.kind in ("stop", "verb", "negate-before", "with") for cue in parsed.cues)


def _doubt_masked_causes(parsed: Parsed, asserted: list[Asserted]) -> None:
    """A removed word between what is seen and its cause reads as "likely": "opacity, XXXX atelectasis" (guide)."""
    for index, item in enumerate(asserted):
        candidate, words = item.candidate, parsed.words
        if not _is_stated(item) or item.verdict.rule_id or candidate.term.role != "finding":
            continue
        has_sign = any(other.candidate.term.role == "sign" and other.verdict.state is POSITIVE for other in asserted[:index])
        if has_sign and MASK in words[max(0, candidate.start - 3) : candidate.start]:
            item.verdict = Verdict(UNCERTAIN, "strong", "masked-cause")
