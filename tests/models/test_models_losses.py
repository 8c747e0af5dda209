"""Every loss: what it must not do, and where it wins, on made films of twelve pixels with a pattern in noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from models import devices, recipes, training
from models.losses.co_teaching import easy
from models.networks import FilmNetwork
from models.objective import Batch, Lesson, Task
from models.recipes import Recipe
from models.training import Material, fit, predict_logits
from pipeline.base.errors import PluginError
from pipeline.base.interfaces import LOSSES

SIDE, NAN = 12, float("nan")
HERE = [name for name in LOSSES.names() if not LOSSES.missing(name)]
RECIPE = Recipe("made", epochs=40, batch_size=32, learning_rate=3e-3, seed=1, device="cpu", schedule="cosine")
PATTERN = np.add.outer(np.sin(np.arange(SIDE)), np.cos(np.arange(SIDE)))
Films = tuple[np.ndarray, np.ndarray]


def network(hidden: int, n_outputs: int, seed: int = 3) -> FilmNetwork:
    """One hidden layer, wide enough to learn every label by heart; or none."""
    with devices.deterministic(seed, torch.device("cpu")):
        layers = [nn.Linear(SIDE * SIDE, hidden), nn.ReLU()] if hidden else []
        width = hidden or SIDE * SIDE
        made = FilmNetwork(nn.Sequential(nn.Flatten(), *layers, nn.Unflatten(1, (width, 1, 1))), width, n_outputs, is_faster_in_bf16=False)
    made.dropout.p = 0.0
    return made


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "augment", lambda films, drawn: films)
    monkeypatch.setattr(recipes, "new_network", lambda recipe, n_outputs: network(256, n_outputs, recipe.seed))


def draw(rng: np.random.Generator, n: int, share: float = 0.5, contrast: float | np.ndarray = 1.0) -> Films:
    present = (rng.random(n) < share).astype(float)
    signal = np.broadcast_to(contrast, n) * 0.35 * (2 * present - 1)
    films = rng.normal(0, 1, (n, SIDE, SIDE)) + signal[:, None, None] * PATTERN
    return np.clip(128 + 20 * films, 0, 255).astype(np.uint8), present


def trained(loss: str, films: np.ndarray, given: np.ndarray, test: np.ndarray, hidden: int = 256, **changed: object) -> np.ndarray:
    """Logits of the test films."""
    made = network(hidden, 1)
    fit(made, Material(films, given[:, None]), replace(RECIPE, loss=loss, **changed))  # type: ignore[arg-type]
    return predict_logits(made, test)[0][:, 0]


def seeds() -> Iterator[np.random.Generator]:
    return (np.random.default_rng(seed) for seed in range(2))


def accuracy(logits: np.ndarray, present: np.ndarray) -> float:
    return float(((logits > 0) == (present == 1)).mean())


# What no loss may do -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HERE)
def test_unknown_cells_cost_nothing_and_teach_nothing(name: str) -> None:
    targets = torch.tensor([[1.0, NAN], [0.0, NAN], [1.0, NAN], [NAN, NAN]])
    task = Task(network(4, 2), targets, (name, name), partial(network, 4), 1e-3)
    films = torch.randn(4, 1, SIDE, SIDE)
    for progress in (0.0, 0.9):
        task.zero_grad()
        total, _ = task(films, targets, torch.arange(4), progress)
        assert torch.isfinite(total)
        torch.autograd.backward(total)
        head = task.network.head
        assert head.weight.grad is not None
        assert (head.weight.grad[0] != 0).any()
        assert (head.weight.grad[1] == 0).all()
    total, _ = task(films, torch.full((4, 2), NAN), torch.arange(4), 0.5)
    assert total.item() == 0


# ELR pulls towards what was said before, AUCM towards the means of both classes: what they do at a single step depends on those.
@pytest.mark.parametrize("name", sorted(set(HERE) - {"elr", "aucm"}))
def test_a_step_downhill_raises_what_is_present_and_lowers_what_is_absent(name: str) -> None:
    targets = torch.tensor([[1.0], [0.0], [0.0], [0.0]])
    loss = LOSSES.get(name)(Lesson(targets, partial(network, 4), 1e-3))
    for progress in (0.0, 0.9):
        logits = torch.tensor([[-0.5], [0.2], [0.1], [0.3]], requires_grad=True)
        cells = loss(Batch(torch.randn(4, 1, SIDE, SIDE), logits, targets, torch.arange(4), progress))
        assert cells.shape == logits.shape
        (gradient,) = torch.autograd.grad(cells.sum(), logits)
        assert gradient[0] < 0
        assert (gradient[1:] >= 0).all()
        assert gradient[1:].sum() > 0


def test_each_finding_has_its_own_loss() -> None:
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, NAN]])
    mixed = Task(network(4, 3), targets, ("focal", "bce", "focal"), partial(network, 4), 1e-3)
    films, rows = torch.randn(2, 1, SIDE, SIDE), torch.arange(2)
    total, logits = mixed(films, targets, rows, 0.0)
    alone = [
        LOSSES.get(name)(Lesson(targets[:, [column]], partial(network, 4), 1e-3))(
            Batch(films, logits[:, [column]], targets[:, [column]], rows, 0.0)
        ).sum()
        for column, name in enumerate(("focal", "bce", "focal"))
    ]
    assert total.item() == pytest.approx(sum(one.item() for one in alone), rel=1e-6)
    with pytest.raises(PluginError, match="no loss is called 'squared'"):
        Task(network(4, 1), targets[:, :1], ("squared",), partial(network, 4), 1e-3)


def test_easy_cells_are_chosen_within_each_class() -> None:
    losses = torch.tensor([[5.0], [1.0], [9.0], [0.1], [0.2], [0.3], [0.4], [7.0]])
    targets = torch.tensor([[1.0], [1.0], [NAN], [0.0], [0.0], [0.0], [0.0], [0.0]])
    assert easy(losses, targets, 0.0).ravel().tolist() == [1, 1, 0, 1, 1, 1, 1, 1]
    assert easy(losses, targets, 0.4).ravel().tolist() == [1, 1, 0, 1, 1, 1, 0, 0]
    assert easy(losses, targets, 0.5).ravel().tolist() == [0, 1, 0, 1, 1, 1, 0, 0]


# Where each wins -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["elr", "co_teaching"])
def test_labels_wrong_at_random_are_not_learned_by_heart(loss: str) -> None:
    for rng in seeds():
        (films, present), (test, truth) = draw(rng, 400), draw(rng, 2000)
        given = np.where(rng.random(400) < 0.3, 1 - present, present)
        by_heart, robust = (accuracy(trained(name, films, given, test), truth) for name in ("bce", loss))
        assert robust > by_heart + 0.01


def test_gce_is_not_moved_by_striking_films_with_wrong_labels() -> None:
    for rng in seeds():
        is_striking = rng.random(800) < 0.15
        films, present = draw(rng, 800, contrast=np.where(is_striking, 3.0, 0.7))
        test, truth = draw(rng, 2000, contrast=0.7)
        given = np.where(is_striking, 1 - present, present)
        moved, robust = (accuracy(trained(name, films, given, test, hidden=0, epochs=20), truth) for name in ("bce", "gce"))
        assert robust > moved + 0.1


def test_asymmetric_forgives_labels_that_miss_positives() -> None:
    for rng in seeds():
        (films, present), (test, truth) = draw(rng, 400), draw(rng, 2000)
        given = np.where(rng.random(400) < 0.4, 0.0, present)
        strict, forgiving = (accuracy(trained(name, films, given, test), truth) for name in ("bce", "asymmetric"))
        assert forgiving > strict + 0.05


def test_focal_is_less_sure_of_itself() -> None:
    for rng in seeds():
        (films, present), (test, truth) = draw(rng, 400, contrast=0.4), draw(rng, 2000, contrast=0.4)
        side = 2 * truth - 1
        sure, modest = (np.logaddexp(0, -trained(name, films, present, test) * side).mean() for name in ("bce", "focal"))
        assert modest < sure - 0.01


def test_plain_bce_answers_with_the_share_of_the_present() -> None:
    for rng in seeds():
        films, present = draw(rng, 1500, 0.1, 0.0)
        logits = {name: trained(name, films, present, films, hidden=0, epochs=5, learning_rate=1e-4) for name in ("bce", "weighted_bce")}
        drift = {name: abs((1 / (1 + np.exp(-one))).mean() - present.mean()) for name, one in logits.items()}
        assert drift["bce"] < 0.01 < drift["weighted_bce"]


def test_weights_find_more_of_a_rare_finding() -> None:
    for rng in seeds():
        (films, present), (test, truth) = draw(rng, 1500, 0.04, 0.25), draw(rng, 4000, 0.04, 0.25)
        logits = {name: trained(name, films, present, test, epochs=15, learning_rate=1e-3) for name in ("bce", "weighted_bce")}
        found = {name: (one[truth == 1] > 0).mean() for name, one in logits.items()}
        assert found["weighted_bce"] > found["bce"] + 0.02


@pytest.mark.skipif("aucm" not in HERE, reason="make test-upstream")
def test_aucm_orders_a_rare_finding_better() -> None:
    gains = []
    for rng in seeds():
        (films, present), (test, truth) = draw(rng, 1500, 0.04, 0.25), draw(rng, 4000, 0.04, 0.25)
        areas = [roc_auc_score(truth, trained(name, films, present, test, epochs=15, learning_rate=1e-3)) for name in ("bce", "aucm")]
        gains.append(areas[1] - areas[0])
    assert np.mean(gains) > 0
