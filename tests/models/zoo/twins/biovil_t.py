"""BioViL-T's folder: as BioViL's, with the parts that compare two films."""

from __future__ import annotations

from pathlib import Path

import torch
from twins import biovil

REDUCED = 16


def write(folder: Path) -> Path:
    """The folder."""
    name = "biovil_t_image_model_proj_size_128.pt"
    biovil.write(folder, name, 2 * REDUCED)
    state = torch.load(folder / name, weights_only=True)
    torch.manual_seed(4)
    state |= {
        "encoder.backbone_to_vit.weight": torch.randn(REDUCED, 2048, 1, 1) / 40,
        "encoder.missing_previous_emb": torch.randn(1, REDUCED, 1, 1),
        "encoder.vit_pooler.type_embed": torch.randn(2, 1, REDUCED),
    }
    torch.save(state, folder / name)
    return folder
