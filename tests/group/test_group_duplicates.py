"""Duplicates: found when made, whatever was done to them, and not found among films that merely look alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base import settings
from pipeline.base.images import Film
from pipeline.base.thumbnails import SIDE_PX
from pipeline.group import confirm
from pipeline.group.descriptors import TURNS, describe, turned
from pipeline.group.duplicates import Pair, find_duplicates
from pipeline.group.search import like_pairs
from pipeline.group.unions import smallest_in_component
from pipeline.sample.film import Darkroom, draw_technique
from pipeline.sample.people import draw_studies

GROUP = settings.load().group
CHANGES: dict[str, tuple[Callable[[Film], Film], tuple[str, ...]]] = {
    "jpeg": (lambda film: cv2.imdecode(cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], 0), ("re-encoded",)),
    "smaller": (lambda film: cv2.resize(film, (230, 210), interpolation=cv2.INTER_AREA), ("re-encoded",)),
    "window": (lambda film: np.rint(255 * np.clip((film / 255.0 - 0.15) / 0.7, 0, 1) ** 0.7).astype(np.uint8), ("re-encoded",)),
    "negative": (lambda film: 255 - film, ("inverted",)),
    "mirrored": (lambda film: film[:, ::-1].copy(), ("flipped",)),
    "upside down": (lambda film: film[::-1, ::-1].copy(), ("rotated",)),
    "on its side": (lambda film: np.rot90(film).copy(), ("rotated",)),
    "cut": (lambda film: film[12:-20, 22:-8].copy(), ("cropped",)),
    "cut, mirrored, negative": (lambda film: 255 - film[16:-16, 10:-20][:, ::-1], ("inverted", "flipped", "cropped")),
}


@pytest.fixture(scope="module")
def films() -> list[Film]:
    """Phantoms: of the second half, each shows a patient of the first half days later."""
    studies = draw_studies(3, 30)[:30]
    rng, darkroom = np.random.default_rng(3), Darkroom(np.random.default_rng(4))
    shown = [darkroom.frontal(s.patient.body, s.lesions, draw_technique(rng, "PA")) for _ in range(2) for s in studies]
    return [np.rint(film * 255).astype(np.uint8) for film in shown]


def search(films: Sequence[Film], digests: Sequence[str] | None = None) -> list[Pair]:
    def small(rows: Sequence[int]) -> Mapping[int, Film]:
        return {row: confirm.small(films[row]) for row in rows}

    thumbnails = np.stack([cv2.resize(film, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).ravel() for film in films])
    names = digests or [str(row) for row in range(len(films))]
    return find_duplicates(names, thumbnails, small, GROUP.min_likeness, GROUP.min_correlation)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_with_its_kind_and_nothing_else(films: list[Film], change: str) -> None:
    alter, kinds = CHANGES[change]
    copies = [np.ascontiguousarray(alter(films[row])) for row in range(8)]
    pairs = search([*films, *copies])
    found = {(pair.first, pair.second): pair.kinds for pair in pairs}
    assert [found.get((row, len(films) + row)) for row in range(8)] == [kinds] * 8
    # Phantoms of one patient have the same ribs to the pixel, which patients have not; two patients never.
    assert {first % 30 for first, _ in found} == set(range(8))
    assert all(first % 30 == second - len(films) for first, second in found)
    assert min(pair.correlation for pair in pairs) >= GROUP.min_correlation


def test_films_of_one_patient_on_two_days_are_no_duplicates(films: list[Film]) -> None:
    assert search(films) == []


def test_equal_pixels_are_exact_and_need_no_likeness(films: list[Film]) -> None:
    flat = [np.full((64, 64), 9, np.uint8)] * 2
    assert search([*films[:3], *flat, films[1]], ["a", "b", "c", "d", "d", "b"]) == [
        Pair(1, 5, 1.0, ("exact",)),
        Pair(3, 4, 1.0, ("exact",)),
    ]


def test_copies_of_one_film_are_joined_without_comparing_each_with_each(films: list[Film], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    compare = confirm.compare
    monkeypatch.setattr(confirm, "compare", lambda *given: calls.append(1) or compare(*given))
    rng = np.random.default_rng(0)
    noisy = [np.clip(films[0] + rng.normal(0, 2, films[0].shape), 0, 255).astype(np.uint8) for _ in range(20)]
    pairs = search([*films, *noisy])
    assert smallest_in_component(map(str, range(80)), [(str(p.first), str(p.second)) for p in pairs])["79"] == "0"
    assert len(pairs) == 20
    assert len(calls) <= 30


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_films_are_no_special_case(films: list[Film], count: int) -> None:
    def nothing(rows: Sequence[int]) -> Mapping[int, Film]:
        return {row: confirm.small(films[row]) for row in rows}

    thumbnails = np.zeros((count, SIDE_PX**2), np.uint8)
    assert find_duplicates([str(row) for row in range(count)], thumbnails, nothing, 0.7, 0.85) == []


@pytest.mark.parametrize("turn", range(len(TURNS)))
def test_turns_are_their_matrices(turn: int) -> None:
    y, x = np.mgrid[-1:2, -1:2]
    moved_x, moved_y = turned(x, turn), turned(y, turn)
    for row in range(3):
        for column in range(3):
            source = np.array([moved_x[row, column], moved_y[row, column]])
            assert (TURNS[turn] @ source == [column - 1, row - 1]).all()


def test_films_of_all_postures_come_to_stand_alike(films: list[Film]) -> None:
    small = np.stack([cv2.resize(film, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA) for film in films])
    small[::3] = 255 - small[::3]
    small[1::4] = small[1::4, ::-1]
    described = describe(small.reshape(len(small), -1))
    is_negative = np.arange(len(small)) % 3 == 0
    assert len(set(described.is_negative[is_negative])) == len(set(described.is_negative[~is_negative])) == 1
    is_upset = np.arange(len(small)) % 4 == 1
    assert len(set(described.turns[is_upset])) == len(set(described.turns[~is_upset])) == 1


def test_the_search_finds_what_comparing_all_with_all_finds() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3000, 40)).astype(np.float32)
    vectors[2900:] = vectors[:100] + rng.normal(0, 0.3, (100, 40))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors @ vectors.T
    every = {(int(i), int(j)) for i, j in np.argwhere(likeness >= 0.8)}
    found = {(int(i), int(j)) for query, member, _ in like_pairs(vectors, vectors, 0.8) for i, j in zip(query, member, strict=True)}
    assert found <= every
    assert len(found) >= 0.98 * len(every)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=12))
def test_components_are_closed_and_led_by_their_smallest(links: list[tuple[str, str]]) -> None:
    leaders = smallest_in_component("abcdefgh", links)
    for one, other in links:
        assert leaders[one] == leaders[other]
    for member, leader in leaders.items():
        assert leader == min(other for other, theirs in leaders.items() if theirs == leader)
        assert leader <= member
