"""Checks of the pixels on phantoms they were not trained on, and on real films where there are some."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.train_film_checks import discriminant, phantoms
from pipeline.exclude.film_checks import CHECKS, WEIGHTS, check_films, features, scores, unlikeness

FIELD = ("field_left", "field_top", "field_right", "field_bottom")


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, np.ndarray]:
    """Frontal and lateral phantoms of another seed than the training's."""
    return phantoms(12, seed=77)


def check(thumbnails: np.ndarray) -> pd.DataFrame:
    films = pd.DataFrame({"thumbnail": [film.tobytes() for film in thumbnails]})
    return check_films(films.assign(**dict(zip(FIELD, (0.0, 0.0, 1.0, 1.0), strict=True))))


def test_films_as_taken_are_told_nothing(made: tuple[np.ndarray, np.ndarray]) -> None:
    checked = check(made[0])
    assert not checked[["is_inverted", "is_lateral", "is_unlike"]].any().any()
    assert checked.turned_degrees.eq(0).all()
    assert checked.unlikeness.isna().all()  # too few for a covariance


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turns_are_told_in_degrees_clockwise(made: tuple[np.ndarray, np.ndarray], turns: int) -> None:
    checked = check(np.rot90(made[0], -turns, (1, 2)))
    assert checked.turned_degrees.eq(90 * turns).all()
    assert not checked.is_inverted.any()


def test_negatives_are_told(made: tuple[np.ndarray, np.ndarray]) -> None:
    checked = check(255 - made[0])
    assert checked.is_inverted.all()
    assert checked.turned_degrees.eq(0).all()


@pytest.mark.parametrize("side", [1, -1])
def test_laterals_are_told_whichever_way_they_face(made: tuple[np.ndarray, np.ndarray], side: int) -> None:
    assert check(made[1][:, :, ::side]).is_lateral.mean() >= 0.9


def test_the_field_alone_is_judged(made: tuple[np.ndarray, np.ndarray]) -> None:
    film = made[0][0]
    framed = np.full((64, 64), 250, np.uint8)
    framed[16:48, 16:48] = film
    small = framed.reshape(32, 2, 32, 2).mean((1, 3)).astype(np.uint8)
    row = pd.DataFrame({"thumbnail": [small.tobytes()]}).assign(**dict(zip(FIELD, (0.25, 0.25, 0.75, 0.75), strict=True)))
    judged, whole = check_films(row).iloc[0], check(film[None]).iloc[0]
    assert abs(judged.positive - whole.positive) < 0.15
    assert abs(judged.frontal - whole.frontal) < 0.25


def test_one_stranger_among_many_is_unlike_them() -> None:
    rng = np.random.default_rng(0)
    low = rng.normal(size=(400, 77)) * np.linspace(3, 0.5, 77)
    low[0] += 8
    far = unlikeness(low)
    assert far.argmax() == 0
    assert far[0] > 4.25 > np.sort(far)[-2]


def test_shipped_weights_are_those_of_the_training(made: tuple[np.ndarray, np.ndarray]) -> None:
    """A discriminant's means score +1 and -1; the shipped weights nearly do so on phantoms they never saw."""
    usual, changed = features(made[0]), features(255 - made[0])
    trained = discriminant(usual, changed)
    ends = [(rows @ trained[1:] + trained[0]).mean() for rows in (usual, changed)]
    assert np.allclose(ends, [1, -1])
    assert WEIGHTS.read_text(encoding="utf-8").splitlines()[0] == ",".join(["down", "across", *CHECKS])
    shipped = scores(usual).mean(axis=0)
    assert (np.abs(shipped - 1) < 0.35).all()
