"""Sentences with known truth: frames x findings x modifiers.

Here belongs how the TOML files beside this module become items. What the sentences are stands in `frames/`, what findings are called
in `lexicon.toml`; what a labeler makes of them is asked elsewhere. A frame and all its items belong to one half, `open` or `sealed`,
by a hash of the frame's id: whoever writes the rules of a labeler may read failures of the open half alone.
"""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from paraphrases.lexicon import Noun, draw_noun

from pipeline.base.findings import SUPPORT_DEVICES
from pipeline.base.labels import LabelState

HERE = Path(__file__).parent
HALVES = ("open", "sealed")
STATES = {"present": LabelState.POSITIVE, "absent": LabelState.NEGATIVE, "uncertain": LabelState.UNCERTAIN}
# Also a slot's: "unsaid", the finding must stay unmentioned; "either", the guide does not settle it.
SCORED = (
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis",
    "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices", "Emphysema", "Fibrosis", "Hernia", "Nodule",
    "Mass", "Pleural Thickening",
)  # fmt: skip
SLOTS = "ABC"
_SETTINGS = {"text", "not_scored", "reports"}
_CHOICE = re.compile(r"\[((?:[^\[\]|]*\|)+[^\[\]|]*)\]")
_SLOT = re.compile(r"\{(?:(?P<word>a|the|is|has|was|s \w+) )?(?P<slot>[ABC])(?P<modified>\+\+|\+|-)?\}")
_TRIES = 40


@dataclass(frozen=True)
class Frame:
    """One sentence, or one layout of a whole report, with its slots and truth."""

    id: str
    group: str
    text: str
    slots: Mapping[str, tuple[str, str]]
    fixed: Mapping[str, LabelState]
    not_scored: tuple[str, ...] = ()
    sentences: int = 0

    @cached_property
    def half(self) -> str:
        return half(self.id)


@dataclass(frozen=True)
class Item:
    """A text with the state of every finding that the guide says is stated; all other scored findings are unmentioned.

    `nouns` and `chosen`, the frame's text with its choices settled, are what `say` made a sentence of; a whole report has none.
    """

    frame: str
    group: str
    half: str
    text: str
    truth: Mapping[str, LabelState]
    not_scored: frozenset[str]
    nouns: Mapping[str, Noun] = field(default_factory=dict)
    chosen: str = ""

    def expected(self, finding: str) -> LabelState:
        return self.truth.get(finding, LabelState.UNMENTIONED)

    @property
    def cells(self) -> tuple[str, ...]:
        """The findings that are scored."""
        return tuple(name for name in SCORED if name not in self.not_scored)


def half(frame_id: str) -> str:
    """Open or sealed, from the id alone, so that a new frame moves no other."""
    return HALVES[hashlib.sha256(frame_id.encode()).digest()[0] % 2]


@cache
def frame_of(frame_id: str) -> Frame:
    """The frame of that id."""
    return next(frame for frame in frames() if frame.id == frame_id)


@cache
def frames() -> tuple[Frame, ...]:
    """Every frame of `frames/`, in the order of the files."""
    found: list[Frame] = []
    for path in sorted((HERE / "frames").glob("*.toml")):
        for group, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
            found.extend(_frame(group, key, raw) for key, raw in table.items())
    return tuple(found)


def items(per_frame: int = 16, seed: int = 0, only: str | None = None) -> Iterator[Item]:
    """Up to `per_frame` distinct items of every frame; a frame's items do not depend on the other sentence frames.

    Args:
        per_frame: items of one frame, fewer where it allows fewer.
        seed: another seed draws other findings, modifiers and choices.
        only: one half.
    """
    for frame in frames():
        if only not in (None, frame.half):
            continue
        rng = random.Random(f"{seed}/{frame.id}")
        seen: set[str] = set()
        for _ in range(per_frame * 3):
            item = draw_report(frame, rng) if frame.sentences else draw(frame, rng)
            if item.text not in seen:
                seen.add(item.text)
                yield item
            if len(seen) == per_frame:
                break


def draw(frame: Frame, rng: random.Random) -> Item:
    """One item of a sentence frame."""
    return say(frame, draw_nouns(frame, rng), choose(frame.text, rng))


def draw_report(frame: Frame, rng: random.Random) -> Item:
    """One whole report: sentences of the layout's own half that touch different findings."""
    pool = _sentences(frame.half)
    parts: list[Item] = []
    touched: set[str] = set()
    while len(parts) < frame.sentences:
        part = draw(rng.choice(pool), rng)
        cells = set(part.truth) | part.not_scored | {name for noun in part.nouns.values() for name in noun.entry.findings}
        if not cells & touched:
            parts.append(part)
            touched |= cells
    text = frame.text
    for number, part in enumerate(parts, start=1):
        text = text.replace(f"{{{number}}}", part.text)
    truth = {name: state for part in parts for name, state in part.truth.items()}
    return Item(frame.id, frame.group, frame.half, text, truth, frozenset().union(*(part.not_scored for part in parts)))


def is_one_sentence(frame: Frame) -> bool:
    """Fit for a report: one sentence that ends in a full stop and leans on no list mark, heading or neighbour."""
    plain = frame.text.endswith(".") and not re.search(r"\n|^\W|^\d|[A-Za-z]{3,}:|\. ", frame.text)
    return plain and frame.group not in ("whole_reports", "traps", "historical") and not frame.sentences


@cache
def _sentences(of_half: str) -> tuple[Frame, ...]:
    return tuple(frame for frame in frames() if frame.half == of_half and is_one_sentence(frame))


def draw_nouns(frame: Frame, rng: random.Random) -> dict[str, Noun]:
    """A finding for each slot; no finding is asserted twice in two ways, nor named twice.

    Raises:
        ValueError: the lexicon cannot fill the frame.
    """
    for _ in range(_TRIES):
        nouns = {slot: draw_noun(wanted, rng) for slot, (_, wanted) in frame.slots.items()}
        if _is_consistent(frame, nouns):
            return nouns
    raise ValueError(f"the lexicon cannot fill frame {frame.id}")


def choose(text: str, rng: random.Random) -> str:
    """Settle every `[one|other]` of a frame."""
    while match := _CHOICE.search(text):
        text = text[: match.start()] + rng.choice(match[1].split("|")) + text[match.end() :]
    return text


def say(frame: Frame, nouns: Mapping[str, Noun], chosen: str) -> Item:
    """The item of a frame whose choices and findings are settled."""
    text = _SLOT.sub(lambda match: nouns[match["slot"]].say(match["word"], match["modified"]), chosen)
    text = re.sub(r"(?m)(^|(?<!\bvs)[.:?] )(\W*)([a-z])(?=[a-z ])", lambda match: match[1] + match[2] + match[3].upper(), text)
    truth = dict(frame.fixed)
    not_scored = set(frame.not_scored)
    for slot, noun in nouns.items():
        state = frame.slots[slot][0]
        if state in STATES:
            truth.update(dict.fromkeys(noun.entry.findings, STATES[state]))
        elif state == "either":
            not_scored.update(noun.entry.findings)
    return Item(frame.id, frame.group, frame.half, text, truth, frozenset(not_scored), dict(nouns), chosen)


def _is_consistent(frame: Frame, nouns: Mapping[str, Noun]) -> bool:
    own = [noun.entry.name if noun.entry.finding == SUPPORT_DEVICES else noun.entry.finding for noun in nouns.values()]
    stated: dict[str, set[str]] = {name: {state.name} for name, state in frame.fixed.items()}
    for slot, noun in nouns.items():
        for name in noun.entry.findings:
            stated.setdefault(name, set()).add(STATES[frame.slots[slot][0]].name if frame.slots[slot][0] in STATES else "")
    clashes = any(len(states) > 1 for states in stated.values())
    return len(set(own)) == len(own) and not set(own) & set(frame.fixed) and not clashes


def _frame(group: str, key: str, raw: Mapping[str, Any]) -> Frame:
    slots = {slot: _spec(raw[slot]) for slot in SLOTS if slot in raw}
    fixed = {name: STATES[state] for name, state in raw.items() if name not in _SETTINGS and name not in SLOTS}
    return Frame(f"{group}/{key}", group, raw["text"], slots, fixed, tuple(raw.get("not_scored", ())), raw.get("reports", 0))


def _spec(text: str) -> tuple[str, str]:
    state, _, wanted = text.partition(" ")
    return state, wanted
