"""What illness adds to a chest: each finding as a change of the scene, from barely visible to plain.

Here belongs how a finding looks. Who has it, and how it goes on over time, is in `disease`. Lines and tubes are in `devices`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.sample import anatomy
from pipeline.sample.anatomy import SIDES
from pipeline.sample.canvas import Floats, Points, crop, curve, mirrored, soften
from pipeline.sample.scene import Scene


@dataclass(frozen=True, slots=True)
class Lesion:
    """One abnormality of one study.

    Attributes:
        finding: its name in `pipeline.base.findings`.
        severity: 0 barely visible to 1 plain.
        side: -1 the patient's right, 1 left, 0 both or the midline.
        at: centre in body units, x on the patient's left; mirrored by `side`.
        seed: fixes its texture, so that it is the same lesion in the next study.
        kind: of a device or of a round lesion, else empty.
    """

    finding: str
    severity: float
    side: int = 0
    at: tuple[float, float] = (0.5, 0.0)
    seed: int = 0
    kind: str = ""


def enlarged_heart(body: anatomy.Anatomy, lesions: tuple[Lesion, ...], is_ap: bool) -> float:
    """Half the heart's width on the film: the healthy heart, magnified when the beam enters from the front, larger when ill.

    A cardiothoracic ratio above 0.5 on a PA film is the textbook limit; the ill heart starts just above it.
    """
    extra = next((0.075 + 0.16 * lesion.severity for lesion in lesions if lesion.finding == "Cardiomegaly"), 0.0)
    ill = max(body.heart, 0.455) + extra if extra else body.heart
    return ill * (1.07 if is_ap else 1.0)


def effusion(scene: Scene, lesion: Lesion, tile: Floats) -> None:
    """Fluid with a meniscus: a blunted angle first, then a level that climbs along the wall."""
    del tile
    x, y = scene.coarse.grid
    _, angle = anatomy.diaphragm(scene.body, lesion.side, scene.raised)
    level = angle - 0.10 - 0.62 * lesion.severity**1.3
    climb = 0.05 + 0.24 * lesion.severity
    lateral = np.clip((lesion.side * x - 0.25) / 0.7, 0, 1)
    surface = level - climb * (lateral**2 - 0.35)
    share = 1 / (1 + np.exp(np.clip(-(y - surface) / 0.022, -30, 30)))
    layer = 0.28 * lesion.severity * np.clip((y - surface + 0.45) / 0.5, 0, 1) if scene.is_ap else 0.0
    region = np.clip(5 * scene.lungs[lesion.side], 0, 1)
    scene.fill_air(region * np.maximum(share, layer), 1.0)
    scene.perfused *= 1 - region * share
    scene.soft += (0.06 * region * share).astype(np.float32)
    blunted = scene.coarse.blob((lesion.side * 0.95, angle - 0.06), (0.10, 0.12), 3.0)
    scene.soft += (0.15 * blunted * scene.lungs[lesion.side]).astype(np.float32)


def pneumothorax(scene: Scene, lesion: Lesion, tile: Floats) -> None:
    """Air outside the lung: a black band without vessels at apex and side, and the white line of the pleura."""
    del tile
    gap = 0.045 + 0.34 * lesion.severity
    outline = anatomy.lung(scene.body, lesion.side, scene.raised)
    hilum = np.array([lesion.side * 0.2, 0.22])
    rng = np.random.default_rng(lesion.seed)
    toward = hilum - outline
    upper = np.clip(1.15 - (outline[:, 1] - scene.body.apex) / (1.1 + 0.8 * lesion.severity), 0, 1)
    lateral = np.clip((np.abs(outline[:, 0]) - 0.17) / 0.25, 0, 1)
    distance = np.maximum(np.hypot(toward[:, 0], toward[:, 1]), 1e-6)
    shift = gap * upper * lateral * (0.9 + 0.2 * rng.random())
    shrunk = outline + toward * (shift / distance)[:, None]
    collapsed = scene.coarse.fill(shrunk, blur=0.006)
    band = np.clip(scene.lungs[lesion.side] - collapsed, 0, 1)
    scene.perfused *= 1 - 0.97 * band
    scene.air += 0.16 * band * (scene.air > 0.05)
    scene.air *= 1 - (0.06 + 0.22 * lesion.severity) * collapsed
    visible = lateral * upper > 0.12
    line = _longest(shrunk, visible)
    scene.sharp += 0.12 * scene.fine.stroke([line], 0.010, blur=0.004)


def _longest(line: Points, keep: npt.NDArray[np.bool_]) -> Points:
    """The longest kept run of a closed line."""
    start = int(np.argmin(keep))
    rolled, kept = np.roll(line, -start, axis=0), np.roll(keep, -start)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    first, last = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: int(run[1] - run[0]))
    return np.asarray(rolled[first:last], np.float64)


def consolidation(scene: Scene, lesion: Lesion, tile: Floats) -> None:
    """Air spaces filled in patches, with air-filled bronchi running through the denser ones."""
    rng = np.random.default_rng(lesion.seed)
    at = (lesion.side * lesion.at[0], lesion.at[1])
    size = 0.15 + 0.24 * lesion.severity
    texture = soften(crop(tile, scene.coarse.height, scene.coarse.width, rng), 2.5)
    bump = scene.coarse.blob(at, (size, size * rng.uniform(0.85, 1.4)), 2.6)
    patches = np.clip(1.9 * bump - 0.55 + 0.42 * texture * (bump > 0.02), 0, 1)
    amount = 0.34 + 0.46 * lesion.severity
    share = patches * scene.lungs[lesion.side]
    scene.fill_air(share, amount)
    if lesion.severity > 0.45:
        away = np.array([0.8 * lesion.side, 0.5])
        lines = [np.array([at, np.array(at) + away * length]) + rng.normal(0, 0.03, (2, 2)) for length in rng.uniform(0.1, 0.25, 3)]
        scene.air += 0.14 * scene.coarse.stroke(lines, 0.022, blur=0.008) * share


def edema(scene: Scene, lesion: Lesion, tile: Floats) -> None:
    """Perihilar haze on both sides, swollen vessels, a fine net and short lines at the bases."""
    rng = np.random.default_rng(lesion.seed)
    haze = scene.coarse.blank()
    for side in SIDES:
        haze += scene.coarse.blob((side * 0.38, 0.02), (0.42, 0.58), 2.2) * rng.uniform(0.85, 1.15)
    texture = soften(crop(tile, scene.coarse.height, scene.coarse.width, rng), 1.2)
    lungs = np.clip(scene.lungs[-1] + scene.lungs[1], 0, 1)
    amount = 0.12 + 0.40 * lesion.severity
    scene.fill_air(lungs * haze * np.clip(1 + 0.35 * texture, 0.2, 1.8), amount)
    scene.perfused *= 1 + (0.35 + 0.9 * lesion.severity) * lungs
    lines = []
    for _ in range(int(8 + 26 * lesion.severity)):
        side, y = int(rng.choice(SIDES)), rng.uniform(0.15, 0.70)
        x = float(anatomy.wall(scene.body, y)) - rng.uniform(0.0, 0.05)
        lines.append(mirrored(np.array([(x, y), (x - rng.uniform(0.06, 0.14), y + rng.normal(0, 0.015))]), side))
    net = scene.fine.stroke(lines, 0.006, blur=0.004)
    scene.sharp += (0.05 + 0.08 * lesion.severity) * net


def atelectasis(scene: Scene, lesion: Lesion, tile: Floats) -> None:
    """Plates of collapsed lung above the diaphragm, denser behind them when there is more."""
    del tile
    rng = np.random.default_rng(lesion.seed)
    dome, _ = anatomy.diaphragm(scene.body, lesion.side, scene.raised)
    lines = []
    for number in range(1 + int(2.5 * lesion.severity)):
        y = dome - 0.10 - 0.11 * number - 0.05 * rng.random()
        x0 = rng.uniform(0.28, 0.45)
        x1 = x0 + rng.uniform(0.25, 0.32 + 0.2 * lesion.severity)
        bend = rng.normal(0, 0.03)
        lines.append(mirrored(curve((x0, y + bend), ((x0 + x1) / 2, y - 0.02), (x1, y + 0.05 * rng.standard_normal())), lesion.side))
    plates = scene.coarse.stroke(lines, 0.024 + 0.018 * lesion.severity, blur=0.013)
    scene.fill_air(plates * scene.lungs[lesion.side], 0.22 + 0.38 * lesion.severity)
    base = scene.coarse.blob((lesion.side * 0.55, dome - 0.02), (0.45, 0.16), 2.0)
    scene.fill_air(base * scene.lungs[lesion.side], 0.10 + 0.26 * lesion.severity)


def lump(scene: Scene, lesion: Lesion, tile: Floats) -> None:
    """A round shadow: a nodule, or a mass with an uneven edge."""
    del tile
    rng = np.random.default_rng(lesion.seed)
    radius = (0.045 + 0.045 * lesion.severity) if lesion.kind == "Nodule" else (0.13 + 0.09 * lesion.severity)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    wobble = 1 + 0.10 * np.sin(angles * 3 + rng.uniform(0, 6)) + 0.06 * np.sin(angles * 5 + rng.uniform(0, 6))
    centre = np.array([lesion.side * lesion.at[0], lesion.at[1]])
    outline = centre + radius * (wobble * np.array([np.cos(angles), np.sin(angles)])).T
    share = scene.coarse.fill(outline, blur=0.18 * radius)
    scene.fill_air(share * scene.lungs[lesion.side], 0.30 + 0.30 * lesion.severity)


Painter = Callable[[Scene, Lesion, Floats], None]
PAINTERS: dict[str, Painter] = {
    "Pleural Effusion": effusion,
    "Consolidation": consolidation,
    "Edema": edema,
    "Atelectasis": atelectasis,
    "Lung Lesion": lump,
    "Pneumothorax": pneumothorax,
}
