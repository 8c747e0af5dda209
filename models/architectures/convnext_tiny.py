"""ConvNeXt-Tiny (Liu et al. 2022, "A ConvNet for the 2020s"): 28 million weights; wants weights to start from, and a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.base.interfaces import MODELS

if TYPE_CHECKING:
    from models.networks import FilmNetwork

WIDTH = 768


@MODELS.add("convnext_tiny", needs=("torch", "torchvision"))
def build(n_outputs: int, in_channels: int = 1) -> FilmNetwork:
    """The network with random weights; `features` bears torchvision's names, so that its checkpoints fit.

    Args:
        n_outputs: findings.
        in_channels: planes of a film.
    """
    from torchvision.models import convnext_tiny

    from models.networks import FilmNetwork, set_input_channels

    features = convnext_tiny(weights=None).features
    set_input_channels(features, in_channels)
    return FilmNetwork(features, WIDTH, n_outputs, is_faster_in_bf16=True)
