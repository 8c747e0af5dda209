"""What a reader's minutes are spent on: against all choices on small archives, and by the promises of the settings."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pipeline.base.errors import SettingsError
from pipeline.base.settings import Review
from pipeline.review import budget

FINDINGS = ("Edema", "Mass", "Pneumonia")
PLAIN = Review(seconds_per_film=20, seconds_per_finding=5, second_read_share=0)


def cells(p_wrong: np.ndarray) -> pd.DataFrame:
    """One row a film and finding; `p_wrong` of shape (films, findings)."""
    rows = [(f"film{film:04d}", finding, 1 - p_wrong[film, at]) for film in range(len(p_wrong)) for at, finding in enumerate(FINDINGS)]
    return pd.DataFrame(rows, columns=["image_id", "finding", "label_quality_score"])


def seconds(chosen: pd.DataFrame) -> float:
    return float(chosen.drop_duplicates("image_id")["seconds"].sum())


def best(p_wrong: np.ndarray, limit: float) -> float:
    """Most expected errors of any choice of labels within the seconds."""
    sorted_down = -np.sort(-p_wrong, axis=1)
    options = [[(0.0, 0.0), *((20 + 5 * n, float(film[:n].sum())) for n in range(1, len(film) + 1))] for film in sorted_down]
    return max(sum(worth for _, worth in choice) for choice in itertools.product(*options) if sum(cost for cost, _ in choice) <= limit)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5), st.floats(0.5, 3))
@examples(deadline=None, max_examples=60)
def test_no_choice_within_the_time_is_better_by_more_than_one_film(rows: list[list[float]], minutes: float) -> None:
    p_wrong = np.array(rows)
    chosen = budget.queue(cells(p_wrong), minutes, PLAIN)
    assert seconds(chosen) <= minutes * 60 + 1e-6
    assert chosen["p_wrong"].sum() >= best(p_wrong, minutes * 60) - p_wrong.sum(axis=1).max() - 1e-6


def test_one_film_with_three_doubts_comes_before_three_with_one() -> None:
    p_wrong = np.array([[0.5, 0.5, 0.5], [0.6, 0, 0], [0, 0.6, 0], [0, 0, 0.6]])
    chosen = budget.queue(cells(p_wrong), 1, PLAIN)
    assert chosen["image_id"].tolist() == ["film0000"] * 3 + ["film0001"]
    assert chosen["position"].tolist() == [1, 1, 1, 2]
    assert seconds(chosen) == 35 + 25


def test_it_finds_far_more_than_a_random_order() -> None:
    rng = np.random.default_rng(0)
    p_wrong = rng.beta(0.3, 3, (800, 3))
    table = cells(p_wrong)
    chosen = budget.queue(table, 60, PLAIN)
    promise = budget.summary(table, chosen, PLAIN)
    wrong = rng.random((800, 3)) < p_wrong
    found = wrong.reshape(-1)[
        pd.MultiIndex.from_frame(table[["image_id", "finding"]]).isin(pd.MultiIndex.from_frame(chosen[["image_id", "finding"]]))
    ]
    assert found.sum() == pytest.approx(promise["errors"], rel=0.25)
    assert promise["errors"] > 3 * promise["errors_at_random"]
    assert promise["errors_in_all"] == pytest.approx(p_wrong.sum())
    assert "60 minutes" in budget.in_words(promise)


def test_a_quota_reaches_every_finding_and_says_what_it_costs() -> None:
    p_wrong = np.full((50, 3), 0.01)
    p_wrong[:20, 0] = 0.9
    chosen = budget.queue(cells(p_wrong), 15, PLAIN.model_copy(update={"quota": 4}))
    assert set(chosen["finding"].value_counts()[list(FINDINGS)] >= 4) == {True}
    with pytest.raises(SettingsError, match="takes"):
        budget.queue(cells(p_wrong), 1, PLAIN.model_copy(update={"quota": 40}))


def test_reading_stops_where_it_finds_too_little() -> None:
    p_wrong = np.full((500, 3), 0.001)
    p_wrong[:10] = 0.8
    chosen = budget.queue(cells(p_wrong), 600, PLAIN.model_copy(update={"stop_below_per_hour": 10.0}))
    assert chosen["image_id"].nunique() == 10
    assert budget.queue(cells(p_wrong), 600, PLAIN)["image_id"].nunique() == 500


def test_a_share_is_read_twice_within_the_time_and_always_the_same() -> None:
    p_wrong = np.random.default_rng(0).random((2000, 3))
    twice = Review(second_read_share=0.2)
    chosen = budget.queue(cells(p_wrong), 120, twice)
    per_film = chosen.drop_duplicates("image_id")
    assert per_film["is_second"].mean() == pytest.approx(0.2, abs=0.06)
    assert budget.summary(cells(p_wrong), chosen, twice)["minutes"] == pytest.approx(120, rel=0.06)
    shuffled = budget.queue(cells(p_wrong).sample(frac=1, random_state=1), 120, twice)
    pd.testing.assert_frame_equal(chosen, shuffled)


def test_nothing_to_read_is_an_empty_queue() -> None:
    assert budget.queue(cells(np.zeros((0, 3))), 60, PLAIN).empty
