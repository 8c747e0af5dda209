"""Who is ill, of what, how badly, and how it goes on from study to study.

Here belongs the truth of the sample hospital. What reports and published labels make of it is in `reading` and `noise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.base import findings
from pipeline.base.findings import NO_FINDING, SUPPORT_DEVICES
from pipeline.sample.anatomy import SIDES
from pipeline.sample.devices import KINDS
from pipeline.sample.lesions import Lesion

DRAWN = ("Cardiomegaly", "Pleural Effusion", "Pneumothorax", "Consolidation", "Edema", "Atelectasis", "Lung Lesion", SUPPORT_DEVICES)
LEDGER_FINDINGS = (
    NO_FINDING,
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Nodule",
    "Mass",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    SUPPORT_DEVICES,
)
PNEUMONIA = "Pneumonia"


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of patient.

    Attributes:
        share: of all patients.
        chances: of each of `DRAWN` in a study.
        pneumonia: chance that a consolidation is pneumonia.
        portable: chance of an AP film.
        devices: kinds of device with their weights.
    """

    share: float
    chances: tuple[float, ...]
    pneumonia: float
    portable: float
    devices: dict[str, float]


PROFILES: dict[str, Profile] = {
    "well": Profile(0.42, (0.03, 0.02, 0.02, 0.02, 0.00, 0.05, 0.04, 0.04), 0.5, 0.10, {"port": 1, "pacemaker": 2, "sternal wires": 2}),
    "cardiac": Profile(
        0.20, (0.70, 0.45, 0.02, 0.06, 0.48, 0.20, 0.02, 0.42), 0.3, 0.45, {"pacemaker": 3, "sternal wires": 3, "central line": 1}
    ),
    "infected": Profile(0.16, (0.10, 0.28, 0.02, 0.85, 0.05, 0.25, 0.03, 0.16), 0.8, 0.40, {"central line": 3, "port": 1, "tube": 1}),
    "critical": Profile(
        0.12, (0.25, 0.45, 0.36, 0.30, 0.30, 0.50, 0.03, 0.92), 0.4, 0.92, {"tube": 4, "central line": 4, "sternal wires": 1}
    ),
    "tumour": Profile(0.10, (0.08, 0.25, 0.08, 0.12, 0.03, 0.20, 0.80, 0.45), 0.3, 0.20, {"port": 4, "central line": 1}),
}
_LASTING = {"Cardiomegaly", "Lung Lesion"}
_LASTING_DEVICES = {"pacemaker", "port", "sternal wires"}
RESOLVES, APPEARS = 0.35, 0.30


def draw_profile(rng: np.random.Generator) -> Profile:
    """A kind of patient at random."""
    shares = np.array([profile.share for profile in PROFILES.values()])
    return list(PROFILES.values())[int(rng.choice(len(shares), p=shares / shares.sum()))]


def first_study(profile: Profile, rng: np.random.Generator) -> tuple[Lesion, ...]:
    """What the first film of a patient shows."""
    found = [finding for finding, chance in zip(DRAWN, profile.chances, strict=True) if rng.random() < chance]
    return tuple(lesion for finding in found for lesion in _new(finding, profile, rng))


def next_study(before: tuple[Lesion, ...], profile: Profile, rng: np.random.Generator) -> tuple[Lesion, ...]:
    """What a later film shows: most findings persist, better or worse; some resolve, some are new."""
    kept = [_evolved(lesion, rng) for lesion in before if _lasts(lesion) or rng.random() > RESOLVES]
    had = {lesion.finding for lesion in before}
    fresh = [
        finding for finding, chance in zip(DRAWN, profile.chances, strict=True) if finding not in had and rng.random() < APPEARS * chance
    ]
    return tuple(kept) + tuple(lesion for finding in fresh for lesion in _new(finding, profile, rng))


def _lasts(lesion: Lesion) -> bool:
    return lesion.finding in _LASTING or lesion.kind in _LASTING_DEVICES


def _evolved(lesion: Lesion, rng: np.random.Generator) -> Lesion:
    if lesion.finding == SUPPORT_DEVICES:
        return lesion
    step = 0.06 if lesion.finding in _LASTING else 0.20
    return replace(lesion, severity=float(np.clip(lesion.severity + step * rng.standard_normal(), 0.04, 1.0)))


def _new(finding: str, profile: Profile, rng: np.random.Generator) -> list[Lesion]:
    severity = float(np.clip(rng.beta(1.35, 1.5), 0.04, 1.0))
    side, seed = int(rng.choice(SIDES)), int(rng.integers(2**31))
    if finding == SUPPORT_DEVICES:
        return _devices(profile, rng)
    if finding in ("Cardiomegaly", "Edema"):
        return [Lesion(finding, severity, 0, seed=seed)]
    if finding == "Consolidation":
        kind = PNEUMONIA if rng.random() < profile.pneumonia else ""
        low = 0.32 if kind else 0.10
        at = (float(rng.uniform(0.45, 0.68)), float(np.clip(low + 0.28 * rng.standard_normal(), -0.6, 0.42)))
        found = [Lesion(finding, severity, side, at, seed, kind)]
        both = rng.random() < 0.22
        return found + ([Lesion(finding, severity * 0.7, -side, (at[0], at[1] + 0.1), seed + 1, kind)] if both else [])
    if finding == "Lung Lesion":
        kind = "Nodule" if rng.random() < 0.62 else "Mass"
        return [Lesion(finding, severity, side, (float(rng.uniform(0.38, 0.72)), float(rng.uniform(-0.7, 0.35))), seed, kind)]
    found = [Lesion(finding, severity, side, seed=seed)]
    if finding in ("Pleural Effusion", "Atelectasis") and rng.random() < 0.38:
        found.append(Lesion(finding, float(np.clip(severity * rng.uniform(0.5, 1.1), 0.04, 1)), -side, seed=seed + 1))
    return found


def _devices(profile: Profile, rng: np.random.Generator) -> list[Lesion]:
    weights = np.array(list(profile.devices.values()), np.float64)
    number = 1 + int(rng.random() < 0.35)
    kinds = rng.choice(list(profile.devices), size=min(number, len(weights)), replace=False, p=weights / weights.sum())
    return [
        Lesion(SUPPORT_DEVICES, 1.0, int(rng.choice(SIDES)), seed=int(rng.integers(2**31)), kind=str(kind))
        for kind in sorted(kinds)
        if kind in KINDS
    ]


def severities(lesions: Sequence[Lesion]) -> dict[str, float]:
    """Every ledger finding that is present, with its severity; parents are present with their children (`findings.ancestors`).

    "No Finding" is present when nothing but devices is.
    """
    found: dict[str, float] = {}
    for lesion in lesions:
        own = {"Lung Lesion": lesion.kind}.get(lesion.finding, lesion.finding)
        names = [own, *findings.ancestors(own)] + ([PNEUMONIA] if lesion.kind == PNEUMONIA else [])
        for name in names:
            found[name] = max(found.get(name, 0.0), lesion.severity)
    if set(found) <= {SUPPORT_DEVICES}:
        found[NO_FINDING] = 1.0
    return found
