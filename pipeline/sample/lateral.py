"""The chest from the side. Laterals leave the dataset, so they show a body and a heart, not every lesion."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.sample.anatomy import Anatomy
from pipeline.sample.canvas import Canvas, Floats, Points, curve, soften
from pipeline.sample.scene import COARSE, enlarge


def lateral_depth(body: Anatomy, fine: Canvas, heart: float) -> Floats:
    """Attenuation of a left lateral film, shape of the fine grid; the breastbone is at the left.

    Args:
        body: whose chest.
        fine: the film's grid.
        heart: half the heart's width on the frontal film, body units.
    """
    coarse = fine.shrunk(COARSE)
    outline = coarse.fill(_trunk(body))
    distance = cv2.distanceTransform((outline > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / coarse.scale_px
    depth = outline * (1.75 + 0.2 * body.bulk) * (1 - np.exp(-distance / 0.24))
    lungs = coarse.fill(_lungs(body), blur=0.015)
    muscle = coarse.fill(curve((-0.55, -0.9), (0.55, -0.95), (0.62, -1.4), (-0.45, -1.4), closed=True), blur=0.12)
    heart_at = (-0.33 + 0.2 * (heart - 0.45), body.dome[1] - 0.27)
    blood = coarse.blob(heart_at, (0.26 + 0.55 * (heart - 0.42), 0.34 + 0.3 * (heart - 0.42)), 5.0)
    depth += 0.35 * muscle + 0.22 * soften(_arch(coarse), 2.0) - 0.98 * lungs * (1 - 0.62 * blood) * (1 - 0.5 * muscle)
    depth += body.bone * (0.55 * _spine(coarse) + 0.13 * _ribs(coarse) + 0.2 * coarse.stroke([_breastbone()], 0.05, blur=0.01))
    return enlarge(np.asarray(depth, np.float32), fine)


def _trunk(body: Anatomy) -> Points:
    front, back = -0.92 - 0.2 * body.bulk, 0.98 + 0.12 * body.bulk
    chest = (front - 0.25 * body.breast, 0.1)
    return curve(
        (-0.20, -2.4), (-0.25, -1.5), (-0.55, -1.15), chest, (front, 0.6), (front - 0.1, 2.4), (back - 0.15, 2.4), (back, 0.4),
        (back, -0.5), (0.7, -1.3), (0.40, -2.4), closed=True,
    )  # fmt: skip


def _lungs(body: Anatomy) -> Points:
    dome = body.dome[0]
    return curve(
        (0.05, -1.05), (-0.35, -0.9), (-0.66, -0.4), (-0.74, 0.15), (-0.66, dome - 0.06), (-0.30, dome - 0.12), (0.15, dome + 0.05),
        (0.55, dome + 0.36), (0.70, dome + 0.22), (0.74, 0.0), (0.62, -0.6), (0.35, -0.98), closed=True,
    )  # fmt: skip


def _breastbone() -> Points:
    return curve((-0.58, -0.8), (-0.72, -0.3), (-0.80, 0.3))


def _arch(coarse: Canvas) -> Floats:
    return coarse.stroke([curve((-0.20, -0.1), (-0.12, -0.5), (0.15, -0.62), (0.36, -0.4), (0.42, 0.2))], 0.17)


def _spine(coarse: Canvas) -> Floats:
    line = curve((0.28, -1.6), (0.45, -0.8), (0.58, -0.2), (0.55, 0.5), (0.42, 1.2), steps=24)
    blocks = [line[start : start + 5] for start in range(0, len(line) - 5, 7)]
    return 0.5 * coarse.stroke([line], 0.22, blur=0.02) + 0.5 * coarse.stroke(blocks, 0.22, blur=0.015)


def _ribs(coarse: Canvas) -> Floats:
    lines = [
        curve((0.66 + shift, -0.9 + 0.2 * number), (0.1 + shift, -0.72 + 0.21 * number), (-0.62 + shift, -0.2 + 0.2 * number))
        for number in range(7)
        for shift in (0.0, 0.06)
    ]
    return coarse.stroke(lines, 0.05, blur=0.012)
