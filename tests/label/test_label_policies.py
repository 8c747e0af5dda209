"""Every registered uncertainty policy, and the exact table of what becomes of each state."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.base.interfaces import POLICIES
from pipeline.base.labels import STATES, LabelState
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, UNCERTAIN, UNMENTIONED
from pipeline.label.reconcile import targets

NAN = np.nan
P = 0.37
EXPECTED = {"u_ignore": NAN, "u_zeros": 0.0, "u_ones": 1.0, "u_multiclass": 0.5, "u_self_trained": P}


def test_the_five_policies_of_chexpert_are_there() -> None:
    assert set(EXPECTED) <= set(POLICIES.names())


@pytest.mark.parametrize("name", POLICIES.names())
def test_contract(name: str) -> None:
    """Decided states keep their side, targets lie in [0, 1] or are masked, length and input are kept."""
    rng = np.random.default_rng(0)
    states = rng.choice(np.array([str(state) for state in STATES if state != LabelState.UNMENTIONED], object), 200)
    before, p = states.copy(), rng.random(200)
    made = POLICIES.get(name)(states, p)
    assert made.shape == (200,)
    assert (made[states == "POSITIVE"] == 1).all()
    assert (made[states == "NEGATIVE"] == 0).all()
    uncertain = made[states == "UNCERTAIN"]
    assert (np.isnan(uncertain) | ((uncertain >= 0) & (uncertain <= 1))).all()
    assert (states == before).all()
    assert POLICIES.get(name)(states[:0], p[:0]).shape == (0,)


@pytest.mark.parametrize(("name", "uncertain"), EXPECTED.items())
@pytest.mark.parametrize(("unmentioned", "silent"), [("negative", 0.0), ("ignore", NAN)])
def test_table(name: str, uncertain: float, unmentioned: str, silent: float) -> None:
    """Silence is negative only where somebody was asked, and only when the setting says so."""
    given = np.array([POSITIVE, NEGATIVE, UNCERTAIN, UNMENTIONED, MISSING], np.int8)
    made = targets(given, np.full(5, P), POLICIES.get(name), unmentioned)  # type: ignore[arg-type]
    np.testing.assert_array_equal(made, [1.0, 0.0, uncertain, silent, NAN])
