"""Checks of the pixels on phantoms they were not trained on, and on real films where there are some."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.train_film_checks import ADULT_FROM_YEARS, build, discriminant, phantoms, side, thumbnails
from pipeline.exclude.film_checks import (
    ADULT,
    CHECKS,
    WEIGHTS,
    adult,
    check_films,
    features,
    is_odd,
    mirror,
    not_mirrored,
    scores,
    unlikeness,
)

FIELD = ("field_left", "field_top", "field_right", "field_bottom")


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, np.ndarray]:
    """Frontal and lateral phantoms of another seed than the training's."""
    frontal, lateral = phantoms(12, seed=77)
    return thumbnails(frontal), thumbnails(lateral)


def check(thumbnails: np.ndarray) -> pd.DataFrame:
    films = pd.DataFrame({"thumbnail": [film.tobytes() for film in thumbnails]})
    return check_films(films.assign(**dict(zip(FIELD, (0.0, 0.0, 1.0, 1.0), strict=True))))


def test_films_as_taken_are_told_nothing(made: tuple[np.ndarray, np.ndarray]) -> None:
    checked = check(made[0])
    assert not checked[["is_inverted", "is_lateral", "is_unlike", "is_mirrored"]].any().any()
    assert checked.age_band.isin(["adult", None]).all()
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
    far = unlikeness(lambda: [low])
    assert far.argmax() == 0
    assert far[0] > 4.25 > np.sort(far)[-2]


def test_shipped_weights_are_those_of_the_training(made: tuple[np.ndarray, np.ndarray]) -> None:
    """A discriminant's means score +1 and -1; the shipped weights nearly do so on phantoms they never saw."""
    usual, changed = features(made[0]), features(255 - made[0])
    trained = discriminant(usual, changed)
    ends = [(rows @ trained[1:] + trained[0]).mean() for rows in (usual, changed)]
    assert np.allclose(ends, [1, -1])
    assert WEIGHTS.read_text(encoding="utf-8").splitlines()[0] == ",".join(["down", "across", *CHECKS, ADULT])
    shipped = scores(usual).mean(axis=0)
    assert (np.abs(shipped - 1) < 0.35).all()


def test_flips_are_told_of_most_phantoms(made: tuple[np.ndarray, np.ndarray]) -> None:
    checked = check(np.ascontiguousarray(made[0][:, :, ::-1]))
    assert checked.is_mirrored.mean() >= 0.5
    assert checked.not_mirrored.lt(0).mean() >= 0.95


def test_a_flip_negates_the_side_and_changes_no_build() -> None:
    films = np.random.default_rng(3).integers(0, 256, (5, 32, 32), np.uint8)
    straight, flipped = features(films), features(np.ascontiguousarray(films[:, :, ::-1]))
    assert np.allclose(flipped, mirror(straight), atol=0.02)  # low frequencies are of single precision
    assert np.allclose(not_mirrored(straight), -not_mirrored(mirror(straight)))
    assert np.allclose(adult(straight), adult(mirror(straight)))


def test_the_side_is_learnt_from_rows_and_their_mirror_images() -> None:
    """One odd frequency tells the side, noise the rest; rows that were not trained on are told."""
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(600, 77))
    first = int(np.flatnonzero(is_odd())[0])
    rows[:, first] = 3 + 0.3 * rng.normal(size=600)
    network = side(rows[:400])
    assert (not_mirrored(rows[400:], network) > 0).mean() > 0.9
    assert (not_mirrored(mirror(rows[400:]), network) < 0).mean() > 0.9


def test_the_build_is_learnt_from_children_and_adults_alone() -> None:
    """Films between 16 and 17 years, and of no known age, teach nothing."""
    rng = np.random.default_rng(6)
    years = np.repeat([8.0, float(ADULT_FROM_YEARS), 17.0, np.nan], 60)
    wholes = rng.normal(size=(240, 77))
    even = int(np.flatnonzero(~is_odd())[0])
    wholes[:, even] += np.select([years < 16, years >= ADULT_FROM_YEARS], [-2, 2], 50 * np.sign(rng.normal(size=240)))
    weights = build(wholes, years)
    assert np.array_equal(weights, build(wholes[:120], years[:120]))
    assert weights[1 + even] > 0
    assert not weights[1:][is_odd()].any()


def test_bounds_hold_the_age_band_and_the_side(made: tuple[np.ndarray, np.ndarray]) -> None:
    """A film that lies on its side is not judged for side and build."""
    checked = check(np.ascontiguousarray(np.rot90(made[0], 1, (1, 2))))
    assert checked.age_band.isna().all()
    assert not checked.is_mirrored.any()
