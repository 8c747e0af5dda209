"""Negatives that the header takes for positives, or the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("polarity")
class Polarity:
    """A film that scores as the negative of a chest: Photometric Interpretation (0028,0004) or the window is wrong."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 240
    reasons: ClassVar[Mapping[str, str]] = {
        "inverted_polarity": "The pixels look like the negative of a chest: PhotometricInterpretation may be wrong."
    }
    evidence: ClassVar[Mapping[str, str]] = {
        "inverted_polarity": "header: {photometric_interpretation}; pixels: polarity {positive:+.2f}, chest +1, negative -1"
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the pixels as decoded by the header."""
        return files["is_inverted"].eq(True).map({True: "inverted_polarity"})
