"""The exposed field: found where leaves are drawn, the whole film where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.decode.field import exposed_field
from pipeline.sample.canvas import pink_noise


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    """Anatomy has edges of all directions; noise of all sizes stands for it."""
    noise = pink_noise(np.random.default_rng(0), 512)[:, :430]
    return np.rint(np.clip(128 + 40 * noise / noise.std(), 40, 215)).astype(np.uint8)


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize(("left", "top", "right", "bottom"), [(0.1, 0, 1, 1), (0, 0.2, 1, 0.9), (0.08, 0.12, 0.85, 0.95)])
def test_leaves_are_found_black_or_white(film: np.ndarray, level: int, left: float, top: float, right: float, bottom: float) -> None:
    height, width = film.shape
    shaded = np.full_like(film, level)
    inside = slice(round(top * height), round(bottom * height)), slice(round(left * width), round(right * width))
    shaded[inside] = film[inside]
    assert np.allclose(exposed_field(shaded), (left, top, right, bottom), atol=0.03)


def test_a_film_without_leaves_is_all_field(film: np.ndarray) -> None:
    assert exposed_field(film) == (0, 0, 1, 1)


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (64, 64)])
def test_flat_and_tiny_films_are_all_field(shape: tuple[int, int]) -> None:
    assert exposed_field(np.full(shape, 7, np.uint8)) == (0, 0, 1, 1)
