"""One exposure of one chest: beam, scatter, noise, collimation and marker, to the grey values a workstation would show.

Here belongs the physics of the film. What is on it comes from `scene`, `lesions` and `devices`; what a header says from `dicom_writer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.sample import devices
from pipeline.sample.anatomy import Anatomy
from pipeline.sample.canvas import Canvas, Floats, crop, pink_noise, soften
from pipeline.sample.lateral import lateral_depth
from pipeline.sample.lesions import PAINTERS, Lesion, enlarged_heart
from pipeline.sample.scene import Scene, healthy

TILE_PX = 1024


@dataclass(frozen=True, slots=True)
class Technique:
    """How one film was taken.

    Attributes:
        view: PA, AP or LL.
        height, width: of the film, in pixels.
        zoom, shift, degrees: how the patient stands before it.
        raised: how far the diaphragm is from full breath, body units.
        arms: how far the arms stand off.
        exposure, contrast: of the display curve.
        scatter: share of scattered beam that no grid removed.
        noise: quantum noise at the dimmest parts.
        collimated: width of the collimator's shadow at left, top, right and bottom, as a share of the side.
        has_leads: whether monitor leads lie on the patient.
        marker: text of the side marker.
        seed: of noise and of where things lie.
    """

    view: str
    height: int
    width: int
    zoom: float
    shift: tuple[float, float]
    degrees: float
    raised: float
    arms: float
    exposure: float
    contrast: float
    scatter: float
    noise: float
    collimated: tuple[float, float, float, float]
    has_leads: bool
    marker: str
    seed: int


SHAPES = ((512, 512), (512, 512), (512, 420), (608, 512), (512, 608), (640, 544), (512, 480))


def draw_technique(rng: np.random.Generator, view: str) -> Technique:
    """A technique at random; AP films are portable: less breath, more scatter and noise, less straight, leads on the skin."""
    is_ap = view == "AP"
    height, width = SHAPES[int(rng.integers(len(SHAPES)))]
    edges = tuple(float(rng.uniform(0.0, 0.035)) if rng.random() < 0.3 else 0.0 for _ in range(4))
    return Technique(
        view=view,
        height=height,
        width=width,
        zoom=float(np.clip(1 + 0.06 * rng.standard_normal() - 0.03 * is_ap, 0.84, 1.16)),
        shift=(float(0.018 * rng.standard_normal()), float(0.018 * rng.standard_normal() + 0.01 * is_ap)),
        degrees=float((2.6 if is_ap else 1.0) * rng.standard_normal()),
        raised=float(np.clip((0.10 if is_ap else 0.02) + 0.05 * rng.standard_normal(), -0.05, 0.24)),
        arms=float(rng.uniform(0, 0.35)),
        exposure=float((0.15 if is_ap else 0.10) * rng.standard_normal()),
        contrast=float(np.clip((0.90 if is_ap else 1.05) + 0.12 * rng.standard_normal(), 0.65, 1.4)),
        scatter=float(np.clip((0.16 if is_ap else 0.08) + 0.04 * rng.standard_normal(), 0.02, 0.3)),
        noise=float(np.clip((0.020 if is_ap else 0.012) * np.exp(0.3 * rng.standard_normal()), 0.006, 0.05)),
        collimated=(edges[0], edges[1], edges[2], edges[3]),
        has_leads=bool(is_ap and rng.random() < 0.55),
        marker=str(rng.choice(["L", "L", "L", "R"])) if rng.random() < 0.93 else "",
        seed=int(rng.integers(2**31)),
    )


class Darkroom:
    """Draws films; owns one tile of 1/f noise that all films crop, because making one costs more than a film.

    Args:
        rng: fixes the tile.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._tile = pink_noise(rng, TILE_PX)

    def frontal(self, body: Anatomy, lesions: tuple[Lesion, ...], technique: Technique) -> Floats:
        """A PA or AP film, shape (technique.height, technique.width), 0 black to 1 white."""
        rng = np.random.default_rng(technique.seed)
        scene = self.scene(body, lesions, technique)
        if technique.has_leads:
            devices.monitor_leads(scene, rng)
        return self.expose(scene.depth() - 0.2 * body.bulk, technique, rng)

    def lateral(self, body: Anatomy, lesions: tuple[Lesion, ...], technique: Technique) -> Floats:
        """A left lateral film; see `pipeline.sample.lateral` for what it leaves out."""
        depth = lateral_depth(body, _canvas(technique), enlarged_heart(body, lesions, is_ap=False))
        return self.expose(depth - 0.2 * body.bulk, technique, np.random.default_rng(technique.seed))

    def scene(self, body: Anatomy, lesions: tuple[Lesion, ...], technique: Technique) -> Scene:
        """The attenuation of the chest with its lesions, before exposure."""
        is_ap = technique.view == "AP"
        fine = _canvas(technique)
        scene = healthy(body, fine, technique.raised, enlarged_heart(body, lesions, is_ap), is_ap, technique.arms)
        for lesion in sorted(lesions, key=lambda one: list(PAINTERS).index(one.finding) if one.finding in PAINTERS else -1):
            if lesion.finding in PAINTERS:
                PAINTERS[lesion.finding](scene, lesion, self._tile)
            elif lesion.kind in devices.KINDS:
                devices.draw_device(scene, lesion)
        return scene

    def expose(self, depth: Floats, technique: Technique, rng: np.random.Generator) -> Floats:
        """Attenuation (fine grid) to displayed grey values."""
        height, width = depth.shape
        clutter = crop(self._tile, height, width, rng)
        beam = np.exp(-1.55 * np.maximum(depth + 0.018 * clutter * (depth > 0.05), 0))
        beam = beam * (1 - technique.scatter) + technique.scatter * soften(beam, 0.09 * width)
        grain = rng.standard_normal((height, width), dtype=np.float32)
        grain = 0.6 * grain + 0.4 * 2.2 * soften(grain, 0.9)
        beam = beam + technique.noise * np.sqrt(beam) * 0.6 * grain
        seen = -np.log(np.maximum(beam, 0.004)) / 1.55
        film = 1 / (1 + np.exp(-(seen - 1.0 + technique.exposure * 0.6) * 2.5 * technique.contrast))
        film = np.clip((film - 0.075) / 0.87, 0, 1)
        return np.asarray(np.clip(_mark(_collimate(np.asarray(film, np.float32), technique), technique, rng), 0, 1), np.float32)


def _canvas(technique: Technique) -> Canvas:
    scale = 0.40 * min(technique.height * 0.98, technique.width * 1.08) * technique.zoom
    centre = (0.5 + technique.shift[0], 0.515 + technique.shift[1])
    return Canvas.facing(technique.height, technique.width, scale, centre, technique.degrees)


def _collimate(film: Floats, technique: Technique) -> Floats:
    height, width = film.shape
    left, top, right, bottom = technique.collimated
    shade = np.zeros((height, width), np.float32)
    shade[round(top * height) : height - round(bottom * height), round(left * width) : width - round(right * width)] = 1
    return film * soften(shade, 1.2) if any(technique.collimated) else film


def _mark(film: Floats, technique: Technique, rng: np.random.Generator) -> Floats:
    """The lead letter at the patient's side; AP films often say PORTABLE."""
    height, width = film.shape
    if technique.marker:
        column = int(width * (rng.uniform(0.88, 0.93) if technique.marker == "L" else rng.uniform(0.04, 0.08)))
        _write(film, technique.marker, (column, int(height * rng.uniform(0.07, 0.2))), rng.uniform(0.6, 0.95))
    if technique.view == "AP" and rng.random() < 0.5:
        _write(
            film, str(rng.choice(["PORTABLE", "AP", "AP ERECT", "SUPINE"])), (int(width * rng.uniform(0.03, 0.7)), int(height * 0.97)), 0.42
        )
    return film


def _write(film: Floats, text: str, at: tuple[int, int], size: float) -> None:
    layer = np.zeros(film.shape, np.uint8)
    cv2.putText(layer, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 2 if size > 0.5 else 1, cv2.LINE_AA)
    np.maximum(film, layer.astype(np.float32) * (0.97 / 255), out=film)
