"""How far the cues of a sentence reach. Which words are cues is written in `data/cues.toml`, what lists share in `lists`.

In the tradition of NegEx (Chapman et al. 2001), ConText (Harkema et al. 2009) and NegBio (Peng et al. 2018), but over word order and
clause marks: the nearest cue whose scope reaches a candidate decides; contrast, verbs and new statements end scopes.
"""

from __future__ import annotations

from typing import NamedTuple

from labelers.rules.mentions import Candidate, FoundCue, Parsed
from pipeline.base.labels import LabelState

NEGATIVE, POSITIVE, UNCERTAIN = LabelState.NEGATIVE, LabelState.POSITIVE, LabelState.UNCERTAIN
_MAX_BEHIND = 8
_LIST_WORDS = frozenset(("or", "nor"))
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


NO_CUE = Verdict(POSITIVE)


def judge(parsed: Parsed, candidate: Candidate) -> Verdict:
    """What the cues of its sentence say of a candidate; a statement and a normal organ stand for themselves."""
    if candidate.term.role == "statement" or (candidate.term.role == "reading" and candidate.term.findings[0][1] is NEGATIVE):
        return NO_CUE
    before = _before(parsed, candidate)
    if before.state is not POSITIVE or before.aside == "hypothetical":
        return before
    behind = _behind(parsed, candidate)
    return before if behind is NO_CUE else behind


def _before(parsed: Parsed, candidate: Candidate) -> Verdict:
    """The nearest cue in front whose scope reaches the candidate."""
    pending, is_cut = NO_CUE, False
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
        elif kind == "affirm" and pending is NO_CUE:
            pending = Verdict(POSITIVE, None, found.cue.rule_id)
        elif kind == "negate-before" or (kind == "negate-around" and not _is_last(parsed, found)):
            return pending if is_cut else Verdict(NEGATIVE, None, found.cue.rule_id)
        elif pending is NO_CUE:
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
        return Verdict(UNCERTAIN, found.cue.grade, found.cue.rule_id)
    return Verdict(POSITIVE, None, found.cue.rule_id, _ASIDES[kind]) if kind in _ASIDES else None


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
            return Verdict(NEGATIVE, None, found.cue.rule_id, is_behind=True)
        if found.cue.kind == "affirm-after":
            return Verdict(POSITIVE, None, found.cue.rule_id)
        if found.cue.kind == "hedge-after" or closes:
            return Verdict(UNCERTAIN, found.cue.grade, found.cue.rule_id, is_behind=True)
        if found.cue.kind == "history-after":
            return Verdict(POSITIVE, None, found.cue.rule_id, _ASIDES[found.cue.kind])
        if found.cue.kind not in ("versus", "history", "prior", "pseudo", "unchanged"):
            break
    return NO_CUE
