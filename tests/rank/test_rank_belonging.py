"""Reports under the wrong film are found by all their findings together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.rank import belonging

FINDINGS = tuple(f"f{number}" for number in range(8))


def archive(n: int, seed: int, swapped: float = 0.05) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Cells with a middling model, annotations of reports, and which reports lie under the wrong film."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, len(FINDINGS))) < np.linspace(0.05, 0.4, len(FINDINGS))
    logit = np.where(truth, 1.0, -1.0) + rng.normal(0, 1, truth.shape) + np.log(0.2 / 0.8)
    wrong = rng.random(n) < swapped
    owner = np.arange(n)
    owner[wrong] = np.roll(np.flatnonzero(wrong), 1)
    said = np.where(rng.random(truth.shape) < 0.1, ~truth, truth)[owner]
    films = np.repeat([f"i{number:04d}" for number in range(n)], len(FINDINGS))
    cells = pd.DataFrame({"image_id": films, "finding": list(FINDINGS) * n, "pred_prob": (1 / (1 + np.exp(-logit))).ravel()})
    state = np.where(said, "POSITIVE", "UNMENTIONED").ravel()
    return cells, cells[["image_id", "finding"]].assign(annotator="rules", state=state), wrong


def test_reports_under_the_wrong_film_fit_worse() -> None:
    cells, annotations, wrong = archive(1500, 0)
    made = belonging.with_report(cells, annotations, ("rules",))
    film = made.groupby("image_id")["report_fit"].first().to_numpy()
    assert roc_auc_score(wrong, -film) > 0.8
    assert film[~wrong].mean() > 0 > film[wrong].mean()
    np.testing.assert_allclose(made.groupby("image_id")["report_fit_here"].sum().to_numpy(), film)


def test_reports_dealt_out_anew_are_no_evidence_for_their_films() -> None:
    cells, annotations, _ = archive(1500, 1, swapped=1.0)
    made = belonging.with_report(cells, annotations, ("rules",)).drop_duplicates("image_id")
    assert made["report_fit"].mean() < 0


@pytest.mark.parametrize("labelers", [(), ("other",)])
def test_without_a_reading_there_is_nothing_to_hold_against(labelers: tuple[str, ...]) -> None:
    cells, annotations, _ = archive(20, 2)
    made = belonging.with_report(cells, annotations, labelers)
    assert made[["report_fit", "report_fit_here"]].isna().all(axis=None)


def test_what_every_report_says_tells_nothing_and_a_silent_model_is_passed_over() -> None:
    cells, annotations, _ = archive(50, 3)
    annotations.loc[annotations["finding"] == "f0", "state"] = "POSITIVE"
    cells.loc[cells["finding"] == "f1", "pred_prob"] = np.nan
    made = belonging.with_report(cells, annotations, ("rules",))
    assert (made.loc[made["finding"] == "f0", "report_fit_here"] == 0).all()
    assert made.loc[made["finding"] == "f1", "report_fit"].isna().all()
