"""DenseNet-121 (Huang et al. 2017), the network of CheXNet and of most published chest film models: for a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.base.interfaces import MODELS

if TYPE_CHECKING:
    from models.networks import FilmNetwork

WIDTH = 1024


@MODELS.add("densenet121", needs=("torch", "torchvision"))
def build(n_outputs: int, in_channels: int = 1) -> FilmNetwork:
    """The network with random weights; `features` bears torchvision's names, so that its checkpoints fit.

    Args:
        n_outputs: findings.
        in_channels: planes of a film.
    """
    from torch import nn
    from torchvision.models import densenet121

    from models.networks import FilmNetwork, set_input_channels

    features = densenet121(weights=None).features
    # torchvision applies this ReLU in forward(), outside `features`.
    features.add_module("relu5", nn.ReLU())
    set_input_channels(features, in_channels)
    return FilmNetwork(features, WIDTH, n_outputs, is_faster_in_bf16=True)
