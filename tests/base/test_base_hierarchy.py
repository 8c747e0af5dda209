"""What findings imply of each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.base.findings import NO_FINDING, SUPPORT_DEVICES, ancestors
from pipeline.base.hierarchy import coherent

NAMES = (NO_FINDING, SUPPORT_DEVICES, "Lung Opacity", "Edema", "Consolidation", "Pneumonia", "Enlarged Cardiomediastinum", "Cardiomegaly")
TABLES = arrays(np.float64, (len(NAMES), 3), elements=st.floats(0, 1))


def of(values: np.ndarray, is_read: bool = False) -> dict[str, np.ndarray]:
    return coherent(dict(zip(NAMES, values, strict=True)), {name: np.full(values.shape[1], is_read) for name in NAMES})


@given(TABLES)
def test_what_is_implied_is_at_least_as_probable_and_a_normal_film_holds_no_disease(values: np.ndarray) -> None:
    made = of(values)
    for name in NAMES:
        for above in ancestors(name):
            assert above not in made or (made[above] >= made[name]).all()
        if name not in (NO_FINDING, SUPPORT_DEVICES):
            assert (made[NO_FINDING] <= 1 - made[name] + 1e-12).all()
            assert (made[name] >= dict(zip(NAMES, values, strict=True))[name]).all()
    np.testing.assert_array_equal(made[SUPPORT_DEVICES], values[1])
    again = coherent(made, {name: np.zeros(3, bool) for name in NAMES})
    for name in NAMES:
        np.testing.assert_array_equal(again[name], made[name])


@given(TABLES)
def test_readers_are_taken_at_their_word(values: np.ndarray) -> None:
    for name, own in zip(NAMES, values, strict=True):
        np.testing.assert_array_equal(of(values, is_read=True)[name], own)


def test_worked_values_and_gaps() -> None:
    values = np.array([[0.9], [0.9], [0.2], [0.6], [np.nan], [0.1], [np.nan], [0.3]])
    made = of(values)
    assert made["Lung Opacity"] == 0.6
    assert np.isclose(made[NO_FINDING], 0.4)
    assert np.isnan(made["Enlarged Cardiomediastinum"])
