"""Every registered uncertainty policy, and the exact table of what becomes of each state."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.base.interfaces import POLICIES
from pipeline.base.labels import STATES, LabelState
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, UNCERTAIN, UNMENTIONED
from pipeline.label.reconcile import sides, targets

NAN = np.nan
P = 0.37
EXPECTED = {
    "u_ignore": NAN, "u_zeros": 0.0, "u_ones": 1.0, "u_multiclass": 0.5, "u_self_trained": P, "u_ones_lsr": 0.7, "u_zeros_lsr": 0.15,
}  # fmt: skip
# What UNCERTAIN claims: a label that trains at its own posterior claims nothing it could be wrong about.
CLAIMED = {"u_ones": 1.0, "u_ones_lsr": 1.0, "u_zeros": 0.0, "u_zeros_lsr": 0.0}


def test_the_five_policies_of_chexpert_are_there() -> None:
    assert set(EXPECTED) <= set(POLICIES.names())


@pytest.mark.parametrize("name", POLICIES.names())
def test_contract(name: str) -> None:
    """Decided states keep their side or train at the posterior, targets lie in [0, 1] or are masked, length and input are kept."""
    rng = np.random.default_rng(0)
    states = rng.choice(np.array([str(state) for state in STATES if state != LabelState.UNMENTIONED], object), 200)
    before, p = states.copy(), rng.random(200)
    made = POLICIES.get(name)(states, p)
    assert made.shape == (200,)
    decided = np.where(states == "POSITIVE", 1.0, 0.0)
    assert any((made == expected)[states != "UNCERTAIN"].all() for expected in (decided, p))
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


def test_the_posterior_trains_every_label_and_silence_but_nobody_where_nobody_was_asked() -> None:
    given = np.array([POSITIVE, NEGATIVE, UNCERTAIN, UNMENTIONED, MISSING], np.int8)
    p = np.array([0.9, 0.2, 0.4, 0.1, 0.3])
    for unmentioned in ("negative", "ignore"):
        made = targets(given, p, POLICIES.get("posterior"), unmentioned)  # type: ignore[arg-type]
        np.testing.assert_array_equal(made, [0.9, 0.2, 0.4, 0.1, NAN])


@pytest.mark.parametrize("name", POLICIES.names())
@pytest.mark.parametrize(("unmentioned", "silent"), [("negative", 0.0), ("ignore", NAN)])
def test_what_a_label_claims_does_not_follow_its_soft_target(name: str, unmentioned: str, silent: float) -> None:
    given = np.array([POSITIVE, NEGATIVE, UNCERTAIN, UNMENTIONED, MISSING], np.int8)
    made = sides(given, POLICIES.get(name), unmentioned)  # type: ignore[arg-type]
    np.testing.assert_array_equal(made, [1.0, 0.0, CLAIMED.get(name, NAN), silent, NAN])


def test_the_mean_of_the_drawn_targets_has_the_mean_loss_and_gradient_of_the_draws() -> None:
    """Why label smoothing needs no chance here: Pham et al. draw from [0.55, 0.85] and [0, 0.3]."""
    rng, logit = np.random.default_rng(0), 0.4
    p = 1 / (1 + np.exp(-logit))
    for low, high, name in ((0.55, 0.85, "u_ones_lsr"), (0.0, 0.3, "u_zeros_lsr")):
        drawn = rng.uniform(low, high, 200_000)
        target = POLICIES.get(name)(np.array(["UNCERTAIN"], object), np.array([P]))[0]
        losses = -(drawn * np.log(p) + (1 - drawn) * np.log(1 - p))
        assert losses.mean() == pytest.approx(-(target * np.log(p) + (1 - target) * np.log(1 - p)), abs=1e-3)
        assert (p - drawn).mean() == pytest.approx(p - target, abs=1e-3)
