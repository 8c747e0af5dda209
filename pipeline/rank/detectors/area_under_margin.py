"""A label that networks never came to believe while they trained on it: the area under its margin (AUM, Pleiss et al. 2020, NeurIPS).

A wrong label gains its margin from memory alone, against what all similar films teach, so its mean over the epochs is low or negative. The
paper finds the threshold by giving some films a class that does not exist; two classes leave no room for one, and labels flipped on purpose
would spoil the networks that the opinions come from. So the threshold is confident learning's own (Northcutt et al. 2021): a label is
flagged where its film looks like the other class as much as that class's own films do on average, the class's share of errors being
estimated from the same margins.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._cleanlab import by_self_confidence


class AreaUnderMargin:
    """Probability of the given label, by what its film adds to the log-odds of the prevalence; flags by cleanlab's default."""

    needs: ClassVar[tuple[str, ...]] = ("aum",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of the cells that trained; NaN elsewhere."""
        from scipy.special import expit, logit

        toward_present = cells["aum"].where(cells["given"] == 1, -cells["aum"])
        prevalence = cells.loc[cells["aum"].notna(), "given"].mean()
        return by_self_confidence(cells, expit(toward_present + logit(prevalence)))


DETECTORS.add("area_under_margin", needs=("cleanlab",))(AreaUnderMargin())
