"""Films that do not look like the other films of the set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("atypical_pixels")
class AtypicalPixels:
    """Mahalanobis distance to the set's own films: another body part, modality or build. Silent under 100 films."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 246
    reasons: ClassVar[Mapping[str, str]] = {"atypical_film": "The film looks unlike the other films: perhaps not a chest."}
    evidence: ClassVar[Mapping[str, str]] = {
        "atypical_film": "header: {modality}, {body_part_examined}; pixels: {unlikeness:.1f} times as far from the set as its median film"
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films that no other check of the pixels explains."""
        return files["is_unlike"].eq(True).map({True: "atypical_film"})
