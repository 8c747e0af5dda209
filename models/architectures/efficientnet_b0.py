"""EfficientNet-B0 (Tan and Le 2019, "EfficientNet: Rethinking Model Scaling"): 4 million weights, accurate for its cost on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.base.interfaces import MODELS

if TYPE_CHECKING:
    from models.networks import FilmNetwork

WIDTH = 1280


@MODELS.add("efficientnet_b0", needs=("torch", "torchvision"))
def build(n_outputs: int, in_channels: int = 1) -> FilmNetwork:
    """The network with random weights; `features` bears torchvision's names, so that its checkpoints fit.

    Args:
        n_outputs: findings.
        in_channels: planes of a film.
    """
    from torchvision.models import efficientnet_b0

    from models.networks import FilmNetwork, set_input_channels

    features = efficientnet_b0(weights=None).features
    set_input_channels(features, in_channels)
    return FilmNetwork(features, WIDTH, n_outputs, is_faster_in_bf16=False)
