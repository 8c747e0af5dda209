"""How much soft targets tell, in films that are sure."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.targets import equivalent_counts

NAN = np.nan


@given(st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_targets_of_0_and_1_count_as_they_are(column: list[float]) -> None:
    targets = np.array(column)[:, None]
    counts = [int((targets == side).sum()) for side in (1, 0)]
    # One side alone tells nothing of the other.
    assert equivalent_counts(targets)[:, 0].tolist() == (counts if all(counts) else [0, 0])


def test_soft_targets_tell_by_how_far_they_part() -> None:
    targets = np.array([[0.25, 0.3, 0.0], [0.25, 0.3, 0.5], [0.75, 0.3, 1.0], [0.75, 0.3, NAN]])
    # Mean 0.5 and four squares of 0.25: 0.25 / 0.5 each way.
    np.testing.assert_allclose(equivalent_counts(targets), [[0.5, 0, 1], [0.5, 0, 1]])


def test_soft_labels_below_a_half_can_tell_enough() -> None:
    """A finding whose posterior is never above one half: a threshold would call it all negative."""
    targets = np.repeat([[0.05], [0.45]], 100, axis=0)
    assert not (targets > 0.5).any()
    assert (equivalent_counts(targets) > 10).all()
