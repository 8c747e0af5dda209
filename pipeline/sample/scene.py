"""The attenuation of a healthy chest: how much the beam loses at every pixel, in layers that lesions then change.

Here belongs the sum of the healthy parts. Outlines come from `anatomy`, lesions from `lesions`, exposure from `film`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.sample import anatomy
from pipeline.sample.anatomy import RIBS, SIDES, Anatomy
from pipeline.sample.canvas import Canvas, Floats, Points, soften

COARSE = 2


@dataclass
class Scene:
    """Attenuation in layers; unit: what turns a clear lung into the mediastinum.

    Attributes:
        body: whose chest.
        fine, coarse: the film's grid, and one of half its resolution for soft shadows.
        raised: how far the diaphragm stands high, body units.
        heart: half the heart's width, body units.
        is_ap: whether the beam enters from the front.
        lungs: by side, 1 inside the lung (coarse).
        air: air along the ray, 0-1 (coarse); what fills the lung takes it away.
        soft: attenuation of soft parts (coarse).
        sharp: attenuation of fine parts (fine).
        vessels: attenuation of the vascular tree (fine).
        perfused: factor on `vessels` (coarse).
    """

    body: Anatomy
    fine: Canvas
    coarse: Canvas
    raised: float
    heart: float
    is_ap: bool
    lungs: dict[int, Floats]
    air: Floats
    soft: Floats
    sharp: Floats
    vessels: Floats
    perfused: Floats

    def fill_air(self, share: Floats, density: float = 1.0) -> None:
        """Replace a share (0-1, coarse) of the air by something of `density` relative to soft tissue."""
        self.air *= 1 - np.clip(share, 0, 1) * density

    def depth(self) -> Floats:
        """Total attenuation, shape of the fine grid."""
        chest = self.soft - AIR_DEPTH * self.air
        return enlarge(chest, self.fine) + self.sharp + self.vessels * enlarge(self.perfused, self.fine)


AIR_DEPTH = 1.02


def enlarge(layer: Floats, fine: Canvas) -> Floats:
    """A coarse layer on the fine grid."""
    return np.asarray(cv2.resize(layer, (fine.width, fine.height), interpolation=cv2.INTER_LINEAR), np.float32)


def healthy(body: Anatomy, fine: Canvas, raised: float, heart: float, is_ap: bool, arms: float) -> Scene:
    """A chest without lesions, `heart` wide.

    Args:
        body: whose chest.
        fine: the film's grid.
        raised: how far the diaphragm stands high, body units.
        heart: half the heart's width, body units.
        is_ap: whether the beam enters from the front.
        arms: how far the arms stand off.
    """
    coarse = fine.shrunk(COARSE)
    lungs = {side: coarse.fill(anatomy.lung(body, side, raised), blur=0.008) for side in SIDES}
    inside = np.clip(lungs[-1] + lungs[1], 0, 1)
    heart_mask = coarse.fill(anatomy.heart(body, heart, raised), blur=0.012)
    air = _air(coarse, lungs) * (1 - 0.80 * heart_mask * _heart_profile(heart_mask, coarse))
    air *= 1 - _vascular_roots(body, coarse)
    soft = _trunk(body, coarse, arms) + _mediastinum(body, coarse) + _belly(body, coarse, raised) + _breasts(body, coarse)
    soft += 0.16 * heart_mask
    soft += _bones(body, coarse) * (0.45 + 0.55 * soften(inside, 3.0)) + _shoulders(body, coarse)
    perfused = inside * (1 - 0.8 * heart_mask)
    return Scene(body, fine, coarse, raised, heart, is_ap, lungs, air, soft, fine.blank(), _vessels(body, fine), perfused)


def _vessels(body: Anatomy, fine: Canvas) -> Floats:
    generations = zip(*(anatomy.vascular_tree(body, side) for side in SIDES), strict=True)
    groups = [(np.concatenate([right[0], left[0]]), right[1], min(1.0, 0.25 + 26 * right[1])) for right, left in generations]
    return 0.155 * fine.strokes(groups, blur=0.0055)


def _air(coarse: Canvas, lungs: dict[int, Floats]) -> Floats:
    """Depth of air: none at the edge of a lung, full a third of a unit inside."""
    both = np.clip(lungs[-1] + lungs[1], 0, 1)
    distance = cv2.distanceTransform((both > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / coarse.scale_px
    profile = 1 - 0.62 * np.exp(-distance / 0.09)
    return np.asarray(both * soften(profile.astype(np.float32), 2.0), np.float32)


def _heart_profile(mask: Floats, coarse: Canvas) -> Floats:
    distance = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / coarse.scale_px
    return np.asarray(0.55 + 0.45 * (1 - np.exp(-distance / 0.14)), np.float32)


def _trunk(body: Anatomy, coarse: Canvas, arms: float) -> Floats:
    outline = coarse.fill(anatomy.torso(body))
    distance = cv2.distanceTransform((outline > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / coarse.scale_px
    trunk = outline * (1.45 + 0.25 * body.bulk) * (1 - np.exp(-distance / (0.20 + 0.05 * body.bulk)))
    limbs = coarse.blank()
    for side in SIDES:
        limb = coarse.fill(anatomy.arm(body, side, arms))
        inside = cv2.distanceTransform((limb > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / coarse.scale_px
        limbs = np.maximum(limbs, limb * 1.05 * (1 - np.exp(-inside / 0.13)))
    return np.asarray(soften(np.maximum(trunk, limbs) + 0.12 * np.minimum(trunk, limbs), 1.0), np.float32)


def _spine_x(body: Anatomy, y: Points) -> Points:
    return np.asarray(body.lean * np.sin(2.2 * y + 0.4), np.float64)


def _mediastinum(body: Anatomy, coarse: Canvas) -> Floats:
    """Spine, vessels' root with the aortic arch, the windpipe and the hila."""
    x, y = coarse.grid
    centre = (body.lean * np.sin(2.2 * y + 0.4)).astype(np.float32)
    column = np.exp(-(((x - centre) / 0.17) ** 4)).astype(np.float32)
    discs = 0.85 + 0.15 * np.tanh(3 * np.cos(2 * np.pi * y / (0.20 * body.height)))
    depth = body.bone * 0.17 * column * discs.astype(np.float32)
    depth += 0.14 * coarse.fill(_upper_strip(body), blur=0.035)
    return np.asarray(depth + 0.08 * _arch(body, coarse) - _windpipe(body, coarse), np.float32)


def _arch(body: Anatomy, coarse: Canvas) -> Floats:
    return coarse.blob((0.12, -0.50 * body.height), (1.20 * body.knob, 1.05 * body.knob), 7.0)


def _vascular_roots(body: Anatomy, coarse: Canvas) -> Floats:
    """Air that aortic arch, upper mediastinum and hila take, 0-1."""
    taken = np.maximum(0.75 * _arch(body, coarse), 0.55 * coarse.fill(_upper_strip(body), blur=0.012))
    for side in SIDES:
        at = (side * 0.24, -0.12 * body.height - 0.03 * side)
        taken = np.maximum(taken, 0.42 * coarse.blob(at, (0.11, 0.19), 2.2))
    return np.asarray(taken, np.float32)


def _upper_strip(body: Anatomy) -> Points:
    right, left = 0.19 + 0.02 * body.bulk, 0.20 + 0.05 * (body.knob - 0.12) / 0.04
    return np.array([(-right, -1.1), (left * 0.8, -1.1), (left, -0.5), (0.2, -0.1), (-0.2, -0.1), (-right, -0.5)]) * [1, body.height]


def _windpipe(body: Anatomy, coarse: Canvas) -> Floats:
    y = np.linspace(-1.7, -0.38, 20)
    trachea = np.column_stack([_spine_x(body, y) - 0.015, y])
    carina = trachea[-1]
    bronchi = [np.vstack([carina, carina + offset]) for offset in np.array([(-0.16, 0.17), (0.21, 0.15)])]
    return np.asarray(coarse.strokes([(bronchi, 0.065, 0.16), ([trachea], 0.125, 0.30)], blur=0.02), np.float32)


def _belly(body: Anatomy, coarse: Canvas, raised: float) -> Floats:
    """Liver, spleen and the stomach's air below the left dome."""
    x, y = coarse.grid
    dome = anatomy.diaphragm(body, 1, raised)[0]
    below = np.clip((y - dome + 0.05) / 0.15, 0, 1)
    rng = np.random.default_rng([body.vessels, 7])
    bubble = coarse.blob(
        (0.48 + 0.1 * rng.random(), dome + 0.14 + 0.04 * rng.random()), (0.10 + 0.13 * rng.random(), 0.045 + 0.05 * rng.random()), 4.0
    )
    gas = coarse.blob((0.75, dome + 0.42), (0.13, 0.07), 3.0) * rng.random()
    liver = np.clip(0.06 - 0.04 * x, 0, 0.1)
    return np.asarray(below * (0.14 + liver) - 0.45 * bubble - 0.25 * gas, np.float32)


def _breasts(body: Anatomy, coarse: Canvas) -> Floats:
    depth = coarse.blank()
    if body.breast < 0.05:
        return depth
    size = 0.30 + 0.16 * body.breast
    for side in SIDES:
        at = (side * (0.66 + 0.10 * body.breast), 0.30 + 0.16 * body.breast)
        disc = coarse.blob(at, (size * 1.12, size), 7.0 if body.is_female else 3.0)
        _, y = coarse.grid
        depth += 0.30 * body.breast * disc * np.clip(0.45 + 0.9 * (y - at[1] + 0.2) / size, 0.0, 1.0)
    return depth


def _bones(body: Anatomy, coarse: Canvas) -> Floats:
    """Ribs with brighter margins; back parts denser than front parts, which fade toward the sternum."""
    back, front = [], []
    for number in range(RIBS):
        for side in SIDES:
            back.append(anatomy.posterior_rib(body, number, side))
            if 0 < number < RIBS - 3:
                front.append(anatomy.anterior_rib(body, number, side))
    return np.asarray(body.bone * (0.20 * _hollow(coarse, back, 0.088) + 0.105 * _hollow(coarse, front, 0.10)), np.float32)


def _hollow(coarse: Canvas, lines: list[Points], width: float) -> Floats:
    outer = coarse.stroke(lines, width, blur=0.009)
    inner = coarse.stroke(lines, width * 0.55, blur=0.016)
    return outer - 0.38 * inner


def _shoulders(body: Anatomy, coarse: Canvas) -> Floats:
    """Collar bones, humeral heads and the edges of the shoulder blades."""
    collars = _hollow(coarse, [anatomy.clavicle(body, side) for side in SIDES], 0.095)
    depth = 0.30 * collars
    angles = np.linspace(0, 2 * np.pi, 40)
    for side in SIDES:
        head = np.column_stack([side * 1.47 + 0.17 * np.cos(angles), -0.80 + 0.17 * np.sin(angles)])
        shaft = np.array([(side * 1.38, -0.75), (side * 1.6, -0.7), (side * 1.82, 1.5), (side * 1.64, 1.5)])
        blade = np.array([(side * 1.05, -0.88), (side * 1.02, -0.2), (side * 1.10, 0.08), (side * 1.30, -0.35), (side * 1.36, -0.7)])
        depth += 0.26 * coarse.fill(head, shaft, blur=0.012)
        depth += 0.07 * coarse.fill(blade, blur=0.012) + 0.08 * coarse.stroke([blade], 0.03, blur=0.012)
    return np.asarray(body.bone * depth, np.float32)
