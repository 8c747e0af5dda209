"""Decides from a sentence's structure how each candidate is asserted. Which words are cues is written in `data/cues.toml`.

In the tradition of NegEx (Chapman et al. 2001), ConText (Harkema et al. 2009) and NegBio (Peng et al. 2018), but over word order and
clause marks: the nearest cue whose scope reaches a mention decides; contrast, verbs and new statements end scopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from labelers.rules.lexicon import Lexicon
from labelers.rules.mentions import Candidate, FoundCue, Parsed
from labelers.rules.sentences import MASK
from pipeline.base.labels import LabelState, Mention

_NEGATIVE, _POSITIVE, _UNCERTAIN = LabelState.NEGATIVE, LabelState.POSITIVE, LabelState.UNCERTAIN
_MAX_BEHIND = 8
_VERSUS = frozenset(("versus", "vs"))
_LIST_WORDS = frozenset(("or", "nor"))


class Verdict(NamedTuple):
    """What the cues say of a candidate. `state` None: no statement about this film."""

    state: LabelState | None
    grade: str | None = None
    rule_id: str | None = None


_NO_CUE = Verdict(_POSITIVE)


@dataclass(slots=True)
class _Asserted:
    candidate: Candidate
    verdict: Verdict


def assert_mentions(parsed: Parsed, lexicon: Lexicon) -> list[Mention]:
    """Mentions of one sentence, in order of their words."""
    asserted = [_Asserted(candidate, _judge(parsed, candidate)) for candidate in parsed.candidates]
    _doubt_alternatives(parsed, asserted)
    _doubt_masked_causes(parsed, asserted)
    return [mention for item in asserted for mention in _mentions(parsed, item, lexicon)]


def _judge(parsed: Parsed, candidate: Candidate) -> Verdict:
    if candidate.term.role == "statement" or (candidate.term.role == "reading" and candidate.term.findings[0][1] is _NEGATIVE):
        return _NO_CUE
    before = _before(parsed, candidate)
    if before.state is not _POSITIVE:
        return before
    return _behind(parsed, candidate)


def _before(parsed: Parsed, candidate: Candidate) -> Verdict:
    """The nearest cue in front whose scope reaches the candidate."""
    pending, is_cut = _NO_CUE, False
    for found in reversed(parsed.cues):
        if found.start >= candidate.anchor:
            continue
        kind = found.cue.kind
        if kind in candidate.term.ignores:
            continue
        if kind in ("stop", "verb", "negate-after", "hedge-after"):
            break
        if kind == "with" or (kind == "opener" and not _goes_on(parsed, found)):
            is_cut = True
        elif kind == "affirm" and pending is _NO_CUE:
            pending = Verdict(_POSITIVE, None, found.cue.rule_id)
        elif kind == "negate-before":
            return pending if is_cut else Verdict(_NEGATIVE, None, found.cue.rule_id)
        elif pending is _NO_CUE:
            verdict = _doubt(parsed, found)
            if verdict is not None and (found.cue.spans or not is_cut or not _opens_between(parsed, found, candidate)):
                if not found.cue.yields:
                    return verdict
                pending = verdict
    return pending


def _doubt(parsed: Parsed, found: FoundCue) -> Verdict | None:
    kind = found.cue.kind
    if kind == "hedge-before" or (kind == "hedge-around" and not _is_last(parsed, found)):
        return Verdict(_UNCERTAIN, found.cue.grade, found.cue.rule_id)
    return Verdict(None, None, found.cue.rule_id) if kind in ("history", "hypothetical") else None


def _is_last(parsed: Parsed, cue: FoundCue) -> bool:
    """Whether nothing that could be doubted follows the cue in its clause."""
    stops = [found.start for found in parsed.cues if found.cue.kind == "stop" and found.start >= cue.end]
    commas = [at for at in range(cue.end, len(parsed.sentence.words)) if parsed.sentence.words[at] == ","]
    limit = min([*stops, *commas], default=len(parsed.sentence.words))
    return not any(cue.end <= candidate.anchor < limit for candidate in parsed.candidates)


def _opens_between(parsed: Parsed, cue: FoundCue, candidate: Candidate) -> bool:
    return any(found.cue.kind == "opener" and cue.end <= found.start < candidate.anchor for found in parsed.cues)


def _goes_on(parsed: Parsed, opener: FoundCue) -> bool:
    """Whether the list that an opener interrupts goes on: "no pneumothorax, large effusion, or consolidation"."""
    for word in parsed.sentence.words[opener.end :]:
        if word in _LIST_WORDS:
            return True
        if word in (";", "but", "with", "is", "are"):
            return False
    return False


def _behind(parsed: Parsed, candidate: Candidate) -> Verdict:
    """The first cue behind, unless a comma, a verb or a new statement stands between."""
    for found in parsed.cues:
        if found.start < candidate.tail:
            continue
        if found.start - candidate.tail > _MAX_BEHIND or "," in parsed.sentence.words[candidate.tail : found.start]:
            break
        if found.cue.kind == "negate-after":
            return Verdict(_NEGATIVE, None, found.cue.rule_id)
        if found.cue.kind == "hedge-after" or (found.cue.kind == "hedge-around" and _is_last(parsed, found)):
            return Verdict(_UNCERTAIN, found.cue.grade, found.cue.rule_id)
        if found.cue.kind == "history-after":
            return Verdict(None, None, found.cue.rule_id)
        if found.cue.kind not in ("versus", "history", "pseudo"):
            break
    return _NO_CUE


def _doubt_alternatives(parsed: Parsed, asserted: list[_Asserted]) -> None:
    """Outside a negation "A versus B", "A or B" and "A/B" leave both uncertain; what is seen ("opacity") stays."""
    for first, second in pairwise(asserted):
        left, right = first.candidate, second.candidate
        joined = [cue for cue in parsed.cues if cue.cue.kind == "versus" and left.end <= cue.start and cue.end <= right.start]
        if not joined or right.start - left.end > 6 or _is_broken(parsed, left.end, right.start):
            continue
        for item in (first, second):
            if item.verdict.state is _POSITIVE and item.candidate.term.role == "finding" and not _is_same(first, second):
                item.verdict = Verdict(_UNCERTAIN, "strong", joined[0].cue.rule_id)
    for item in asserted:
        beside = parsed.sentence.words[max(0, item.candidate.start - 3) : item.candidate.start]
        beside += parsed.sentence.words[item.candidate.end : item.candidate.end + 1]
        if _VERSUS.intersection(beside) and item.verdict.state is _POSITIVE and item.candidate.term.role == "finding":
            item.verdict = Verdict(_UNCERTAIN, "strong", "versus")


def _is_same(first: _Asserted, second: _Asserted) -> bool:
    return first.candidate.term is second.candidate.term


def _is_broken(parsed: Parsed, start: int, end: int) -> bool:
    return any(start <= cue.start < end and cue.cue.kind in ("stop", "verb", "negate-before", "with") for cue in parsed.cues)


def _doubt_masked_causes(parsed: Parsed, asserted: list[_Asserted]) -> None:
    """A removed word between what is seen and its cause reads as "likely": "opacity, XXXX atelectasis" (guide)."""
    for index, item in enumerate(asserted):
        candidate, words = item.candidate, parsed.sentence.words
        if item.verdict.state is not _POSITIVE or item.verdict.rule_id or candidate.term.role != "finding":
            continue
        has_sign = any(other.candidate.term.role == "sign" and other.verdict.state is _POSITIVE for other in asserted[:index])
        if has_sign and MASK in words[max(0, candidate.start - 3) : candidate.start]:
            item.verdict = Verdict(_UNCERTAIN, "strong", "masked-cause")


def _mentions(parsed: Parsed, item: _Asserted, lexicon: Lexicon) -> list[Mention]:
    verdict, candidate, sentence = item.verdict, item.candidate, parsed.sentence
    if verdict.state is None:
        return []
    rule_ids = candidate.rule_ids + ((verdict.rule_id,) if verdict.rule_id else ())
    found = []
    for finding, base in candidate.term.findings:
        state = verdict.state if verdict.state is not _POSITIVE else base
        grade = (verdict.grade or "weak") if state is _UNCERTAIN else None
        found.append(
            Mention(
                finding,
                state,
                sentence.starts[candidate.start],
                sentence.ends[candidate.end - 1],
                sentence.start,
                sentence.end,
                sentence.section,
                rule_ids,
                grade,
                _attributes(parsed, candidate, lexicon),
            )
        )
    return found


def _attributes(parsed: Parsed, candidate: Candidate, lexicon: Lexicon) -> tuple[str, ...]:
    """Severity, laterality and change said in the four words before a mention or inside it: ("laterality:left", ...)."""
    words = parsed.sentence.words
    first = max(0, candidate.start - 4)
    for at in range(candidate.start - 1, first - 1, -1):
        if words[at] in (",", ";", "and", "or"):
            first = at
            break
    window = words[first : candidate.end]
    return tuple(sorted({f"{lexicon.attributes[word]}:{word}" for word in window if word in lexicon.attributes}))
