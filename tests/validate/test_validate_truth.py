from __future__ import annotations

import numpy as np
import pytest

from pipeline.validate.truth import NOBODY, POSTERIOR, READERS, VERDICTS, Truth, decide

NAN = np.nan


@pytest.mark.parametrize(
    ("verdict", "is_judged", "readers", "posterior", "value", "source"),
    [
        (1.0, True, 0.0, 0.0, 1.0, VERDICTS),
        (0.0, True, 1.0, 1.0, 0.0, VERDICTS),
        (NAN, True, 1.0, 1.0, NAN, NOBODY),
        (NAN, False, 2 / 3, 0.0, 1.0, READERS),
        (NAN, False, 1 / 3, 1.0, 0.0, READERS),
        (NAN, False, 0.5, 1.0, NAN, NOBODY),
        (NAN, False, NAN, 0.8, 0.8, POSTERIOR),
        (NAN, False, NAN, 0.0, 0.0, POSTERIOR),
        (NAN, False, NAN, NAN, NAN, NOBODY),
    ],
)
def test_who_is_believed(verdict: float, is_judged: bool, readers: float, posterior: float, value: float, source: int) -> None:
    found = decide(np.array([[verdict]]), np.array([[is_judged]]), np.array([[readers]]), np.array([[posterior]]))
    np.testing.assert_array_equal(found.values, [[value]])
    assert found.source[0, 0] == source


def test_the_name_of_mixed_sources_and_the_warning() -> None:
    truth = Truth(np.array([[1.0, 0.0], [0.0, NAN]]), np.array([[VERDICTS, POSTERIOR], [READERS, NOBODY]], np.int8))
    both, first = np.array([True, True]), np.array([True, False])
    assert truth.name([0], both) == "mixed"
    assert truth.name([0], first) == "verdicts"
    assert truth.name([1], both) == "posterior"
    assert "1 of 3 scored cells" in truth.warnings()[0]
    assert truth.counts() == {"truth_verdicts": 1, "truth_readers": 1, "truth_posterior": 1, "truth_unknown": 1}
    assert Truth(np.ones((1, 1)), np.full((1, 1), VERDICTS, np.int8)).warnings() == ()
