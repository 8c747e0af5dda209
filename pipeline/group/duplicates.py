"""Films that are one exposure: candidates by their thumbnails, confirmation on their pixels, and what was done to one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.base.images import Film
from pipeline.group import confirm
from pipeline.group.descriptors import TURNS, VARIANTS, Described, Variant, describe, turned
from pipeline.group.search import like_pairs
from pipeline.group.unions import join, root

# Sides that differ by less are a matter of registration, not of cropping.
_CROPPED = 0.015
_FLIP = np.array([[-1, 0], [0, 1]])
KINDS = ("exact", "re-encoded", "inverted", "flipped", "rotated", "cropped")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two films by row number, first < second.

    Attributes:
        correlation: of their detail, 1 for identical pixels.
        kinds: of KINDS; several where several things were done.
    """

    first: int
    second: int
    correlation: float
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair whose thumbnails are alike when `larger` is changed as `variant` says."""

    larger: int
    other: int
    variant: Variant
    likeness: float


def find_duplicates(
    digests: Sequence[str],
    thumbnails: npt.NDArray[np.uint8],
    films: Callable[[Sequence[int]], Mapping[int, Film]],
    min_likeness: float,
    min_correlation: float,
) -> list[Pair]:
    """Pairs that join each film to its earlier duplicates, directly or through others.

    Args:
        digests: of the source pixels; equal digests are exact duplicates.
        thumbnails: grey values, shape (n, 1024).
        films: row numbers -> `confirm.small` of each film.
        min_likeness: of two descriptors, which makes a candidate.
        min_correlation: of the detail, which confirms it.

    Returns:
        Pairs sorted by row numbers.
    """
    earliest: dict[str, int] = {}
    pairs = [Pair(earliest[digest], row, 1.0, ("exact",)) for row, digest in enumerate(digests) if earliest.setdefault(digest, row) != row]
    distinct = np.array(sorted(earliest.values()), np.intp)
    distinct = distinct[np.ptp(thumbnails[distinct], axis=1) > 0] if len(distinct) else distinct
    if len(distinct) > 1:
        described = describe(thumbnails[distinct])
        candidates = find_candidates(described, min_likeness)
        compared = sorted({row for candidate in candidates for row in (candidate.larger, candidate.other)})
        shown = films([int(distinct[row]) for row in compared])
        small = {row: _upright(shown[int(distinct[row])], described, row) for row in compared}
        pairs += [
            Pair(*_in_order(int(distinct[c.larger]), int(distinct[c.other])), match.correlation, kinds_of(described, c, match))
            for c, match in _confirmed(candidates, small, min_correlation)
        ]
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def find_candidates(described: Described, min_likeness: float) -> list[Candidate]:
    """Pairs of like descriptors, each once and in its likest variant, by the later film, then by likeness."""
    best: dict[tuple[int, int], Candidate] = {}
    index = described.vectors(VARIANTS[0])
    for variant in VARIANTS:
        queries = index if variant == VARIANTS[0] else described.vectors(variant)
        for larger, other, likeness in like_pairs(index, queries, min_likeness):
            for one, two, value in zip(larger.tolist(), other.tolist(), likeness.tolist(), strict=True):
                key = (min(one, two), max(one, two))
                if one != two and (key not in best or value > best[key].likeness):
                    best[key] = Candidate(one, two, variant, value)
    return [best[key] for key in sorted(best, key=lambda key: (key[1], -best[key].likeness, key[0]))]


def _confirmed(candidates: Sequence[Candidate], small: Mapping[int, Film], min_correlation: float) -> list[tuple[Candidate, confirm.Match]]:
    """Candidates that are one exposure. Films that are joined already are not compared again, so a film sent m times costs m, not m * m."""
    leader: dict[int, int] = {row: row for row in small}
    found = []
    for candidate in candidates:
        if root(leader, candidate.larger) == root(leader, candidate.other):
            continue
        first = small[candidate.larger]
        first = np.ascontiguousarray(first[:, ::-1]) if candidate.variant.is_flipped else first
        match = confirm.compare(first, small[candidate.other], candidate.variant.trim)
        if match is not None and match.correlation >= min_correlation:
            join(leader, candidate.larger, candidate.other)
            found.append((candidate, match))
    return found


def kinds_of(described: Described, candidate: Candidate, match: confirm.Match) -> tuple[str, ...]:
    """What was done to one of two films that are not identical."""
    there, back = TURNS[described.turns[candidate.larger]], TURNS[described.turns[candidate.other]].T
    change = back @ (_FLIP if candidate.variant.is_flipped else np.eye(2, dtype=int)) @ there
    is_same_way = bool((change == np.eye(2)).all())
    found = {
        "inverted": bool(described.is_negative[candidate.larger] != described.is_negative[candidate.other]),
        "flipped": round(float(np.linalg.det(change))) == -1,
        "rotated": not is_same_way and round(float(np.linalg.det(change))) == 1,
        "cropped": max(abs(side - 1) for side in match.scale) > _CROPPED,
    }
    return tuple(kind for kind, is_so in found.items() if is_so) or ("re-encoded",)


def _in_order(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


def _upright(film: Film, described: Described, row: int) -> Film:
    film = np.asarray(turned(film, int(described.turns[row])), np.uint8)
    return np.ascontiguousarray(255 - film if described.is_negative[row] else film)
