"""MedCLIP (Wang et al. 2022): image and text towers trained on films and reports that do not belong together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.zoo import _prompts
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch

FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")


class MedClipOptions(_prompts.ZeroShotOptions):
    """Options of MedCLIP."""

    findings: tuple[str, ...] = Field(default=FINDINGS, description="findings to score; upstream has prompts for these five and Pneumonia")
    pooling: Literal["mean", "max"] = Field(
        default="mean", description="how the prompts of a finding are joined: upstream's ensemble, or not"
    )
    resampling: Literal["bicubic", "bilinear"] = Field(
        default="bicubic", description="bicubic as upstream's processor, bilinear as the data set of its evaluation"
    )


@ZOO.add("medclip", needs=("transformers",))
class MedClip:
    """MedCLIP: ResNet-50 or Swin-tiny and Bio_ClinicalBERT."""

    card = ModelCard(
        title="MedCLIP",
        licence="MIT (repository; the package's metadata says BSD); the weights carry no licence of their own",
        citation="Wang et al. 2022, MedCLIP: Contrastive learning from unpaired medical images and text (EMNLP)",
        weights="folder with pytorch_model.bin of medclip-pretrained.zip (ResNet-50) or medclip-vit-pretrained.zip (Swin-tiny), linked "
        "from github.com/RyanWangZf/MedCLIP, and vocab.txt of emilyalsentzer/Bio_ClinicalBERT",
        input="224 px, padded to a square with black, standardised, three equal planes",
        trained_on="MIMIC-CXR and CheXpert; a film of them is no test",
        quirks=(
            "the text of a prompt is averaged over padding too, so that it depends on the longest prompt of its finding; kept",
            "upstream's example draws ten prompts of a finding's grid without a seed; here the whole grid is used",
            'what upstream calls ViT is a Swin transformer; its prompts for Pneumonia never say "pneumonia"',
            "upstream cannot run without a GPU and cannot load its checkpoints with later releases of transformers; this can",
            "a score is a cosine times the temperature: a logit of no probability",
        ),
    )
    Options = MedClipOptions
    findings = FINDINGS

    def load(self, checkpoint: Path, options: MedClipOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _medclip

        return _medclip.load(checkpoint, options.findings, options.pooling, options.resampling, device)
