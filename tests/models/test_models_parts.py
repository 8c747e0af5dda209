from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from models import devices
from models.augmentation import augment, changes, standardise
from models.calibration import fit_platt, sigmoid
from models.objective import masked_bce, positive_weights, prior_logits
from models.sampling import steps_per_epoch
from models.schedules import one_cycle

NAN = float("nan")


def test_masked_loss_is_the_loss_of_the_known_cells() -> None:
    logits, targets = torch.randn(6, 3), torch.tensor([[1, 0, NAN], [NAN, 1, 0]] * 3)
    known = ~torch.isnan(targets)
    expected = binary_cross_entropy_with_logits(logits[known], targets[known], reduction="sum")
    assert masked_bce(logits, targets).sum() == pytest.approx(expected.item(), abs=1e-5)


def test_unknown_cells_neither_count_nor_teach() -> None:
    logits = torch.randn(4, 2, requires_grad=True)
    masked_bce(logits, torch.tensor([[1, NAN], [0, NAN], [NAN, NAN], [1, NAN]])).sum().backward()
    assert logits.grad is not None
    assert (logits.grad[:, 1] == 0).all()
    assert (logits.grad[2] == 0).all()
    assert (logits.grad[[0, 1, 3], 0] != 0).all()
    assert not masked_bce(logits, torch.full((4, 2), NAN)).any()


def test_the_prior_bias_is_where_the_weighted_loss_is_flat() -> None:
    targets = torch.tensor([[1.0]] * 100 + [[0.0]] * 900)
    weights = positive_weights(targets)
    assert weights.item() == pytest.approx(3)
    bias = prior_logits(targets, weights.log()).requires_grad_()
    masked_bce(bias.expand(1000, 1), targets, weights).mean().backward()
    assert bias.grad is not None
    assert abs(bias.grad.item()) < 1e-3


def test_each_film_is_standardised_by_itself() -> None:
    films = torch.randint(0, 255, (3, 16, 16), dtype=torch.uint8)
    films[1] = 80
    found = standardise(films)
    assert found.mean((1, 2, 3)).abs().max() < 1e-4
    assert (found[1] == 0).all()
    assert found[0].std(correction=0).item() == pytest.approx(1, abs=1e-4)


def test_augmentation_moves_a_film_a_little_and_never_mirrors_it() -> None:
    film = torch.zeros(64, 1, 40, 40)
    film[:, :, 10:30, 4:12] = 1
    moved = augment(film, changes(len(film), torch.Generator().manual_seed(0)))
    assert not torch.equal(moved, film)
    assert (moved[..., :20].mean((1, 2, 3)) > moved[..., 20:].mean((1, 2, 3))).all(), "the left side stays left"
    assert torch.equal(moved, augment(film, changes(len(film), torch.Generator().manual_seed(0))))


def test_augmentation_does_what_was_drawn_and_draws_the_edge_out() -> None:
    film = torch.rand(1, 1, 50, 40, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(augment(film, torch.zeros(1, 6)), film, atol=1e-5)
    # The largest shift is 3 of 50 rows.
    down = augment(film, torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]))
    assert torch.allclose(down[..., 3:, :], film[..., :-3, :], atol=1e-4)
    assert torch.allclose(down[..., :3, :], film[..., :1, :].expand(-1, -1, 3, -1), atol=1e-4)
    brighter = augment(film, torch.tensor([[0.0, 0.0, 0.0, 0.0, 1.0, -1.0]]))
    assert torch.allclose(brighter, film * 1.15 - 0.15, atol=1e-5)


@pytest.mark.parametrize("corner", list(itertools.product((-1.0, 1.0), repeat=4)))
def test_nothing_but_film_moves_in(corner: tuple[float, ...]) -> None:
    moved = augment(torch.full((1, 1, 96, 72), -5.0), torch.tensor([[*corner, 0.0, 0.0]]))
    assert torch.allclose(moved, torch.tensor(-5.0), atol=1e-4)


@pytest.mark.parametrize(("n", "batch_size", "steps"), [(2, 32, 1), (3, 2, 1), (33, 32, 4), (100, 32, 12), (1000, 32, 32), (5, 2, 2)])
def test_batches_are_never_of_one_film(n: int, batch_size: int, steps: int) -> None:
    assert steps_per_epoch(n, batch_size) == steps
    assert min(len(rows) for rows in torch.arange(n).tensor_split(steps)) >= 2


def test_one_cycle_climbs_and_falls() -> None:
    shares = [one_cycle(100, step) for step in range(100)]
    assert max(shares) == pytest.approx(1, abs=0.05)
    assert int(np.argmax(shares)) in range(22, 28)
    assert shares[0] < 0.1
    assert shares[-1] < 0.01
    assert all(0 < one_cycle(1, 0) <= 1 for _ in range(1))


def test_platt_finds_the_planted_slope_and_keeps_order() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 2))
    targets = (rng.random((4000, 2)) < sigmoid(0.5 * logits - 1)).astype(float)
    targets[rng.random((4000, 2)) < 0.3] = np.nan
    platt = fit_platt(logits, targets, np.zeros(2))
    np.testing.assert_allclose(platt.slope, 0.5, atol=0.06)
    np.testing.assert_allclose(platt.intercept, -1, atol=0.15)
    assert (np.diff(platt(np.sort(logits, axis=0)), axis=0) >= 0).all()


def test_platt_with_few_or_no_positives_stays_near_what_was_believed() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1, (60, 3))
    targets = (rng.random((60, 3)) < sigmoid(logits)).astype(float)
    targets[:, 1] = 0
    targets[:, 2] = np.nan
    platt = fit_platt(logits, targets, np.array([0.0, 0.0, -1.5]))
    assert np.isfinite(platt(logits)).all()
    assert 0 < platt(logits)[:, 1].mean() < 0.1
    assert platt.intercept[2] == pytest.approx(-1.5, abs=1e-3)
    assert platt.slope[2] == pytest.approx(platt.slope.mean(), rel=0.3)


def test_settings_of_torch_are_given_back() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.random.get_rng_state()
    with devices.deterministic(3, torch.device("cpu"), threads=1):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_num_threads() == 1
        torch.randn(3)
    assert torch.get_num_threads() == before[0]
    assert torch.are_deterministic_algorithms_enabled() == before[1]
    assert torch.equal(torch.random.get_rng_state(), before[2])
