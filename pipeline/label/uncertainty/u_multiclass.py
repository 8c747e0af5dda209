"""U-MultiClass for a network with one output a finding.

CheXpert's U-MultiClass trains a softmax over positive, negative and uncertain, and scores with the softmax over the first two
alone, p = sigmoid(z_positive - z_negative). The loss of an uncertain label, -log p_uncertain, moves z_positive - z_negative by
the gradient p_positive - p_negative: towards 0, where p is 0.5. Cross-entropy of p against a target of 0.5 has the gradient
p - 0.5 on the same difference: the same sign everywhere and the same resting point. So the target here is 0.5; what is lost is the
third output itself, the network's own statement that a film would be called uncertain.
"""

from __future__ import annotations

from pipeline.base.interfaces import POLICIES
from pipeline.label.uncertainty._decided import States, Targets, decided


@POLICIES.add("u_multiclass")
def u_multiclass(states: States, p_positive: Targets) -> Targets:
    """Targets with 0.5 where UNCERTAIN."""
    return decided(states, 0.5)
