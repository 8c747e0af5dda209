"""Two films under one identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("conflicting_instance")
class ConflictingInstance:
    """Same SOP Instance UID, other pixels than the film that came first (earlier run, then path): quarantined."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 75
    reasons: ClassVar[Mapping[str, str]] = {"conflicting_instance": "An earlier file has the same SOP Instance UID and other pixels."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the outcome of decoding."""
        return (files["outcome"] == "conflicting").map({True: "conflicting_instance"})
