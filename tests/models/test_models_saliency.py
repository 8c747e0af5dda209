"""Grad-CAM against its formula written out, against a pattern planted in one quarter, and of maps that point nowhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from quarter_films import striped, taught

from models.augmentation import standardise
from models.saliency import grad_cam, peak
from pipeline.base.interfaces import MODELS
from pipeline.base.pictures import enlarged


def made(seed: int, n: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


@pytest.mark.parametrize("name", MODELS.names())
def test_every_architecture_answers_the_papers_formula(name: str) -> None:
    torch.manual_seed(0)
    network = MODELS.get(name)(3, 1).eval()
    torch.nn.init.normal_(network.head.weight)
    films, outputs = made(0, 3), [2, 0, 1]
    with torch.inference_mode():
        maps = network.features(standardise(torch.from_numpy(films))).double().numpy()
    # The logit is w . mean(A) + b, so the gradient over map k is w_k / (h w) everywhere.
    alpha = network.head.weight.detach().double().numpy()[outputs] / (maps.shape[2] * maps.shape[3])
    by_hand = np.maximum(np.einsum("nk,nkhw->nhw", alpha, maps), 0)
    found = grad_cam(network, films, outputs)
    assert found.shape == (3, *maps.shape[2:])
    low, high = by_hand.min((1, 2), keepdims=True), by_hand.max((1, 2), keepdims=True)
    points = (high > low).ravel()
    assert points.any()
    np.testing.assert_allclose(found[points], ((by_hand - low)[points] / (high - low)[points]), atol=5e-4)
    assert np.isnan(found[~points]).all(), "an output that nothing speaks for points nowhere"


def test_a_trained_network_looks_where_the_finding_is() -> None:
    films, shows, quarters = striped(1, 60)
    peaks = [peak(one) for one in grad_cam(taught(), films[shows], [0] * int(shows.sum()))]
    hits = [
        found is not None and (found[0] > 0.5, found[1] > 0.5) == (right == 1, down == 1)
        for found, (down, right) in zip(peaks, quarters[shows], strict=True)
    ]
    assert np.mean(hits) > 0.8, "chance is a quarter"


def test_a_film_alone_is_seen_as_among_others() -> None:
    network = MODELS.get("mobilenet_v3_small")(2, 1)
    torch.nn.init.normal_(network.head.weight)
    films = made(1, 20)
    together = grad_cam(network, films, [1] * 20)
    np.testing.assert_allclose(grad_cam(network, films[17:18], [1]), together[17:18], atol=1e-4)
    assert grad_cam(network, films[:0], []).shape[0] == 0


def test_a_constant_map_is_told_and_not_divided_by_zero() -> None:
    network = MODELS.get("mobilenet_v3_small")(1, 1)
    torch.nn.init.zeros_(network.head.weight)
    with np.errstate(all="raise"):
        found = grad_cam(network, made(2, 2), [0, 0])
    assert np.isnan(found).all()
    assert peak(found[0]) is None


def test_the_peak_is_the_centre_of_the_highest_cell() -> None:
    saliency = np.zeros((4, 2))
    saliency[3, 1] = 1.0
    assert peak(saliency) == (0.75, 0.875)
    large = enlarged(saliency, 400, 200)
    assert large.shape == (400, 200)
    assert large[350, 150] == pytest.approx(1.0, abs=0.02)
    assert large[:250].max() == 0
