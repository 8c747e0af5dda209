"""Films that say a name is written on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("burned_in")
class BurnedIn:
    """Burned In Annotation (0028,0301) is YES: the pixels identify the patient (PS3.15 table E.1-1, Clean Pixel Data Option)."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 55
    reasons: ClassVar[Mapping[str, str]] = {"burned_in_annotation": "The header says that the pixels hold identifying text."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the header alone; text that the header does not admit is not looked for."""
        return files["burned_in_annotation"].eq("YES").map({True: "burned_in_annotation"})
