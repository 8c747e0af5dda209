"""Support devices on the film: pacemakers, ports, central lines, tubes and sternal wires.

Here belongs how a device looks. Monitor leads are drawn too, but are no Support Devices (they lie on the skin).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.sample.canvas import curve
from pipeline.sample.lesions import Lesion
from pipeline.sample.scene import Scene


def pacemaker(scene: Scene, rng: np.random.Generator, side: int) -> None:
    """A can below the clavicle with leads to the right heart."""
    at = np.array([side * (0.86 + 0.1 * rng.random()), -0.55 + 0.06 * rng.standard_normal()])
    turn, radius = rng.uniform(-0.4, 0.4), 0.125 + 0.02 * rng.random()
    angles = np.linspace(0, 2 * np.pi, 28)
    shape = (
        radius
        * np.column_stack([np.cos(angles), 0.85 * np.sin(angles)])
        / (np.abs(np.cos(angles)) ** 4 + np.abs(np.sin(angles)) ** 4)[:, None] ** 0.25
    )
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    can = scene.fine.fill(at + shape @ spin.T, blur=0.004)
    inner = scene.fine.fill(at + 0.55 * shape @ spin.T, blur=0.008)
    tips = [(-0.20, 0.20 + 0.08 * rng.random()), (0.30 * scene.heart / 0.45, 0.52 + 0.05 * rng.random())]
    leads = [curve(tuple(at), (side * 0.60, -0.80), (side * 0.22, -0.66), (-0.14, -0.45), (-0.17, -0.05), tip) for tip in tips]
    scene.sharp += 0.62 * can + 0.2 * inner + 0.40 * scene.fine.stroke(leads, 0.013, blur=0.003)
    ends = [np.array([tip, np.array(tip) + 0.035]) for tip in tips]
    scene.sharp += 0.3 * scene.fine.stroke(ends, 0.02, blur=0.003)


def port(scene: Scene, rng: np.random.Generator, side: int) -> None:
    """A chamber on the chest wall with a catheter to the superior vena cava."""
    at = (side * (0.62 + 0.15 * rng.random()), -0.42 + 0.08 * rng.standard_normal())
    line = curve(at, (side * 0.52, -0.72), (side * 0.32, -0.88), (side * 0.18, -0.72), (-0.15, -0.45), (-0.16, -0.1 + 0.1 * rng.random()))
    chamber, hole = scene.fine.blob(at, (0.066, 0.062), 8), scene.fine.blob(at, (0.04, 0.038), 8)
    scene.sharp += 0.42 * chamber - 0.22 * hole + 0.24 * scene.fine.stroke([line], 0.013, blur=0.003)


def central_line(scene: Scene, rng: np.random.Generator, side: int) -> None:
    """A catheter from neck or arm to the cavoatrial junction."""
    tip = (-0.16, -0.12 + 0.14 * rng.random())
    if rng.random() < 0.5:
        line = curve((side * 0.36, -1.7), (side * 0.25, -1.2), (side * 0.18, -0.8), (-0.14, -0.5), tip)
    else:
        line = curve((side * 1.6, -0.5), (side * 1.15, -0.68), (side * 0.72, -0.78), (side * 0.25, -0.70), (-0.14, -0.48), tip)
    scene.sharp += 0.20 * scene.fine.stroke([line], 0.012, blur=0.003)


def tubes(scene: Scene, rng: np.random.Generator, side: int) -> None:
    """An endotracheal tube above the carina, and often a gastric tube."""
    del side
    end = -0.62 + 0.08 * rng.standard_normal()
    for offset in (-0.028, 0.028):
        scene.sharp += 0.13 * scene.fine.stroke([np.array([(offset, -1.9), (offset - 0.015, end)])], 0.009, blur=0.003)
    stripe = np.array([(0.01, -1.9), (-0.005, end)])
    scene.sharp += 0.20 * scene.fine.stroke([stripe], 0.011, blur=0.003)
    if rng.random() < 0.7:
        gastric = curve((0.05, -1.9), (0.03, -1.0), (0.04, 0.0), (0.10, 0.62), (0.32, 0.85), (0.52, 1.05))
        scene.sharp += 0.22 * scene.fine.stroke([gastric], 0.016, blur=0.003)


def sternal_wires(scene: Scene, rng: np.random.Generator, side: int) -> None:
    """A row of twisted loops down the sternum, clips beside the heart."""
    del side
    angles = np.linspace(0.3, 2 * np.pi + 0.5, 20)
    loops = []
    for y in np.linspace(-0.62, 0.32, int(rng.integers(5, 8))):
        centre = np.array([0.02 * rng.standard_normal(), y])
        loops.append(centre + np.column_stack([0.055 * np.cos(angles), 0.028 * np.sin(angles) + 0.01 * np.cos(2 * angles)]))
    clips = [np.array([(x, y), (x + 0.03, y + 0.012)]) for x, y in rng.uniform((0.1, -0.2), (0.4, 0.35), (int(rng.integers(0, 7)), 2))]
    scene.sharp += 0.42 * scene.fine.stroke([*loops, *clips], 0.011, blur=0.003)


def monitor_leads(scene: Scene, rng: np.random.Generator) -> None:
    """Electrodes and their cables on the skin."""
    lines, dots = [], scene.fine.blank()
    for side, x, y in ((-1, 0.85, -0.72), (1, 0.88, -0.75), (1, 0.95, 0.45)):
        at = (side * (x + 0.1 * rng.standard_normal()), y + 0.08 * rng.standard_normal())
        dots += scene.fine.blob(at, (0.03, 0.03), 6)
        lines.append(curve(at, (at[0] * 0.8, at[1] + 0.5), (side * rng.uniform(0.3, 1.2), 1.2), (side * rng.uniform(0.2, 1.3), 1.9)))
    scene.sharp += 0.22 * dots + 0.11 * scene.fine.stroke(lines, 0.012, blur=0.003)


KINDS: dict[str, Callable[[Scene, np.random.Generator, int], None]] = {
    "pacemaker": pacemaker,
    "port": port,
    "central line": central_line,
    "tube": tubes,
    "sternal wires": sternal_wires,
}


def draw_device(scene: Scene, lesion: Lesion) -> None:
    """Draw one device; its seed places it the same in every study."""
    KINDS[lesion.kind](scene, np.random.default_rng(lesion.seed), lesion.side or 1)
