"""Any image-text model of open_clip (Ilharco et al. 2021), such as BiomedCLIP, from a folder in the layout of its hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.zoo import _prompts
from pipeline.base.findings import CHEXPERT_14
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch


@ZOO.add("open_clip", needs=("open_clip", "transformers"))
class OpenClip:
    """Any CLIP of open_clip, its text tower its own or one of transformers."""

    card = ModelCard(
        title="Image-text model of open_clip",
        licence="the folder's own; open_clip: MIT; BiomedCLIP: MIT",
        citation="the folder's own; Ilharco et al. 2021, OpenCLIP; Zhang et al. 2023, BiomedCLIP",
        weights="folder: open_clip_config.json, open_clip_model.safetensors or open_clip_pytorch_model.bin, tokenizer files; "
        "where the text tower is one of transformers, also its config.json",
        input="as preprocess_cfg of open_clip_config.json says; three equal planes",
        trained_on="the folder's own; BiomedCLIP: PMC-15M",
        quirks=(
            "a score is the cosine to the mean of the prompts for a finding minus that to the mean of the prompts against it, in [-2, 2]",
            "open_clip fetches a text tower's configuration by its name; here it is read from the folder",
            "a prompt that is too long is refused, where open_clip cuts it",
        ),
    )
    Options = _prompts.ContrastOptions
    findings = CHEXPERT_14

    def load(self, checkpoint: Path, options: _prompts.ContrastOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _open_clip

        return _open_clip.load(checkpoint, options, device)
