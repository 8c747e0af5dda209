"""What a training shows of the labels it trains on: worked by hand, and on films of which some labels are flipped."""

from __future__ import annotations

import numpy as np
import torch
from factories import phantom

from models.dynamics import Recorder
from models.experiments import Parts, judge
from models.recipes import Recipe
from models.training import Material
from pipeline.base.images import resize_square

NAN = np.nan


def test_margin_forgetting_and_early_loss_by_hand() -> None:
    """One finding, given present, present, absent, absent, nothing; three epochs."""
    recorder = Recorder(np.array([[1.0], [1.0], [0.0], [0.0], [NAN]]), 3)
    evidence = torch.tensor([[1.0, -2.0, 4.0], [-1.0, -1.0, -4.0], [-1.0, -2.0, -3.0], [-1.0, 2.0, -2.0], [1.0, 1.0, 1.0]])
    for epoch in range(3):
        for rows in (torch.tensor([4, 2, 0]), torch.tensor([1, 3])):
            recorder.note(epoch, rows, evidence[rows, epoch : epoch + 1] - 2, torch.tensor([-2.0]))
    found = recorder.result()
    np.testing.assert_allclose(found.aum[:, 0], [1.0, -2.0, 2.0, 1 / 3, NAN], rtol=1e-6)
    # Learned, lost and learned again; never learned: all three epochs; never lost; lost once.
    np.testing.assert_array_equal(found.n_forgotten[:, 0], [1, 3, 0, 1, NAN])
    # The first half of three epochs is two.
    given = np.array([[-1.0, -4.0], [-3.0, -3.0], [3.0, 4.0], [3.0, 0.0], [NAN, NAN]])
    np.testing.assert_allclose(found.early_loss[:, 0], np.log1p(np.exp(-given)).mean(1), rtol=1e-6)


def test_flipped_labels_show_in_every_measure_and_watching_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((160, 2)) < 0.4
    flipped = rng.random(truth.shape) < 0.12
    films = np.stack([resize_square(phantom(rng, cardiomegaly=bool(big), effusion=bool(wet)), 48) for big, wet in truth])
    given = (truth ^ flipped).astype(float)
    place = np.arange(160)
    parts, recipe = Parts(place < 130, (place >= 130) & (place < 150), place >= 150), Recipe("mobilenet_v3_small", 6, 16, 2e-3, 1, "cpu")
    watched, alone = judge(Material(films, given), parts, recipe, sides=given), judge(Material(films, given), parts, recipe)
    assert watched.logits.tobytes() == alone.logits.tobytes()
    assert alone.dynamics is None
    wrong = flipped[parts.train]
    for name, worse in (("aum", -1), ("early_loss", 1), ("n_forgotten", 1)):
        values = worse * getattr(watched.dynamics, name)
        bad, good = values[wrong], values[~wrong]
        pairs = (bad[:, None] > good).mean() + 0.5 * (bad[:, None] == good).mean()
        assert pairs > 0.85, name
