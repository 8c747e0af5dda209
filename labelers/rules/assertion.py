"""From a parsed sentence to what it says of each finding, with the attributes of the words around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labelers.rules.lexicon import Lexicon, Term
from labelers.rules.lists import PLACES, Asserted, settle
from labelers.rules.mentions import Candidate, Parsed, find_cues
from labelers.rules.scopes import NEGATIVE, POSITIVE, UNCERTAIN, Verdict, judge
from labelers.rules.sentences import split
from pipeline.base.labels import INDIRECT, LabelState
from pipeline.base.reports import BODY, Section


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
    asserted = [Asserted(candidate, judge(parsed, candidate)) for candidate in parsed.candidates]
    settle(parsed, asserted)
    return [said for item in asserted for said in _said(parsed, item, lexicon)]


def _said(parsed: Parsed, item: Asserted, lexicon: Lexicon) -> Iterator[Said]:
    verdict, candidate = item.verdict, item.candidate
    attributes, aside = _attributes(parsed.words, candidate, lexicon), (verdict.aside,) if verdict.aside else ()
    rule_ids = candidate.rule_ids + ((verdict.rule_id,) if verdict.rule_id else ())
    implied = candidate.term.implies if verdict.state is not NEGATIVE else ()
    for finding, base in (*candidate.term.findings, *implied):
        state = base if verdict.state is POSITIVE else verdict.state
        grade = (verdict.grade or "weak") if state is UNCERTAIN else None
        indirect = (INDIRECT,) if state is UNCERTAIN is not verdict.state else ()
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
    if at < len(words) and words[at] in PLACES:
        while at < min(len(words), end + 6) and (words[at] in PLACES or words[at] in lexicon.attributes):
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
            return judge(Parsed(sentence.words, outside, [candidate]), candidate)
    return None
