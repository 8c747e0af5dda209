"""U-SelfTrained: an uncertain label trains as the probability that something better informed gives it.

CheXpert relabels with a first network's predictions. Targets are made before any network has run, so the better informed party is
the posterior over all annotators of the film.
"""

from __future__ import annotations

from pipeline.base.interfaces import POLICIES
from pipeline.label.uncertainty._decided import States, Targets, decided


@POLICIES.add("u_self_trained")
def u_self_trained(states: States, p_positive: Targets) -> Targets:
    """Targets with `p_positive` where UNCERTAIN."""
    return decided(states, p_positive)
