"""BioViL (Boecking et al. 2022, "Making the Most of Text Semantics to Improve Biomedical Vision-Language Processing")."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from models.zoo import _prompts
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch


class BioVilOptions(_prompts.ContrastOptions):
    """Options of BioViL."""

    findings: tuple[str, ...] = Field(default=("Pneumonia",), description="findings to score; upstream published Pneumonia alone")
    crop_px: int = Field(default=480, ge=64, le=512, description="side of the film's middle that is seen; upstream's own test sees 512")


@ZOO.add("biovil", needs=("transformers",))
class BioVil:
    """BioViL: ResNet-50 and CXR-BERT in one space of 128 dimensions."""

    card = ModelCard(
        title="BioViL",
        licence="MIT",
        citation="Boecking et al. 2022, Making the most of text semantics to improve biomedical vision-language processing (ECCV)",
        weights="snapshot of microsoft/BiomedVLP-CXR-BERT-specialized, tag v1.1: biovil_image_resnet50_proj_size_128.pt, "
        "pytorch_model.bin, config.json, vocab.txt",
        input="480 px: the middle of a film whose shorter side is 512, grey values stretched to 0 to 1, three equal planes",
        trained_on="MIMIC-CXR; CXR-BERT also on PubMed abstracts and MIMIC-III",
        quirks=(
            "a score is the cosine to the mean of the prompts for a finding minus that to the mean of the prompts against it, in [-2, 2]",
            "upstream reads DICOM without turning MONOCHROME1 round and without a window; here every film is dark air and bright bone",
            "of a film that is not square, what lies beyond the middle is not seen",
        ),
    )
    Options = BioVilOptions
    findings = ("Pneumonia",)

    def load(self, checkpoint: Path, options: BioVilOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _biovil

        return _biovil.load(checkpoint, "biovil_image*.pt", options, options.crop_px, device, temporal=False)
