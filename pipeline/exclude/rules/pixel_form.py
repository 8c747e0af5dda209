"""Objects whose pixels cannot be one greyscale film."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("pixel_form")
class PixelForm:
    """No pixels, several frames, or colour, by the header."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 40
    reasons: ClassVar[Mapping[str, str]] = {
        "no_pixel_data": "The object has no Pixel Data.",
        "multi_frame": "NumberOfFrames is not one.",
        "not_greyscale": "SamplesPerPixel is not one, or PhotometricInterpretation is no MONOCHROME.",
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """The first that applies."""
        header = files["has_header"]
        chosen = np.select(
            [
                header & ~files["has_pixel_data"].eq(True),
                header & files["number_of_frames"].ne(1),
                header & (files["samples_per_pixel"].fillna(1).ne(1) | ~_is_grey(files["photometric_interpretation"])),
            ],
            ["no_pixel_data", "multi_frame", "not_greyscale"],
            "",
        )
        return pd.Series(chosen, files.index).replace("", None)


def _is_grey(photometric: pd.Series) -> pd.Series:
    """An absent value is taken for grey: the pixels tell."""
    return photometric.isna() | photometric.isin(("MONOCHROME1", "MONOCHROME2"))
