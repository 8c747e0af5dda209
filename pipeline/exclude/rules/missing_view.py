"""Films that do not say from where they were taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("missing_view")
class MissingView:
    """View Position (0018,5101) is absent."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 200
    reasons: ClassVar[Mapping[str, str]] = {"missing_view_position": "ViewPosition is absent; subgroup scores leave the film out."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films alone."""
        return (files["is_film"] & files["view_position"].isna()).map({True: "missing_view_position"})
