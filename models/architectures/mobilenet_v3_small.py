"""MobileNetV3-Small (Howard et al. 2019, "Searching for MobileNetV3"): 0.9 million weights, the default without a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.base.interfaces import MODELS

if TYPE_CHECKING:
    from models.networks import FilmNetwork

WIDTH = 576


@MODELS.add("mobilenet_v3_small", needs=("torch", "torchvision"))
def build(n_outputs: int, in_channels: int = 1) -> FilmNetwork:
    """The network with random weights; `features` bears torchvision's names, so that its checkpoints fit.

    Args:
        n_outputs: findings.
        in_channels: planes of a film.
    """
    from torchvision.models import mobilenet_v3_small

    from models.networks import FilmNetwork, set_input_channels

    features = mobilenet_v3_small(weights=None).features
    set_input_channels(features, in_channels)
    return FilmNetwork(features, WIDTH, n_outputs, is_faster_in_bf16=False)
