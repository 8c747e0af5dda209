"""Films with stripes in one quarter where the finding is there, and a small network taught to see them."""

from __future__ import annotations

import numpy as np

from models.networks import FilmNetwork
from models.recipes import Recipe, new_network
from models.training import Material, fit

SIZE = 128
SIDE, EDGE = 40, 12


def striped(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Films uint8 (n, 128, 128), whether each shows the finding (n,), and its quarter (n, 2) as (down, right)."""
    rng = np.random.default_rng(seed)
    films, shows, quarters = rng.normal(110, 12, (n, SIZE, SIZE)), rng.random(n) < 0.5, rng.integers(0, 2, (n, 2))
    stripes = 45 * np.sign(np.sin(np.arange(SIDE) * np.pi / 4))
    for film, is_there, quarter in zip(films, shows, quarters, strict=True):
        top, left = corner(quarter)
        film[top : top + SIDE, left : left + SIDE] += is_there * stripes
    return films.clip(0, 255).astype(np.uint8), shows, quarters


def corner(quarter: np.ndarray) -> tuple[int, int]:
    """Row and column where the stripes of a quarter begin."""
    down, right = quarter
    return SIZE // 2 * int(down) + EDGE, SIZE // 2 * int(right) + EDGE


def taught() -> FilmNetwork:
    films, shows, _ = striped(0, 150)
    recipe = Recipe("mobilenet_v3_small", epochs=8, batch_size=16, learning_rate=2e-3, seed=1, device="cpu")
    network = new_network(recipe, 1)
    fit(network, Material(films, shows[:, None].astype(float)), recipe)
    return network
