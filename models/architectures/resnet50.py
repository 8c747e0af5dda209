"""ResNet-50 (He et al. 2016, "Deep Residual Learning for Image Recognition"): 23.5 million weights, with torchvision's names, for a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.base.interfaces import MODELS

if TYPE_CHECKING:
    from models.networks import FilmNetwork

WIDTH = 2048


@MODELS.add("resnet50", needs=("torch", "torchvision"))
def build(n_outputs: int, in_channels: int = 1) -> FilmNetwork:
    """The network with random weights; `features` bears torchvision's names, so that its checkpoints fit.

    Args:
        n_outputs: findings.
        in_channels: planes of a film.
    """
    from collections import OrderedDict

    from torch import nn
    from torchvision.models import resnet50

    from models.networks import FilmNetwork, set_input_channels

    whole = dict(resnet50(weights=None).named_children())
    features = nn.Sequential(OrderedDict((name, whole[name]) for name in whole if name not in ("avgpool", "fc")))
    set_input_channels(features, in_channels)
    return FilmNetwork(features, WIDTH, n_outputs, is_faster_in_bf16=True)
