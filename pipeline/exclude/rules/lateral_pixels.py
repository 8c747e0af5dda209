"""Laterals that the header does not call so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("lateral_pixels")
class LateralPixels:
    """A film that scores as a lateral, whatever View Position (0018,5101) says."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 244
    reasons: ClassVar[Mapping[str, str]] = {"looks_lateral": "The pixels look like a lateral; ViewPosition does not say so."}
    evidence: ClassVar[Mapping[str, str]] = {
        "looks_lateral": "header: {view_position}; pixels: view {frontal:+.2f}, frontal +1, lateral -1"
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films that `lateral_view` did not remove."""
        return files["is_lateral"].eq(True).map({True: "looks_lateral"})
