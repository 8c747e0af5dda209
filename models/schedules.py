"""Share of the peak learning rate at a step."""

from __future__ import annotations

import math
from collections.abc import Callable

WARM_UP_SHARE = 0.25
SHORT_WARM_UP_SHARE = 0.05


def one_cycle(n_steps: int, step: int) -> float:
    """A straight climb over a quarter of the steps, then half a cosine down (Smith 2018): for a network from scratch."""
    return _climb_and_fall(n_steps, step, WARM_UP_SHARE)


def cosine(n_steps: int, step: int) -> float:
    """A short climb, then half a cosine down (Loshchilov and Hutter 2017): for weights that know something already."""
    return _climb_and_fall(n_steps, step, SHORT_WARM_UP_SHARE)


SCHEDULES: dict[str, Callable[[int, int], float]] = {"one_cycle": one_cycle, "cosine": cosine}


def _climb_and_fall(n_steps: int, step: int, climb_share: float) -> float:
    climb = max(1.0, climb_share * n_steps)
    if step < climb:
        return (step + 1) / (climb + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - climb) / max(1.0, n_steps - climb)))
