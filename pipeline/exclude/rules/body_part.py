"""Films that say they show something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("body_part")
class BodyPart:
    """Body Part Examined (0018,0015) is present and no word of it one of `exclude.body_parts`; the field is often wrong, so it flags."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 210
    reasons: ClassVar[Mapping[str, str]] = {"body_part_not_chest": "No word of BodyPartExamined is one of exclude.body_parts."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films alone; an absent value says nothing."""
        words = files["body_part_examined"].fillna("").str.split(r"[^A-Z]+", regex=True)
        is_other = files["body_part_examined"].notna() & words.map(set(settings.exclude.body_parts).isdisjoint)
        return (files["is_film"] & is_other).map({True: "body_part_not_chest"})
