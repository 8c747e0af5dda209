"""Phantom films show what the ledger says they show, where it says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.sample import anatomy
from pipeline.sample.anatomy import draw_anatomy
from pipeline.sample.canvas import pink_noise
from pipeline.sample.devices import KINDS
from pipeline.sample.film import Darkroom, _canvas, draw_technique
from pipeline.sample.lesions import Lesion


@pytest.fixture(scope="module")
def darkroom() -> Darkroom:
    return Darkroom(np.random.default_rng(0))


def person(seed: int, view: str = "PA"):
    rng = np.random.default_rng(seed)
    body = draw_anatomy(rng, bool(rng.random() < 0.5), int(rng.integers(20, 90)))
    return body, replace(
        draw_technique(rng, view), height=512, width=512, zoom=0.92, shift=(0.0, 0.0), collimated=(0, 0, 0, 0), marker="", has_leads=False
    )


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_a_film_is_in_range_and_a_chest(darkroom: Darkroom, view: str) -> None:
    body, technique = person(1, view)
    film = darkroom.frontal(body, (), technique)
    x, y = _canvas(technique).grid
    lung = film[(np.abs(np.abs(x) - 0.55) < 0.15) & (np.abs(y) < 0.2)].mean()
    spine = film[(np.abs(x) < 0.1) & (np.abs(y) < 0.3)].mean()
    belly = film[(np.abs(x) < 0.4) & (y > 1.1)].mean()
    assert film.shape == (512, 512)
    assert film.dtype == np.float32
    assert film.min() >= 0
    assert film.max() <= 1
    assert lung < 0.5 < belly
    assert spine > lung + 0.2


CASES = {
    "effusion": (Lesion("Pleural Effusion", 0.5, 1), (0.75, 0.72), 0.25, +1),
    "pneumothorax": (Lesion("Pneumothorax", 0.6, -1), (-0.50, -0.90), 0.10, -1),
    "consolidation": (Lesion("Consolidation", 0.6, -1, (0.6, 0.1), 3), (-0.6, 0.1), 0.2, +1),
    "edema": (Lesion("Edema", 0.6, 0, seed=3), (0.45, 0.05), 0.2, +1),
    "atelectasis": (Lesion("Atelectasis", 0.7, -1, seed=3), (-0.55, 0.45), 0.25, +1),
    "nodule": (Lesion("Lung Lesion", 0.6, 1, (0.6, -0.2), 3, "Nodule"), (0.6, -0.2), 0.06, +1),
    "mass": (Lesion("Lung Lesion", 0.4, 1, (0.6, -0.2), 3, "Mass"), (0.6, -0.2), 0.12, +1),
}


@pytest.mark.parametrize("name", CASES)
def test_a_finding_changes_its_own_region(darkroom: Darkroom, name: str) -> None:
    lesion, at, radius, sign = CASES[name]
    inside, elsewhere = [], []
    for seed in range(4):
        body, technique = person(seed)
        change = darkroom.frontal(body, (lesion,), technique) - darkroom.frontal(body, (), technique)
        x, y = _canvas(technique).grid
        near = np.hypot(x - at[0], y - at[1]) < radius
        far = (y < -1.2) | (y > 1.2) | (np.abs(x) > 1.2)
        inside.append(sign * change[near].mean())
        elsewhere.append(np.abs(change[far]).mean())
    assert min(inside) > 0.01
    assert np.mean(inside) > 5 * np.mean(elsewhere)


@pytest.mark.parametrize("name", CASES)
def test_a_severe_finding_shows_more_than_a_faint_one(darkroom: Darkroom, name: str) -> None:
    lesion = CASES[name][0]
    body, technique = person(5)
    clear = darkroom.frontal(body, (), technique)
    faint, plain = (np.abs(darkroom.frontal(body, (replace(lesion, severity=s),), technique) - clear).sum() for s in (0.05, 0.95))
    assert plain > 1.5 * faint > 0


def transverse_heart(film, technique, body) -> float:
    """Bright share of the chest's width at the height of the heart, halfway between lung and spine in brightness."""
    x, y = _canvas(technique).grid
    level = anatomy.diaphragm(body, 1, technique.raised)[0] - 0.2
    strip = (np.abs(y - level) < 0.05) & (np.abs(x) < 1.0)
    lung = np.quantile(film[strip], 0.1)
    spine = film[strip & (np.abs(x) < 0.08)].mean()
    return float((film[strip] > (lung + spine) / 2).mean())


def test_cardiothoracic_width_tells_cardiomegaly(darkroom: Darkroom) -> None:
    ill, width = [], []
    for seed in range(30):
        body, technique = person(seed)
        lesions = (Lesion("Cardiomegaly", 0.3),) if seed % 2 else ()
        ill.append(seed % 2)
        width.append(transverse_heart(darkroom.frontal(body, lesions, technique), technique, body))
    assert roc_auc_score(ill, width) > 0.8


def test_ap_films_show_a_larger_heart_and_a_higher_diaphragm() -> None:
    rng = np.random.default_rng(0)
    raised = {view: np.mean([draw_technique(rng, view).raised for _ in range(200)]) for view in ("PA", "AP")}
    assert raised["AP"] > raised["PA"] + 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_every_device_is_bright_on_the_film(darkroom: Darkroom, kind: str) -> None:
    body, technique = person(2)
    change = darkroom.frontal(body, (Lesion("Support Devices", 1.0, 1, seed=4, kind=kind),), technique) - darkroom.frontal(
        body, (), technique
    )
    assert (change > 0.02).sum() > 150
    assert change.min() > -0.05


def test_a_lateral_does_not_look_like_a_frontal_film(darkroom: Darkroom) -> None:
    body, technique = person(3)
    frontal, lateral = darkroom.frontal(body, (), technique), darkroom.lateral(body, (), technique)
    mirrored = [np.corrcoef(film.ravel(), film[:, ::-1].ravel())[0, 1] for film in (frontal, lateral)]
    assert mirrored[0] > mirrored[1] + 0.1


def test_noise_falls_with_frequency_and_repeats_seamlessly() -> None:
    tile = pink_noise(np.random.default_rng(0), 128)
    power = np.abs(np.fft.rfft2(tile)) ** 2
    assert tile.std() == pytest.approx(1, abs=1e-3)
    assert power[1:4, 1:4].mean() > 50 * power[40:60, 40:60].mean()
    assert np.abs(tile[0] - tile[-1]).mean() < 3 * np.abs(np.diff(tile, axis=0)).mean()
