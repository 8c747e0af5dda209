"""What detectors on the posterior share."""

from __future__ import annotations

import pandas as pd


def p_right(cells: pd.DataFrame) -> pd.Series[float]:
    """Probability that each given label is right, from `given` and `p_positive`."""
    right: pd.Series[float] = cells["p_positive"].where(cells["given"] == 1, 1 - cells["p_positive"])
    return right
