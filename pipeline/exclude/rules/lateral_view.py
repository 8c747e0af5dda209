"""Films from the side, by their header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings
from pipeline.exclude.rules._words import has_word


@RULES.add("lateral_view")
class LateralView:
    """A word of View Position (0018,5101) is one of `exclude.lateral_views`."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 80
    reasons: ClassVar[Mapping[str, str]] = {"lateral_view": "A word of ViewPosition is one of exclude.lateral_views."}
    evidence: ClassVar[Mapping[str, str]] = {"lateral_view": "header: {view_position}; pixels: view {frontal:+.2f}, frontal +1, lateral -1"}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Lateral by the header, which the evidence holds against the pixels."""
        return has_word(files["view_position"], settings.exclude.lateral_views).map({True: "lateral_view"})
