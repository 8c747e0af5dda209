"""ViT-S/16 (Dosovitskiy et al. 2021; Touvron et al. 2021), as timm has it: 22 million weights; wants weights to start from, and a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.base.interfaces import MODELS

if TYPE_CHECKING:
    from models.networks import FilmNetwork

WIDTH, HEADS = 384, 6


@MODELS.add("vit_small", needs=("torch", "timm"))
def build(n_outputs: int, in_channels: int = 1) -> FilmNetwork:
    """The network with random weights; `features` bears timm's names. Films of any size: positions are interpolated.

    Args:
        n_outputs: findings.
        in_channels: planes of a film.
    """
    from models.networks import FilmNetwork, set_input_channels
    from models.token_maps import TokenMaps

    features = TokenMaps(img_size=224, patch_size=16, embed_dim=WIDTH, num_heads=HEADS)
    set_input_channels(features, in_channels)
    return FilmNetwork(features, WIDTH, n_outputs, is_faster_in_bf16=True)
