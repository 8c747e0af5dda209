"""Posterior: every label trains at the probability that all annotators of the film leave to the finding (soft targets).

Where labels are noisy, a network that fits P(present | what was said) learns from a weak label what it is worth, and from silence too: the
cross-entropy against soft targets has its minimum where the probability of the network is that of the truth, as far as the posterior is
calibrated (Peterson et al. 2019, "Human uncertainty makes classification more robust", ICCV, uses readers' shares this way).
"""

from __future__ import annotations

import numpy as np

from pipeline.base.interfaces import POLICIES
from pipeline.label.uncertainty._decided import States, Targets


@POLICIES.add("posterior")
def posterior(states: States, p_positive: Targets) -> Targets:
    """Targets equal to `p_positive`, whatever the state."""
    return np.array(p_positive, np.float64)
