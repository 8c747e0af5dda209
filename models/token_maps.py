"""A vision transformer that answers as a convolutional trunk does: its patch tokens as a map, in place."""

from __future__ import annotations

import math
from typing import Any

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor


class TokenMaps(VisionTransformer):
    """timm's transformer without its head; weights bear timm's names.

    Args:
        **shape: of `VisionTransformer`.
    """

    def __init__(self, **shape: Any) -> None:
        super().__init__(num_classes=0, global_pool="", dynamic_img_size=True, dynamic_img_pad=True, **shape)

    def forward(self, films: Tensor) -> Tensor:  # type: ignore[override]
        """Patch tokens, (n, width, h, w), of films, (n, channels, height, width); the class token is left out."""
        patch = self.patch_embed.patch_size
        rows, columns = (math.ceil(side / one) for side, one in zip(films.shape[2:], patch, strict=True))
        tokens: Tensor = self.forward_features(films)[:, self.num_prefix_tokens :]
        return tokens.transpose(1, 2).reshape(len(films), tokens.shape[2], rows, columns)
