"""Duplicates: found when made, not found among films that merely look alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode.film import difference_hash
from pipeline.group.duplicates import _candidates, find_duplicates
from pipeline.group.unions import smallest_in_component


def test_candidates_are_exactly_the_pairs_within_the_distance() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 60).astype(np.uint64)
    for i in range(20):  # near copies with up to 8 flipped bits
        bits = rng.choice(64, int(rng.integers(0, 9)), replace=False)
        hashes = np.append(hashes, hashes[i] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64), initial=np.uint64(0)))
    found = {tuple(sorted((int(a), int(b)))) for first, second in _candidates(hashes, 6) for a, b in zip(first, second, strict=True)}
    every = {(i, j) for i in range(80) for j in range(i + 1, 80) if int(hashes[i] ^ hashes[j]).bit_count() <= 6}
    assert found == every


def chest(rng: np.random.Generator) -> np.ndarray:
    """A 64 px film of the common chest shape with detail of its own."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    shape = 170 - 110 * (np.exp(-((x - 0.4) ** 2 / 0.08 + y**2 / 0.4)) + np.exp(-((x + 0.4) ** 2 / 0.08 + y**2 / 0.4)))
    detail = np.cumsum(np.cumsum(rng.normal(0, 1, (64, 64)), 0), 1)
    return np.clip(shape + detail / detail.std() * 14, 0, 255).astype(np.uint8)


def table(films: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    small = np.stack([film.reshape(32, 2, 32, 2).mean((1, 3)).astype(np.uint8).ravel() for film in films])
    return np.array([difference_hash(film) for film in films], np.uint64), small


def test_made_duplicates_are_found_and_lookalikes_are_not() -> None:
    rng = np.random.default_rng(1)
    films = [chest(rng) for _ in range(40)]
    copies = [np.clip(films[i].astype(float) * 1.04 - 3 + rng.normal(0, 1.5, (64, 64)), 0, 255).astype(np.uint8) for i in range(10)]
    pairs = find_duplicates(*table(films + copies), 6, 0.98)
    assert [(pair.first, pair.second) for pair in pairs] == [(i, 40 + i) for i in range(10)]


@pytest.mark.parametrize("value", [0, 255])
def test_constant_thumbnails_correlate_with_nothing(value: int) -> None:
    assert find_duplicates(np.zeros(3, np.uint64), np.full((3, 1024), value, np.uint8), 6, 0.98) == []


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=12))
def test_components_are_closed_and_led_by_their_smallest(links: list[tuple[str, str]]) -> None:
    leaders = smallest_in_component("abcdefgh", links)
    for one, other in links:
        assert leaders[one] == leaders[other]
    for member, leader in leaders.items():
        assert leader == min(other for other, theirs in leaders.items() if theirs == leader)
        assert leader <= member
