"""U-Ignore: an uncertain label is masked out of the loss."""

from __future__ import annotations

import numpy as np

from pipeline.base.interfaces import POLICIES
from pipeline.label.uncertainty._decided import States, Targets, decided


@POLICIES.add("u_ignore")
def u_ignore(states: States, p_positive: Targets) -> Targets:
    """Targets with NaN where UNCERTAIN."""
    return decided(states, np.nan)
