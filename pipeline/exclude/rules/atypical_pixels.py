"""Films that do not look like the other films of the set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings

INVERTED_BELOW = -0.4
ATYPICAL_BELOW = 0.4
_FEWEST = 20


@RULES.add("atypical_pixels")
class AtypicalPixels:
    """Correlation of each film's 32 x 32 thumbnail with the median thumbnail of all films.

    Frontal chest films share dark lungs on a bright body. A film that is the negative of that has the wrong polarity; one that is
    unlike it may be lateral, rotated, another body part or another modality. Both bounds are far from what clean films reach, and
    neither excludes by itself. Fewer than 20 films make no median, and the rule is silent.
    """

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 240
    reasons: ClassVar[Mapping[str, str]] = {
        "inverted_polarity": "The film looks like the negative of the other films: PhotometricInterpretation may be wrong.",
        "atypical_film": "The film looks unlike the other films: perhaps lateral, rotated, or not a chest.",
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films alone."""
        films = files[files["is_film"] & files["std_level"].gt(settings.exclude.blank_std)]
        answer = pd.Series(None, files.index, dtype=object)
        if len(films) >= _FEWEST:
            likeness = typicality(np.stack([np.frombuffer(thumbnail, np.uint8) for thumbnail in films["thumbnail"]]))
            answer[films.index[likeness < ATYPICAL_BELOW]] = "atypical_film"
            answer[films.index[likeness < INVERTED_BELOW]] = "inverted_polarity"
        return answer


def typicality(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Correlation of each row of `thumbnails`, shape (n, pixels), with the median of the standardised rows; shape (n,)."""
    standard = _standardise(thumbnails.astype(np.float64))
    median = _standardise(np.median(standard, axis=0, keepdims=True))[0]
    return np.asarray(standard @ median / standard.shape[1], np.float64)


def _standardise(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9), np.float64)
