"""RAD-DINO's encoder (Perez-Garcia et al. 2025, Nature Machine Intelligence): DINOv2's ViT-B/14, trained on chest films alone.

Its file is that of transformers' `Dinov2Model` (microsoft/rad-dino); the names of its weights are translated (`checkpoints`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.base.interfaces import MODELS

if TYPE_CHECKING:
    from models.networks import FilmNetwork

WIDTH, HEADS = 768, 12


@MODELS.add("rad_dino", needs=("torch", "timm"))
def build(n_outputs: int, in_channels: int = 1) -> FilmNetwork:
    """The network with random weights; worth its time with RAD-DINO's weights and `train.frozen`.

    Args:
        n_outputs: findings.
        in_channels: planes of a film.
    """
    from models.networks import FilmNetwork, set_input_channels
    from models.token_maps import TokenMaps

    features = TokenMaps(img_size=518, patch_size=14, embed_dim=WIDTH, num_heads=HEADS, init_values=1.0)
    set_input_channels(features, in_channels)
    return FilmNetwork(features, WIDTH, n_outputs, is_faster_in_bf16=True)
