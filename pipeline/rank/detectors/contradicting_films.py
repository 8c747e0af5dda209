"""Films that show the same and are labelled differently.

One film filed twice, films of one study, and a lasting finding that one film of a series alone has, or alone has not.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._quality import p_right


class ContradictingFilms:
    """Probability of the given label; an issue where films that show the same are labelled the other way."""

    needs: ClassVar[tuple[str, ...]] = ("p_positive", "n_films_against")

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of all cells."""
        quality = p_right(cells)
        return pd.DataFrame({"label_quality_score": quality, "is_label_issue": cells["n_films_against"] > 0})


DETECTORS.add("contradicting_films")(ContradictingFilms())
