"""MedSigLIP (Sellergren et al. 2025, "MedGemma Technical Report"): SigLIP-400M tuned on medical images, films among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.zoo import _prompts
from pipeline.base.findings import CHEXPERT_14
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch
    from PIL import Image


@ZOO.add("medsiglip", needs=("transformers",))
class MedSigLip:
    """MedSigLIP-448: the image and text encoders beside MedGemma."""

    card = ModelCard(
        title="MedSigLIP 448",
        licence="Health AI Developer Foundations terms of use (gated)",
        citation="Sellergren et al. 2025, MedGemma technical report",
        weights="snapshot of google/medsiglip-448: config.json, model.safetensors, preprocessor_config.json, tokenizer files",
        input="448 px, stretched to a square without smoothing, -1 to 1, three equal planes",
        trained_on="MIMIC-CXR and further de-identified medical images with text; natural images",
        quirks=(
            "the model card's own evaluation resizes as Big Vision does, bilinear without smoothing, and cuts to whole grey values; "
            "the image processor of transformers smooths, and gives other scores",
            "a film that is not square is stretched",
            "a score is the cosine to the mean of the prompts for a finding minus that to the mean of the prompts against it, in [-2, 2]",
            "prompts of the published figures are not told; these are ours",
        ),
    )
    Options = _prompts.ContrastOptions
    findings = CHEXPERT_14

    def load(self, checkpoint: Path, options: _prompts.ContrastOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _hf

        return _hf.image_text(checkpoint, options, device, resize)


def resize(image: Image.Image, side: int) -> Image.Image:
    """As `tf.image.resize(method="bilinear", antialias=False)` and a cast to uint8, which cuts."""
    import torch
    from PIL import Image
    from torch.nn.functional import interpolate

    grey = torch.from_numpy(np.asarray(image.convert("L"), np.float32))
    resized = interpolate(grey[None, None], (side, side), mode="bilinear", align_corners=False, antialias=False)[0, 0]
    return Image.fromarray(resized.numpy().astype(np.uint8))
