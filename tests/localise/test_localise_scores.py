"""Scores against areas and intervals worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.localise.scores import GRID, MIN_PATIENTS, Looked, hits, inside, overlap, table

LEFT, TOP = (0.0, 0.0, 0.5, 1.0), (0.0, 0.0, 1.0, 0.5)


def looked(patient: str, *, hit: bool = True, iou: float = 0.5, finding: str = "Mass", saliency: float = 1.0) -> Looked:
    return Looked("film", patient, finding, (LEFT,), 0.9, np.full((2, 2), saliency), hit, iou, 0.5)


def test_areas() -> None:
    assert inside([LEFT]).mean() == 0.5
    assert inside([LEFT, LEFT, (0.25, 0.0, 0.5, 1.0)]).mean() == 0.5, "boxes of several readers are one area"
    assert inside([LEFT, TOP]).mean() == 0.75
    assert inside([(0.0, 0.0, 0.25, 0.125)]).mean() == 0.25 * 0.125
    assert inside([(-0.02, -0.02, 0.5, 1.02)]).mean() == 0.5


def test_overlap_is_intersection_over_union() -> None:
    heat = np.zeros((GRID, GRID))
    heat[: GRID // 2] = 0.5
    heat[: GRID // 4] = 1.0
    assert overlap(heat, [TOP], 0.4) == 1.0
    assert overlap(heat, [TOP], 0.5) == 1.0
    assert overlap(heat, [TOP], 0.6) == 0.5
    assert overlap(heat, [LEFT], 0.5) == pytest.approx(1 / 3)
    assert overlap(np.full((GRID, GRID), np.nan), [LEFT], 0.5) == 0.0


def test_a_point_hits_within_its_box_alone() -> None:
    assert hits((0.5, 0.9), [LEFT])
    assert not hits((0.51, 0.9), [LEFT])
    assert hits((0.51, 0.4), [LEFT, TOP])
    assert not hits(None, [(0.0, 0.0, 1.0, 1.0)])


def test_intervals_are_those_of_the_binomial_where_a_patient_has_one_film() -> None:
    made = table([looked(str(n), hit=n < 70, iou=n / 100) for n in range(100)], 0.5, n_draws=4000).set_index("metric")
    pointing = made.loc["pointing_game"]
    assert pointing["estimate"] == 0.7
    # 0.7 -+ 1.96 sqrt(0.7 0.3 / 100)
    assert pointing["ci_low"] == pytest.approx(0.61, abs=0.015)
    assert pointing["ci_high"] == pytest.approx(0.79, abs=0.015)
    iou = made.loc["iou"]
    assert (iou["estimate"], iou["threshold"]) == (pytest.approx(0.495), 0.5)
    # The deviation of 0.00, 0.01, ... 0.99 is 0.2887, of a mean of 100 of them 0.0289.
    assert iou["ci_high"] - iou["ci_low"] == pytest.approx(2 * 1.96 * 0.02887, rel=0.1)
    assert np.isnan(pointing["threshold"])


def test_films_of_one_patient_widen_the_interval() -> None:
    alone = table([looked(str(n), hit=n % 20 < 10) for n in range(200)], 0.5)
    together = table([looked(str(n % 20), hit=n % 20 < 10) for n in range(200)], 0.5)
    widths = [float((made["ci_high"] - made["ci_low"])[0]) for made in (alone, together)]
    # Ten films that say the same are one: sqrt(10) times as wide.
    assert widths[1] / widths[0] == pytest.approx(10**0.5, rel=0.2)


def test_too_few_patients_are_not_estimable() -> None:
    films = [looked(str(n % (MIN_PATIENTS - 1))) for n in range(50)] + [looked(str(n), finding="Nodule") for n in range(MIN_PATIENTS)]
    made = table(films, 0.5).set_index(["finding", "metric"])
    assert made.loc["Mass"][["estimate", "ci_low", "ci_high"]].isna().all(axis=None)
    assert (made.loc["Mass"]["n_films"] == 50).all()
    assert made.loc["Nodule"][["estimate", "ci_low", "ci_high"]].notna().all(axis=None)


def test_equal_values_have_the_exact_bound_and_not_a_width_of_nothing() -> None:
    made = table([looked(str(n), hit=True, iou=0.0, saliency=np.nan) for n in range(20)], 0.5).set_index("metric")
    # Clopper-Pearson of 20 of 20, and of 0 of 20.
    assert tuple(made.loc["pointing_game"][["ci_low", "ci_high"]]) == (pytest.approx(0.8316, abs=1e-4), 1.0)
    assert tuple(made.loc["iou"][["ci_low", "ci_high"]]) == (0.0, pytest.approx(0.1684, abs=1e-4))
    assert (made["n_constant_maps"] == 20).all()
