"""Decides from a sentence's structure how each candidate is asserted. Which words are cues is written in `data/cues.toml`.

In the tradition of NegEx (Chapman et al. 2001), ConText (Harkema et al. 2009) and NegBio (Peng et al. 2018), but over word order and
clause marks: the nearest cue whose scope reaches a mention decides; contrast, verbs and new statements end scopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from labelers.rules.lexicon import Lexicon, Term
from labelers.rules.mentions import Candidate, FoundCue, Parsed, find_cues
from labelers.rules.sentences import MASK, split
from pipeline.base.labels import INDIRECT, LabelState
from pipeline.base.reports import BODY, Section

_NEGATIVE, _POSITIVE, _UNCERTAIN = LabelState.NEGATIVE, LabelState.POSITIVE, LabelState.UNCERTAIN
_MAX_BEHIND = 8
_VERSUS = frozenset(("versus", "vs"))
_PLACES = frozenset(("in", "of", "at", "over", "within", "the", "involving", "overlying", "projecting", "both", "lobe", "lung", "and"))
_LIST_WORDS = frozenset(("or", "nor"))
_JOINS = frozenset((",", "and", "or", "nor", "/", "&"))
_ASIDES = {"history": "historical", "prior": "historical", "history-after": "historical", "hypothetical": "hypothetical"}


class Verdict(NamedTuple):
    """What the cues say of a candidate.

    `aside` ("historical", "hypothetical"): no statement about this film. `is_behind`: said by words behind it.
    """

    state: LabelState
    grade: str | None = None
    rule_id: str | None = None
    aside: str | None = None
    is_behind: bool = False


_NO_CUE = Verdict(_POSITIVE)


@dataclass(slots=True)
class _Asserted:
    candidate: Candidate
    verdict: Verdict


class Said(NamedTuple):
    """A mention by the words `start` to `end` of its sentence; what it becomes in a report is a `Mention`."""

    finding: str
    state: LabelState
    grade: str | None
    start: int
    end: int
    rule_ids: tuple[str, ...]
    attributes: tuple[str, ...]


def assert_mentions(parsed: Parsed, lexicon: Lexicon) -> list[Said]:
    """What one sentence says, in order of its words."""
    asserted = [_Asserted(candidate, _judge(parsed, candidate)) for candidate in parsed.candidates]
    _share_with_list(parsed, asserted)
    _doubt_alternatives(parsed, asserted)
    _doubt_masked_causes(parsed, asserted)
    return [said for item in asserted for said in _said(parsed, item, lexicon)]


def _judge(parsed: Parsed, candidate: Candidate) -> Verdict:
    if candidate.term.role == "statement" or (candidate.term.role == "reading" and candidate.term.findings[0][1] is _NEGATIVE):
        return _NO_CUE
    before = _before(parsed, candidate)
    if before.state is not _POSITIVE or before.aside == "hypothetical":
        return before
    behind = _behind(parsed, candidate)
    return before if behind is _NO_CUE else behind


def _before(parsed: Parsed, candidate: Candidate) -> Verdict:
    """The nearest cue in front whose scope reaches the candidate."""
    pending, is_cut = _NO_CUE, False
    for found in reversed(parsed.cues):
        if found.start >= candidate.anchor or candidate.anchor < found.end <= candidate.end:
            continue
        kind = found.cue.kind
        if kind in candidate.term.ignores:
            continue
        if kind in ("stop", "verb", "negate-after", "hedge-after", "affirm-after") or (kind == "negate-around" and _is_last(parsed, found)):
            break
        if kind == "with" or (kind == "opener" and not _goes_on(parsed, found)):
            is_cut = True
        elif kind == "affirm" and pending is _NO_CUE:
            pending = Verdict(_POSITIVE, None, found.cue.rule_id)
        elif kind == "negate-before" or (kind == "negate-around" and not _is_last(parsed, found)):
            return pending if is_cut else Verdict(_NEGATIVE, None, found.cue.rule_id)
        elif pending is _NO_CUE:
            verdict = _doubt(parsed, found)
            if (
                verdict is not None
                and not (is_cut and kind in ("history", "prior"))
                and (found.cue.spans or not is_cut or not _opens_between(parsed, found, candidate))
            ):
                if not found.cue.yields:
                    return verdict
                pending = verdict
    return pending


def _doubt(parsed: Parsed, found: FoundCue) -> Verdict | None:
    kind = found.cue.kind
    if kind == "hedge-before" or (kind == "hedge-around" and not _is_last(parsed, found)):
        return Verdict(_UNCERTAIN, found.cue.grade, found.cue.rule_id)
    return Verdict(_POSITIVE, None, found.cue.rule_id, _ASIDES[kind]) if kind in _ASIDES else None


def _closes(parsed: Parsed, cue: FoundCue) -> bool:
    """Whether the cue ends the sentence, so that it speaks of what came before: "small effusion, likely", "effusion: no"."""
    return cue.end == len(parsed.words) and (cue.cue.kind.startswith("hedge") or cue.cue.kind == "negate-before")


def _is_last(parsed: Parsed, cue: FoundCue) -> bool:
    """Whether nothing that could be doubted follows the cue in its clause."""
    stops = [found.start for found in parsed.cues if found.cue.kind == "stop" and found.start >= cue.end]
    commas = [at for at in range(cue.end, len(parsed.words)) if parsed.words[at] == ","]
    limit = min([*stops, *commas], default=len(parsed.words))
    return not any(cue.end <= candidate.anchor < limit for candidate in parsed.candidates)


def _opens_between(parsed: Parsed, cue: FoundCue, candidate: Candidate) -> bool:
    return any(found.cue.kind == "opener" and cue.end <= found.start < candidate.anchor for found in parsed.cues)


def _goes_on(parsed: Parsed, opener: FoundCue) -> bool:
    """Whether the list that an opener interrupts goes on: "no pneumothorax, large effusion, or consolidation"."""
    for word in parsed.words[opener.end :]:
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
        if found.start - candidate.tail > _MAX_BEHIND:
            break
        if "," in parsed.words[candidate.tail : found.start] and not _closes(parsed, found):
            break
        closes = _closes(parsed, found) or (found.cue.kind in ("negate-around", "hedge-around") and _is_last(parsed, found))
        if found.cue.kind == "negate-after" or (closes and found.cue.kind.startswith("negate")):
            return Verdict(_NEGATIVE, None, found.cue.rule_id, is_behind=True)
        if found.cue.kind == "affirm-after":
            return Verdict(_POSITIVE, None, found.cue.rule_id)
        if found.cue.kind == "hedge-after" or closes:
            return Verdict(_UNCERTAIN, found.cue.grade, found.cue.rule_id, is_behind=True)
        if found.cue.kind == "history-after":
            return Verdict(_POSITIVE, None, found.cue.rule_id, _ASIDES[found.cue.kind])
        if found.cue.kind not in ("versus", "history", "prior", "pseudo", "unchanged"):
            break
    return _NO_CUE


def _share_with_list(parsed: Parsed, asserted: list[_Asserted]) -> None:
    """What is said behind a list holds for all of it: "consolidation, effusion, and pneumothorax are not seen"."""
    for first, second in zip(asserted[-2::-1], asserted[:0:-1], strict=True):
        between = parsed.words[first.candidate.end : second.candidate.start]
        is_listed = bool(_JOINS.intersection(between)) and all(word in _JOINS or word in _PLACES for word in between)
        if is_listed and first.verdict is _NO_CUE and second.verdict.is_behind:
            first.verdict = second.verdict


def _doubt_alternatives(parsed: Parsed, asserted: list[_Asserted]) -> None:
    """Outside a negation "A versus B", "A or B" and "A/B" leave both uncertain; what is seen ("opacity") stays."""
    for first, second in pairwise(asserted):
        left, right = first.candidate, second.candidate
        joined = [cue for cue in parsed.cues if cue.cue.kind == "versus" and left.end <= cue.start and cue.end <= right.start]
        if not joined or right.start - left.end > 6 or _is_broken(parsed, left.end, right.start) or _is_unchanged(parsed, left):
            continue
        for item in (first, second):
            if _is_stated(item) and item.candidate.term.role == "finding" and not _is_same(first, second):
                item.verdict = Verdict(_UNCERTAIN, "strong", joined[0].cue.rule_id)
    for item in asserted:
        start, end = item.candidate.start, item.candidate.end
        beside = (*parsed.words[max(0, start - 3) : start], *parsed.words[end : end + 1])
        if _VERSUS.intersection(beside) and _is_stated(item) and item.candidate.term.role == "finding":
            item.verdict = Verdict(_UNCERTAIN, "strong", "versus")


def _is_stated(item: _Asserted) -> bool:
    return item.verdict.state is _POSITIVE and item.verdict.aside is None


def _is_same(first: _Asserted, second: _Asserted) -> bool:
    return first.candidate.term is second.candidate.term


def _is_unchanged(parsed: Parsed, candidate: Candidate) -> bool:
    """Whether the nearest cue before says "no change in"."""
    before = [cue for cue in parsed.cues if cue.start < candidate.start]
    return bool(before) and before[-1].cue.kind == "unchanged"


def _is_broken(parsed: Parsed, start: int, end: int) -> bool:
    return any(start <= cue.start < end and cue.cue.kind in ("stop", "verb", "negate-before", "with") for cue in parsed.cues)


def _doubt_masked_causes(parsed: Parsed, asserted: list[_Asserted]) -> None:
    """A removed word between what is seen and its cause reads as "likely": "opacity, XXXX atelectasis" (guide)."""
    for index, item in enumerate(asserted):
        candidate, words = item.candidate, parsed.words
        if not _is_stated(item) or item.verdict.rule_id or candidate.term.role != "finding":
            continue
        has_sign = any(other.candidate.term.role == "sign" and other.verdict.state is _POSITIVE for other in asserted[:index])
        if has_sign and MASK in words[max(0, candidate.start - 3) : candidate.start]:
            item.verdict = Verdict(_UNCERTAIN, "strong", "masked-cause")


def _said(parsed: Parsed, item: _Asserted, lexicon: Lexicon) -> Iterator[Said]:
    verdict, candidate = item.verdict, item.candidate
    attributes, aside = _attributes(parsed.words, candidate, lexicon), (verdict.aside,) if verdict.aside else ()
    rule_ids = candidate.rule_ids + ((verdict.rule_id,) if verdict.rule_id else ())
    implied = candidate.term.implies if verdict.state is not _NEGATIVE else ()
    for finding, base in (*candidate.term.findings, *implied):
        state = base if verdict.state is _POSITIVE else verdict.state
        grade = (verdict.grade or "weak") if state is _UNCERTAIN else None
        indirect = (INDIRECT,) if state is _UNCERTAIN is not verdict.state else ()
        yield Said(finding, state, grade, candidate.start, candidate.end, rule_ids, (*attributes, *indirect, *aside))


def _attributes(words: Sequence[str], candidate: Candidate, lexicon: Lexicon) -> tuple[str, ...]:
    """Severity, laterality, location and change said inside a mention, before it, or in the place that follows ("in the left base")."""
    window = words[_first_beside(words, candidate.start) : _last_beside(words, candidate.end, lexicon)]
    return tuple(sorted({f"{lexicon.attributes[word]}:{word}" for word in window if word in lexicon.attributes}))


def _first_beside(words: Sequence[str], start: int) -> int:
    """Up to four words before, not over a comma or "and"."""
    first = max(0, start - 4)
    for at in range(start - 1, first - 1, -1):
        if words[at] in (",", ";", "and", "or"):
            return at
    return first


def _last_beside(words: Sequence[str], end: int, lexicon: Lexicon) -> int:
    """Past the place behind: "in|of|at|over|within the ..." and words that tell attributes, at most six."""
    at = end
    if at < len(words) and words[at] in _PLACES:
        while at < min(len(words), end + 6) and (words[at] in _PLACES or words[at] in lexicon.attributes):
            at += 1
    return at


def assertion_of(text: str, start: int, end: int, lexicon: Lexicon) -> Verdict | None:
    """How one sentence asserts any concept, whatever it is called.

    Args:
        text: one or several sentences.
        start: the concept's first character.
        end: one past its last.
        lexicon: the cues.

    Returns:
        The verdict of the cues; None when no word lies between `start` and `end`.
    """
    for sentence in split(text, Section(BODY, 0, len(text))):
        inside = [at for at, (first, last) in enumerate(zip(sentence.starts, sentence.ends, strict=True)) if first < end and last > start]
        if inside:
            candidate = Candidate(inside[0], inside[-1] + 1, inside[0], inside[-1] + 1, Term("concept", "finding"), ("concept",))
            cues = find_cues(sentence.words, lexicon)
            outside = [cue for cue in cues if cue.end <= candidate.start or cue.start >= candidate.end]
            return _judge(Parsed(sentence.words, outside, [candidate]), candidate)
    return None
