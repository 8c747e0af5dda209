"""The same film sent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("resent_instance")
class ResentInstance:
    """Same SOP Instance UID and same pixels as an earlier file: one image."""

    action: ClassVar[str] = "duplicate"
    order: ClassVar[int] = 70
    reasons: ClassVar[Mapping[str, str]] = {"resent_instance": "Another file holds the same SOP instance with the same pixels."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the outcome of decoding."""
        return (files["outcome"] == "resent").map({True: "resent_instance"})
