"""Near-identical films: candidates by hash, confirmation on pixels.

A 64-bit hash alone is almost always wrong on chest films, which all look alike at that size; the thumbnail decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BITS = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """Two films by row number, first < second, and the correlation of their thumbnails."""

    first: int
    second: int
    correlation: float


def find_duplicates(
    hashes: npt.NDArray[np.uint64], thumbnails: npt.NDArray[np.uint8], max_distance: int, min_correlation: float
) -> list[Pair]:
    """All pairs within `max_distance` hash bits whose thumbnails correlate at least `min_correlation`.

    Args:
        hashes: 64-bit dHashes, shape (n,).
        thumbnails: grey values, shape (n, pixels).
        max_distance: bits in which a candidate pair may differ.
        min_correlation: Pearson correlation that confirms a pair.

    Returns:
        Pairs sorted by row numbers.
    """
    rows = thumbnails.astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    found: dict[tuple[int, int], float] = {}
    for first, second in _candidates(hashes, max_distance):
        correlation = np.einsum("ij,ij->i", rows[first], rows[second])
        for i, j, value in zip(first, second, correlation, strict=True):
            if value >= min_correlation:
                found[int(min(i, j)), int(max(i, j))] = float(value)
    return [Pair(i, j, value) for (i, j), value in sorted(found.items())]


def _candidates(hashes: npt.NDArray[np.uint64], max_distance: int) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Pairs within the distance agree on at least one of `max_distance + 1` bands of bits (pigeonhole), so only those are compared."""
    edges = np.linspace(0, _BITS, max_distance + 2).astype(int)
    for low, high in itertools.pairwise(edges):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(band[order]) > 0])
        for bucket in np.split(order, starts[1:]):
            for position in range(len(bucket) - 1):
                rest = bucket[position + 1 :]
                near = np.bitwise_count(hashes[rest] ^ hashes[bucket[position]]) <= max_distance
                if near.any():
                    yield np.full(int(near.sum()), bucket[position]), rest[near]
