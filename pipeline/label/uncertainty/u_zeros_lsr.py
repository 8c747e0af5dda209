"""U-Zeros+LSR: an uncertain label trains as nearly negative (Pham et al. 2021, Neurocomputing 437:186).

The paper draws from the uniform distribution on [0, 0.3]; why its mean stands here says `u_ones_lsr`.
"""

from __future__ import annotations

from pipeline.base.interfaces import POLICIES
from pipeline.label.uncertainty._decided import States, Targets, decided

LOW, HIGH = 0.0, 0.3


@POLICIES.add("u_zeros_lsr")
def u_zeros_lsr(states: States, p_positive: Targets) -> Targets:
    """Targets with 0.15 where UNCERTAIN."""
    return decided(states, (LOW + HIGH) / 2)
