"""BioViL-T (Bannur et al. 2023, "Learning to Exploit Temporal Structure for Biomedical Vision-Language Processing")."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from models.zoo import _prompts
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch


class BioVilTOptions(_prompts.ContrastOptions):
    """Options of BioViL-T."""

    findings: tuple[str, ...] = Field(default=("Pneumonia",), description="findings to score; upstream published Pneumonia alone")
    crop_px: int = Field(default=448, ge=64, le=512, description="side of the film's middle that is seen; upstream's own test sees 512")


@ZOO.add("biovil_t", needs=("transformers",))
class BioVilT:
    """BioViL-T: as BioViL, trained on films and the films before them."""

    card = ModelCard(
        title="BioViL-T",
        licence="MIT",
        citation="Bannur et al. 2023, Learning to exploit temporal structure for biomedical vision-language processing (CVPR)",
        weights="snapshot of microsoft/BiomedVLP-BioViL-T, tag v1.0: biovil_t_image_model_proj_size_128.pt, pytorch_model.bin, "
        "config.json, vocab.txt",
        input="448 px: the middle of a film whose shorter side is 512, grey values stretched to 0 to 1, three equal planes",
        trained_on="MIMIC-CXR with prior films; CXR-BERT also on PubMed abstracts and MIMIC-III",
        quirks=(
            "each film is scored on its own, as upstream does without a prior film: the part that compares two films is not used",
            "a score is the cosine to the mean of the prompts for a finding minus that to the mean of the prompts against it, in [-2, 2]",
            "upstream reads DICOM without turning MONOCHROME1 round and without a window; here every film is dark air and bright bone",
            "of a film that is not square, what lies beyond the middle is not seen",
        ),
    )
    Options = BioVilTOptions
    findings = ("Pneumonia",)

    def load(self, checkpoint: Path, options: BioVilTOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _biovil

        return _biovil.load(checkpoint, "biovil_t_image*.pt", options, options.crop_px, device, temporal=True)
