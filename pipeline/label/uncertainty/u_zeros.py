"""U-Zeros: an uncertain label trains as negative."""

from __future__ import annotations

from pipeline.base.interfaces import POLICIES
from pipeline.label.uncertainty._decided import States, Targets, decided


@POLICIES.add("u_zeros")
def u_zeros(states: States, p_positive: Targets) -> Targets:
    """Targets with 0 where UNCERTAIN."""
    return decided(states, 0.0)
