"""Options of the convolutional classifiers. What they do is in `_classifier`; here is no torch, so that listing models stays quick."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.base.interfaces import ModelOptions

# The order of ChestX-ray14's classes in CheXNet and all that came after it.
NIH_ORDER = (
    "Atelectasis", "Cardiomegaly", "Pleural Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax", "Consolidation",
    "Edema", "Emphysema", "Fibrosis", "Pleural Thickening", "Hernia",
)  # fmt: skip
Range = Literal["imagenet", "xrv"]
Crop = Literal["stretch", "centre"]
Output = Literal["probability", "logit"]


class PickleOptions(ModelOptions):
    """Of a model whose checkpoints may be whole pickled networks."""

    unsafe_pickle: bool = Field(
        default=False,
        description="take a whole pickled network; nothing but its tensors comes to life, yet such a file may fill the memory",
    )


class ClassifierOptions(PickleOptions):
    """Of a network whose file does not say what it answers."""

    findings: tuple[str, ...] = Field(
        default=NIH_ORDER, description="what the outputs mean, in their order; an empty text for an output that was never trained"
    )
    size_px: int = Field(default=224, ge=32, le=2048, description="side of the film that the network sees")
    grey: Range = Field(default="imagenet", description="grey values: ImageNet's mean and deviation, or torchxrayvision's -1024 to 1024")
    crop: Crop = Field(
        default="centre", description="how a film becomes square: its middle, after its shorter side is size_px; or stretched"
    )
    output: Output = Field(default="probability", description="what a score is: through a sigmoid or not")
