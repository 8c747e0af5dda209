"""Films whose left is their right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("mirrored")
class Mirrored:
    """A film that scores as a chest in a mirror. Situs inversus looks the same, so a look at the side marker decides."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 245
    reasons: ClassVar[Mapping[str, str]] = {
        "mirrored_film": "The pixels look like a chest flipped left to right, or of a patient with situs inversus."
    }
    evidence: ClassVar[Mapping[str, str]] = {"mirrored_film": "pixels: log odds that left is left {not_mirrored:+.1f}"}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the pixels alone."""
        return files["is_mirrored"].eq(True).map({True: "mirrored_film"})
