"""One state from several: the unanimous stand, the posterior settles the rest, silence stays silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.base.labels import STATES
from pipeline.label import matrix, reconcile


@pytest.mark.parametrize(
    ("said", "p", "state"),
    [
        (("POSITIVE", "POSITIVE"), 0.4, "POSITIVE"),
        (("POSITIVE", "UNMENTIONED"), 0.2, "POSITIVE"),
        (("NEGATIVE", "UNMENTIONED"), 0.6, "NEGATIVE"),
        (("UNCERTAIN", "UNMENTIONED"), 0.9, "UNCERTAIN"),
        (("UNMENTIONED", "UNMENTIONED"), 0.9, "UNMENTIONED"),
        (("UNMENTIONED", None), 0.1, "UNMENTIONED"),
        (("POSITIVE", "NEGATIVE"), 0.75, "POSITIVE"),
        (("POSITIVE", "NEGATIVE"), 0.5, "UNCERTAIN"),
        (("POSITIVE", "NEGATIVE"), 0.25, "NEGATIVE"),
        (("POSITIVE", "UNCERTAIN"), 0.25, "UNCERTAIN"),
        (("POSITIVE", "UNCERTAIN"), 0.8, "POSITIVE"),
    ],
)
def test_state(said: tuple[str | None, ...], p: float, state: str) -> None:
    rows = [{"image_id": "i", "finding": "Edema", "annotator": f"a{at}", "state": one, "grade": None} for at, one in enumerate(said) if one]
    one = matrix.build(pd.DataFrame(rows), ["i"], ["Edema"], tuple(f"a{at}" for at in range(len(said))))[0]
    assert reconcile.reconcile(one, np.array([p])).state.tolist() == [state]
    assert state in [str(known) for known in STATES]
