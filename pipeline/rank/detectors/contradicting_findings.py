"""Labels of one film that cannot all hold: an edema while any opacity is denied, or a finding beside "No Finding".

Which of the two is wrong is not said; a look at the film settles both.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._quality import p_right


class ContradictingFindings:
    """Probability of the given label; an issue where another label of the film cannot hold beside it."""

    needs: ClassVar[tuple[str, ...]] = ("p_positive", "n_findings_against")

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of all cells."""
        quality = p_right(cells)
        return pd.DataFrame({"label_quality_score": quality, "is_label_issue": cells["n_findings_against"] > 0})


DETECTORS.add("contradicting_findings")(ContradictingFindings())
