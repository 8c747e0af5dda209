"""Sentences of a report for given states, in varied words, and what those words say of each finding.

Here belongs the wording of findings. The letter around it (letterhead, headings, signature) is in `report_letter`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from pipeline.base.findings import SUPPORT_DEVICES
from pipeline.sample.lesions import Lesion
from pipeline.sample.people import Study
from pipeline.sample.reading import NEGATIVE, POSITIVE, UNCERTAIN, UNMENTIONED

_CHOICE = re.compile(r"\{([^{}]*)\}")
_SLOT = re.compile(r"\$([A-Za-z_]+)")
_STRENGTH = {UNMENTIONED: 0, NEGATIVE: 1, UNCERTAIN: 2, POSITIVE: 3}
_RIGHT_LOBES, _LEFT_LOBES = ("right upper lobe", "right middle lobe", "right lower lobe"), ("left upper lobe", "lingula", "left lower lobe")
_ORDER = ("Cardiomegaly", "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Mass", "Nodule", "Pleural Effusion", "Pneumothorax")

_OPAQUE = ("Consolidation", "Atelectasis", "Pneumonia", "Edema", "Mass", "Nodule")


@cache
def phrases() -> dict[str, Any]:
    """The phrase lists."""
    return tomllib.loads(files("pipeline.sample").joinpath("phrases.toml").read_text(encoding="utf-8"))


@dataclass
class Wording:
    """Sentences written so far, and the strongest state they give each finding (positive over hedged over denied)."""

    rng: np.random.Generator
    says: dict[str, str] = field(default_factory=dict)

    def write(self, frames: Sequence[str], slots: Mapping[str, str], **states: str) -> str:
        """One of `frames` with choices made and slots filled; records the states it declares and those given."""
        text, _, declared = str(self.rng.choice(np.asarray(frames, dtype=object))).partition(" => ")
        for name, state in (item.split("=") for item in declared.split("; ") if item):
            self.record(name, state)
        for name, state in states.items():
            self.record(name, state)
        return sentence(text, slots, self.rng)

    def record(self, name: str, state: str) -> None:
        """Note that the words say `state` of a finding, unless they already say something stronger."""
        names = (name, "Lung Lesion") if name in ("Nodule", "Mass") else (name,)
        for one in names:
            if _STRENGTH[state] > _STRENGTH[self.says.get(one, UNMENTIONED)]:
                self.says[one] = state


def sentence(text: str, slots: Mapping[str, str], rng: np.random.Generator) -> str:
    """Choices made innermost first, slots filled, spaces and articles put right, first letter large."""
    while match := _CHOICE.search(text):
        options = match[1].split("|")
        text = text[: match.start()] + options[int(rng.integers(len(options)))] + text[match.end() :]
    text = _SLOT.sub(lambda slot: slots[slot[1]], text)
    text = re.sub(r"\b([Aa]) (?=[aeiouAEIOU8]|1[18] )", r"\1n ", re.sub(r"\s+", " ", text)).strip().replace(" .", ".").replace(" ,", ",")
    return text[:1].upper() + text[1:]


def slots_of(lesions: Sequence[Lesion], rng: np.random.Generator) -> dict[str, str]:
    """Words for one finding's lesions: size, side, lobe, zone; both sides are "bilateral"."""
    lesion = max(lesions, key=lambda one: one.severity)
    both = len({one.side for one in lesions}) > 1
    side = {-1: "right", 1: "left"}.get(lesion.side, "right")
    level = min(3, int(lesion.severity * 4))
    size = str(rng.choice([["tiny", "trace", "minimal"], ["small", "small"], ["moderate", "moderate-sized"], ["large", "sizable"]][level]))
    degree = str(rng.choice([["minimal", "mild", "slight"], ["mild"], ["moderate"], ["marked", "severe"]][level]))
    third = 0 if lesion.at[1] < -0.25 else 1 if lesion.at[1] < 0.15 else 2
    lobe = (_RIGHT_LOBES if side == "right" else _LEFT_LOBES)[third]
    zone = f"{side} {('upper', 'mid', 'lower')[third]} {rng.choice(['lung zone', 'lung', 'lung field'])}"
    base = "lung bases" if both else f"{side} {rng.choice(['base', 'lung base'])}"
    words = {
        "size": size,
        "degree": degree,
        "side": "bilateral" if both else side,
        "lobe": lobe,
        "zone": zone,
        "base": base,
        "hemithorax": "lower hemithoraces" if both else f"{side} hemithorax",
        "is": "are" if both else "is",
        "s": "s" if both else "",
        "a": "" if both else "a ",
        "mm": str(int(8 + 20 * lesion.severity)),
        "cm": f"{3.2 + 3 * lesion.severity:.1f}",
    }
    capital = {f"{name.capitalize()}_cap": word for name, word in words.items()}
    return {**words, **capital, "A": words["a"], "Mm": words["mm"], "degree_ly": {"marked": "markedly"}.get(degree, degree + "ly")}


def lesions_of(finding: str, study: Study) -> list[Lesion]:
    """Lesions of a finding; one invented, always the same, where the radiologist sees what is not there."""
    drawn = {"Pneumonia": "Consolidation", "Nodule": "Lung Lesion", "Mass": "Lung Lesion"}.get(finding, finding)
    found = [one for one in study.lesions if one.finding == drawn and (drawn != "Lung Lesion" or one.kind == finding)]
    rng = np.random.default_rng([study.seed, 6, _ORDER.index(finding)])
    side = int(rng.choice([-1, 1]))
    return found or [Lesion(drawn, 0.3, side, (0.5, float(rng.uniform(-0.5, 0.4))))]


def findings_text(study: Study, plan: Mapping[str, str], wording: Wording) -> list[str]:
    """Sentences of the findings section for the planned states."""
    rng, out, open_ = wording.rng, [], {name for name, state in plan.items() if state in (POSITIVE, UNCERTAIN)}
    if plan[SUPPORT_DEVICES] in (POSITIVE, UNCERTAIN):
        out += _devices(study, plan[SUPPORT_DEVICES], wording)
        open_.discard(SUPPORT_DEVICES)
    for pair, frames in phrases()["together"].items():
        names = pair.split("+")
        if open_.issuperset(names) and all(plan[name] == UNCERTAIN for name in names) and rng.random() < 0.85:
            slots = slots_of(lesions_of(names[-1], study), rng)
            out.append(wording.write(frames, slots, **dict.fromkeys(names, UNCERTAIN)))
            open_.difference_update(names)
    out += [_one(study, name, plan[name], wording) for name in _ORDER if name in open_]
    denied = _denials(study, plan, wording)
    both = [*out, *denied] if rng.random() < 0.6 else [*denied[:1], *out, *denied[1:]]
    for kind, chance in (("neutral", 0.55), ("neutral", 0.35), ("limits", 0.10)):
        if rng.random() < chance:
            both.insert(int(rng.integers(len(both) + 1)), wording.write(phrases()["filler"][kind], {}))
    return both


def _one(study: Study, name: str, state: str, wording: Wording) -> str:
    rng, here = wording.rng, lesions_of(name, study)
    slots = slots_of(here, rng)
    earlier = [one for one in study.before or () if one.finding == here[0].finding]
    if state == POSITIVE and earlier and rng.random() < 0.6:
        step = max(one.severity for one in here) - max(one.severity for one in earlier)
        frames = phrases()["better" if step < -0.1 else "worse" if step > 0.1 else "unchanged"]["frames"]
        return wording.write(frames, _what(name, slots, rng), **{name: state})
    return wording.write(phrases()[state.lower()][name], slots, **{name: state})


def _what(name: str, slots: Mapping[str, str], rng: np.random.Generator) -> dict[str, str]:
    """A noun phrase for a finding, and the verb that goes with it."""
    words = sentence(str(rng.choice(phrases()["what"][name])), slots, rng)
    return {"what": words[:1].lower() + words[1:], "has": "have" if words.endswith("effusions") else "has"}


def _devices(study: Study, state: str, wording: Wording) -> list[str]:
    frames = phrases()["devices"]
    wording.record(SUPPORT_DEVICES, state)
    kinds = [one.kind for one in study.lesions if one.finding == SUPPORT_DEVICES]
    if state == UNCERTAIN:
        return [wording.write(frames["unclear"], {})]
    if not kinds:
        return [wording.write(frames["central line"], {})]
    had = {one.kind for one in study.before or ()}
    if had.issuperset(kinds) and wording.rng.random() < 0.4:
        return [wording.write(frames["unchanged"], {})]
    return [wording.write(frames[kind], {}) for kind in kinds]


def _denials(study: Study, plan: Mapping[str, str], wording: Wording) -> list[str]:
    """Denied findings: resolved ones by name, one list of several, the rest alone."""
    rng, frames, out = wording.rng, phrases(), []
    todo = [name for name, state in plan.items() if state == NEGATIVE]
    for name in list(todo):
        if name in frames["what"] and (earlier := [one for one in study.before or () if one.finding == name]) and rng.random() < 0.7:
            out.append(wording.write(frames["resolved"]["frames"], _what(name, slots_of(earlier, rng), rng), **{name: NEGATIVE}))
            todo.remove(name)
    listable = [name for name in todo if name in frames["list_nouns"]]
    if len(listable) > 1 and rng.random() < 0.75:
        out.append(_list(listable, wording))
        todo = [name for name in todo if name not in listable]
    out += [_alone(name, plan, wording) for name in todo]
    hazy = any(plan[name] in (POSITIVE, UNCERTAIN) for name in _OPAQUE) or "Lung Opacity" in wording.says
    if not hazy and rng.random() < 0.2:
        out.append(wording.write(frames["absent"]["Opacity"], {}, **{"Lung Opacity": NEGATIVE}))
    rng.shuffle(out)
    return out


def _alone(name: str, plan: Mapping[str, str], wording: Wording) -> str:
    """A denial on its own; "lungs are clear" only where nothing in them is asserted or suspected."""
    frames = phrases()["absent"][name]
    if name == "Consolidation" and any(
        plan[other] in (POSITIVE, UNCERTAIN) for other in ("Pneumonia", "Edema", "Atelectasis", "Nodule", "Mass", "Pleural Effusion")
    ):
        frames = [frame for frame in frames if "=>" not in frame]
    return wording.write(frames, {}, **{name: NEGATIVE})


def _list(names: Sequence[str], wording: Wording) -> str:
    nouns = phrases()["list_nouns"]
    rng = wording.rng
    words = [str(rng.choice(nouns[name])) for name in rng.permutation(np.asarray(names, dtype=object))]
    for name in names:
        wording.record(name, NEGATIVE)
    comma = "," if rng.random() < 0.6 else ""
    text = " or ".join(words) if len(words) == 2 else f"{', '.join(words[:-1])}{comma} or {words[-1]}"
    return sentence(str(rng.choice(phrases()["list_frames"]["frames"])), {"list": text}, rng)


def impression_text(study: Study, plan: Mapping[str, str], wording: Wording) -> list[str]:
    """Items of the impression: what matters again in other words, or that there is nothing acute."""
    rng, frames = wording.rng, phrases()
    matters = [name for name in _ORDER if plan[name] in (POSITIVE, UNCERTAIN) and (name != "Cardiomegaly" or rng.random() < 0.5)]
    if not matters:
        return [wording.write(frames["filler"]["normal_impression"], {})]
    items = [_again(study, name, plan[name], wording) for name in matters[: int(rng.integers(1, 4))]]
    if rng.random() < 0.3:
        items.append(wording.write(frames["filler"]["stable_impression"], {}))
    return items


def _again(study: Study, name: str, state: str, wording: Wording) -> str:
    slots = slots_of(lesions_of(name, study), wording.rng)
    if state == POSITIVE and wording.rng.random() < 0.5:
        what = _what(name, slots, wording.rng)["what"]
        wording.record(name, state)
        return what[:1].upper() + what[1:] + "."
    return wording.write(phrases()[state.lower()][name], slots, **{name: state})
