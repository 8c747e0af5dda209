"""Any image-text model that transformers carries: CLIP, SigLIP and their kin, from a snapshot folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.zoo import _prompts
from pipeline.base.findings import CHEXPERT_14
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch


@ZOO.add("hf_image_text", needs=("transformers",))
class HfImageText:
    """Any CLIP or SigLIP in the layout of transformers, such as CheXagent's encoders XraySigLIP and XrayCLIP."""

    card = ModelCard(
        title="Image-text model of transformers",
        licence="the snapshot's own; StanfordAIMI/XraySigLIP__* and XrayCLIP__*: CC BY-NC 4.0",
        citation="the snapshot's own; XraySigLIP and XrayCLIP: Chen et al. 2024, CheXagent: Towards a foundation model for chest X-ray "
        "interpretation",
        weights="snapshot folder: config.json, model.safetensors or pytorch_model.bin, preprocessor_config.json, tokenizer files",
        input="as preprocessor_config.json says, resized by Pillow; three equal planes",
        trained_on="the snapshot's own; XraySigLIP and XrayCLIP: sources of CheXinstruct, MIMIC-CXR among them",
        quirks=(
            "a score is the cosine to the mean of the prompts for a finding minus that to the mean of the prompts against it, in [-2, 2]; "
            "temperature and bias of the model are left out, since neither changes an order",
            "code that comes with a snapshot is never run: a model that needs it is refused",
        ),
    )
    Options = _prompts.ContrastOptions
    findings = CHEXPERT_14

    def load(self, checkpoint: Path, options: _prompts.ContrastOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _hf

        return _hf.image_text(checkpoint, options, device)
