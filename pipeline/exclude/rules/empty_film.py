"""Films that show nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("empty_film")
class EmptyFilm:
    """One grey value all over, or hardly more."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 90
    reasons: ClassVar[Mapping[str, str]] = {
        "constant_film": "All sampled source pixels have one value.",
        "blank_film": "Grey values spread less than exclude.blank_std.",
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the statistics that `decode` stored."""
        chosen = np.select(
            [files["source_levels"].eq(1), files["std_level"].lt(settings.exclude.blank_std)], ["constant_film", "blank_film"], ""
        )
        return pd.Series(chosen, files.index).replace("", None)
