"""U-Ones+LSR: an uncertain label trains as nearly positive (Pham et al. 2021, Neurocomputing 437:186).

The paper draws a target from the uniform distribution on [0.55, 0.85] for every uncertain label. Cross-entropy is linear in its target, so
the mean over the draws of loss and gradient is the loss and gradient at the mean target. That mean is the target here: what the draws
would add is noise, and the same input gives the same bytes.
"""

from __future__ import annotations

from pipeline.base.interfaces import POLICIES
from pipeline.label.uncertainty._decided import States, Targets, decided

LOW, HIGH = 0.55, 0.85


@POLICIES.add("u_ones_lsr")
def u_ones_lsr(states: States, p_positive: Targets) -> Targets:
    """Targets with 0.7 where UNCERTAIN."""
    return decided(states, (LOW + HIGH) / 2)
