"""Films that had letters painted over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("burned_in_text")
class BurnedInText:
    """Letters that are no side, view or position marker were in the pixels, whatever Burned In Annotation (0028,0301) says of them."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 250
    reasons: ClassVar[Mapping[str, str]] = {"text_redacted": "Lines of letters in the pixels were painted over."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the lines that decode painted over."""
        return files["n_text_lines"].gt(0).map({True: "text_redacted"})
