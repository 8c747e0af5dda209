"""U-Ones: an uncertain label trains as positive."""

from __future__ import annotations

from pipeline.base.interfaces import POLICIES
from pipeline.label.uncertainty._decided import States, Targets, decided


@POLICIES.add("u_ones")
def u_ones(states: States, p_positive: Targets) -> Targets:
    """Targets with 1 where UNCERTAIN."""
    return decided(states, 1.0)
