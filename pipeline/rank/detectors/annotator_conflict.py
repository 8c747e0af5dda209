"""Another annotator says the opposite outright: a report that names an effusion the label lacks, or denies one the label has.

Where annotators are worth little the posterior may still side with the given label; such a film is quickly settled by a look all the
same. Silence is no conflict.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._quality import p_right


class AnnotatorConflict:
    """Probability of the given label; an issue where any other annotator opposes it."""

    needs: ClassVar[tuple[str, ...]] = ("p_positive", "n_against")

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of all cells."""
        quality = p_right(cells)
        return pd.DataFrame({"label_quality_score": quality, "is_label_issue": cells["n_against"] > 0})


DETECTORS.add("annotator_conflict")(AnnotatorConflict())
