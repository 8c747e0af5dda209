"""Films that look like an adult's under a child's age, or like a child's under an adult's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings

# From 11 to 17 years a body may look like either.
_CHILD_UNDER_YEARS, _ADULT_FROM_YEARS = 11, 18


@RULES.add("age_pixels")
class AgePixels:
    """Patient's Age (0010,1010), or what birth date and study date make of it, against the build in the pixels."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 248
    reasons: ClassVar[Mapping[str, str]] = {
        "age_contradicted": "The age is under 11 years and the pixels look like an adult's, or 18 and more and they look like a child's."
    }
    evidence: ClassVar[Mapping[str, str]] = {
        "age_contradicted": "header: {patient_age_years:.0f} years; pixels: {age_band}, log odds of an adult {adult:+.1f}"
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films with a known age and a plain build."""
        years = files["patient_age_years"]
        is_adults = years.lt(_CHILD_UNDER_YEARS) & files["age_band"].eq("adult")
        is_childs = years.ge(_ADULT_FROM_YEARS) & files["age_band"].eq("child")
        return (is_adults | is_childs).map({True: "age_contradicted"})
