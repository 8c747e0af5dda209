"""Films that say they show something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings
from pipeline.exclude.rules._words import has_word


@RULES.add("body_part")
class BodyPart:
    """Body Part Examined (0018,0015) is present and no word of it one of `exclude.body_parts`; the field is often wrong, so it flags."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 210
    reasons: ClassVar[Mapping[str, str]] = {"body_part_not_chest": "No word of BodyPartExamined is one of exclude.body_parts."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films alone; an absent value says nothing."""
        other = files["body_part_examined"].notna() & ~has_word(files["body_part_examined"], settings.exclude.body_parts)
        return (files["is_film"] & other).map({True: "body_part_not_chest"})
