"""Objects that are not projection radiographs by their header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("wrong_modality")
class WrongModality:
    """Modality (0008,0060) is not one of `exclude.modalities`."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 30
    reasons: ClassVar[Mapping[str, str]] = {"wrong_modality": "Modality is not one of exclude.modalities."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Readable DICOM of another modality, or of none."""
        wrong = files["has_header"] & ~files["modality"].isin(settings.exclude.modalities)
        return wrong.map({True: "wrong_modality"})
