"""Films of nobody: they cannot be kept out of the wrong split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("missing_patient_id")
class MissingPatientId:
    """Patient ID (0010,0020) is absent or empty."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 50
    reasons: ClassVar[Mapping[str, str]] = {"missing_patient_id": "Without a Patient ID no split can keep the patient together."}

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Readable DICOM without a patient."""
        return (files["has_header"] & files["patient_id"].isna()).map({True: "missing_patient_id"})
