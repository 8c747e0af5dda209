"""Any DenseNet (Huang et al. 2017) that classifies films: torchvision's names, with or without the wrappers of a training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.zoo._classifier_options import NIH_ORDER, ClassifierOptions
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch


@ZOO.add("densenet121", needs=("torch", "torchvision"))
class DenseNet121:
    """Any DenseNet checkpoint in torchvision's layout; you say what its outputs mean."""

    card = ModelCard(
        title="DenseNet-121",
        licence="the checkpoint's own",
        citation="the checkpoint's own; Huang et al. 2017, Densely connected convolutional networks (CVPR)",
        weights="one .pt, .pth, .tar or .safetensors file with features.* and classifier.*, of any depth and width, one plane or three",
        input="size_px square, as many planes as its first convolution sees; grey values and crop by option",
        trained_on="the checkpoint's own",
        quirks=("the file does not say what its outputs mean: the option findings does, ChestX-ray14's order unless told otherwise",),
    )
    Options = ClassifierOptions
    findings = NIH_ORDER

    def load(self, checkpoint: Path, options: ClassifierOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _classifier

        return _classifier.scorer_of(checkpoint, _classifier.densenet_of, options, device)
