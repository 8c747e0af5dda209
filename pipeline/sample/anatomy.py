"""The body of one patient, in numbers that stay from film to film, and its outlines in body units.

Here belongs what a healthy chest is shaped like. What illness adds is in `lesions`, how a film is exposed in `film`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.sample.canvas import Points, curve, mirrored

SIDES = (-1, 1)
RIBS = 10
STEMS = 12
GENERATIONS = 6


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Shape of one chest; lengths in half chest widths.

    Attributes:
        is_female, age: as in the header; age widens the aorta and bends the spine.
        bulk: 0 slim to 1 heavy soft tissue.
        height: stretches the chest lengthwise.
        apex, taper: height of the lung apex, and how much the cage narrows upward.
        dome: height of the right and the left diaphragm.
        heart: half the transverse heart diameter of the healthy heart, so the cardiothoracic ratio.
        tilt: share of the heart left of the midline.
        knob: radius of the aortic arch.
        slope: how steeply ribs fall.
        lean: sideways bend of the spine.
        clavicle: rise of the clavicles.
        breast: size of the breast shadows.
        bone: density of the bones.
        vessels: seed of the vascular tree.
    """

    is_female: bool
    age: int
    bulk: float
    height: float
    apex: float
    taper: float
    dome: tuple[float, float]
    heart: float
    tilt: float
    knob: float
    slope: float
    lean: float
    clavicle: float
    breast: float
    bone: float
    vessels: int


def draw_anatomy(rng: np.random.Generator, is_female: bool, age: int) -> Anatomy:
    """A chest at random, in keeping with sex and age."""
    old = float(np.clip((age - 45) / 40, 0, 1))
    bulk = float(np.clip(rng.beta(2, 3) + 0.1 * is_female, 0, 1))
    dome = 0.56 + 0.06 * rng.standard_normal() - 0.06 * bulk
    return Anatomy(
        is_female=is_female,
        age=age,
        bulk=bulk,
        height=float(1.0 + 0.05 * rng.standard_normal() - 0.03 * is_female),
        apex=float(-1.03 + 0.03 * rng.standard_normal()),
        taper=float(0.30 + 0.04 * rng.standard_normal()),
        dome=(dome, float(dome + 0.06 + 0.03 * rng.standard_normal())),
        heart=float(np.clip(0.43 + 0.025 * rng.standard_normal() + 0.02 * old + 0.02 * bulk, 0.36, 0.495)),
        tilt=float(np.clip(0.66 + 0.04 * rng.standard_normal(), 0.55, 0.75)),
        knob=float(0.12 + 0.015 * rng.standard_normal() + 0.04 * old),
        slope=float(0.26 + 0.05 * rng.standard_normal() + 0.03 * old),
        lean=float((0.02 + 0.03 * old) * rng.standard_normal()),
        clavicle=float(0.06 + 0.04 * rng.standard_normal()),
        breast=float(np.clip(0.25 + 0.5 * bulk + 0.2 * rng.random(), 0, 1)) if is_female else 0.12 * bulk,
        bone=float(np.clip(1.05 - 0.35 * old * (1.2 if is_female else 0.8) + 0.1 * rng.standard_normal(), 0.5, 1.3)),
        vessels=int(rng.integers(2**31)),
    )


def wall(body: Anatomy, y: Points | float) -> Points:
    """Inner half width of the rib cage at height `y`."""
    level = np.asarray(y, np.float64) / body.height
    upper = np.clip((0.15 - level) / 1.2, 0, 1)
    return np.asarray(1.0 - body.taper * upper**1.8 - 0.75 * np.clip((upper - 0.72) / 0.28, 0, 1) ** 2 * 0.5, np.float64)


def lung(body: Anatomy, side: int, raised: float = 0.0) -> Points:
    """Outline of one lung from the apex down its medial border, over the diaphragm, to the costophrenic angle and up the wall.

    Args:
        body: whose.
        side: -1 right, 1 left.
        raised: how far the diaphragm stands higher than in full breath.
    """
    h, top = body.height, body.apex * body.height
    dome = (body.dome[0] if side < 0 else body.dome[1]) * h - raised
    angle = dome + 0.30 * h
    heights = np.array([0.62 * dome, 0.1, -0.25, -0.55, -0.78]) * h
    lateral = [(float(wall(body, y)), float(y)) for y in heights]
    outline = curve(
        (0.44, top),
        (0.25, top + 0.10),
        (0.17, -0.62 * h),
        (0.15, -0.2 * h),
        (0.16, 0.25 * h),
        (0.20, dome + 0.07),
        (0.40, dome - 0.005),
        (0.60, dome + 0.01),
        (0.80, dome + 0.11),
        (0.935, angle - 0.02),
        (0.975, angle - 0.06),
        *lateral,
        (0.60, top + 0.055),
        closed=True,
    )
    return mirrored(outline, side)


def diaphragm(body: Anatomy, side: int, raised: float) -> tuple[float, float]:
    """Height of the dome and of the costophrenic angle of one side."""
    dome = (body.dome[0] if side < 0 else body.dome[1]) * body.height - raised
    return dome, dome + 0.30 * body.height


def heart(body: Anatomy, half_width: float, raised: float) -> Points:
    """Outline of the heart and the great vessels' root: right atrium, left ventricle bulging to the patient's left."""
    left, right = 2 * half_width * body.tilt, 2 * half_width * (1 - body.tilt)
    base = diaphragm(body, 1, raised)[0]
    foot = base + 0.06
    widest = foot - 0.20
    top = -0.28 * body.height
    return curve(
        (-0.13, top - 0.10),
        (-0.15, top + 0.12),
        (-0.12 - 0.55 * (right - 0.12), widest - 0.40),
        (-0.12 - 0.90 * (right - 0.12), widest - 0.20),
        (-right, widest - 0.03),
        (-right * 0.85, foot - 0.02),
        (-0.05, foot + 0.10),
        (left * 0.62, foot + 0.09),
        (left * 0.95, widest + 0.09),
        (left, widest - 0.03),
        (left * 0.86, widest - 0.24),
        (left * 0.56, widest - 0.46),
        (0.20 + 0.1 * (left - 0.55), top + 0.02),
        (0.14, top - 0.18),
        closed=True,
    )


def torso(body: Anatomy) -> Points:
    """Outline of neck, shoulders and trunk, down past the film's edge."""
    side = 1.13 + 0.22 * body.bulk
    half = curve(
        (0.31, -2.6),
        (0.31 + 0.05 * body.bulk, -1.62),
        (0.52, -1.36),
        (1.02, -1.20),
        (1.42, -1.02),
        (1.62, -0.75),
        (1.50, -0.35),
        (side + 0.10, -0.10),
        (side + 0.01, 0.35),
        (side, 0.9),
        (side + 0.02, 2.6),
    )
    return np.vstack([half, mirrored(half, -1)[::-1]])


def arm(body: Anatomy, side: int, abducted: float) -> Points:
    """Outline of the upper arm; `abducted` moves the elbow away from the trunk."""
    out = 1.55 + 0.1 * body.bulk
    half = curve(
        (1.25, -1.0), (out + 0.12, -0.85), (out + 0.22 + 0.4 * abducted, -0.1), (out + 0.25 + abducted, 1.8),
        (out - 0.22 + abducted, 1.8), (out - 0.17 + 0.4 * abducted, -0.1), (1.15, -0.55), closed=True,
    )  # fmt: skip
    return mirrored(half, side)


def posterior_rib(body: Anatomy, number: int, side: int) -> Points:
    """Midline of the back part of rib `number` (0 the first): out from the spine, a little up, then down to the wall."""
    start = (-1.06 + 0.185 * number) * body.height
    t = np.linspace(0, 1, 22)
    fall = body.slope * (0.5 + 0.08 * number)
    end = float(wall(body, start + fall)) + 0.035
    y = start - 0.085 * np.sin(np.pi * np.minimum(t * 1.25, 1)) + fall * t**2.2
    return mirrored(np.column_stack([0.11 + (end - 0.11) * np.sin(t * np.pi / 2) ** 0.9, y]), side)


def anterior_rib(body: Anatomy, number: int, side: int) -> Points:
    """Midline of the front part of rib `number`: from the wall down and toward the sternum."""
    start = posterior_rib(body, number, 1)[-1]
    t = np.linspace(0, 1, 16)
    reach = start[0] - (0.34 + 0.03 * number)
    x = start[0] - reach * t**1.15 + 0.02 * np.sin(np.pi * t)
    y = start[1] + (0.36 + 0.02 * number) * body.height * np.sin(t * np.pi / 2)
    return mirrored(np.column_stack([x, y]), side)


def clavicle(body: Anatomy, side: int) -> Points:
    """Midline of a clavicle: an S from the sternum to the shoulder."""
    rise = body.clavicle
    half = curve((0.12, -0.66), (0.32, -0.74 - 0.3 * rise), (0.72, -0.84 - rise), (1.10, -0.92 - rise), (1.38, -0.93 - rise))
    return mirrored(half * np.array([1.0, body.height]), side)


def vascular_tree(body: Anatomy, side: int) -> list[tuple[Points, float]]:
    """Vessels of one lung from the hilum outward, one item a generation, thinnest first: lines (n, 7, 2) and their width."""
    rng = np.random.default_rng([body.vessels, side + 1])
    hilum = np.array([0.22, -0.14 * body.height - 0.03 * side])
    angles = np.linspace(-1.4, 1.5, STEMS) + rng.normal(0, 0.12, STEMS)
    starts, width, found = hilum + rng.normal(0, (0.03, 0.07), (STEMS, 2)), 0.030, []
    for generation in range(GENERATIONS):
        length = (0.27 if generation else 0.22) * 0.86**generation * rng.uniform(0.6, 1.35, (len(starts), 1))
        turns = angles[:, None] + np.cumsum(rng.normal(0, 0.13, (len(starts), 6)), axis=1)
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=2) * length[:, :, None] / 6
        lines = np.concatenate([starts[:, None], starts[:, None] + np.cumsum(steps, axis=1)], axis=1)
        found.append((mirrored(lines, side), width))
        spread = rng.uniform(0.15, 0.55, (2, len(starts))) * np.array([[-1.0], [1.0]])
        angles, starts = (turns[:, -1] + spread).ravel(), np.concatenate([lines[:, -1]] * 2)
        kept = rng.random(len(starts)) < 0.85
        angles, starts, width = angles[kept], starts[kept], width * 0.70
    return found[::-1]
