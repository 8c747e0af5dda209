"""Children among adults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("paediatric")
class Paediatric:
    """Younger than `exclude.min_age_years`; `exclude.exclude_flags=["paediatric"]` makes the set adult."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 220
    reasons: ClassVar[Mapping[str, str]] = {"paediatric": "The patient is younger than exclude.min_age_years."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films with a known age."""
        return (files["is_film"] & files["patient_age_years"].lt(settings.exclude.min_age_years)).map({True: "paediatric"})
