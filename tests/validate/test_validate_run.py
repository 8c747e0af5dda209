from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from judged_homes import FINDINGS, judged_home

from pipeline import validate
from pipeline.base import tables
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.validate.arms import arm_parts
from pipeline.validate.certificate import decide
from pipeline.validate.films import Cast, age_bands

Validated = tuple[Home, StageResult]


def headline(home: Home, trained_on: str, metric: str = "auroc") -> dict[str, object]:
    rows = home.sql(
        f"SELECT * FROM scores WHERE finding = 'macro' AND subgroup = 'all' AND metric = '{metric}' AND trained_on = '{trained_on}'"
    )
    return rows.to_pylist()[0]


def test_labels_cleaned_of_planted_errors_score_better(validated: Validated) -> None:
    home, result = validated
    given, cleaned, gain = (headline(home, kind) for kind in ("given", "cleaned", "gain"))
    assert cleaned["estimate"] > 0.85
    assert gain["estimate"] == pytest.approx(cleaned["estimate"] - given["estimate"])
    assert gain["ci_low"] > 0
    assert result.counts["verdict"] == "gain"
    assert result.counts["gain_auroc_macro_low"] == round(gain["ci_low"], 4)
    assert result.counts["cells_changed"] > 0
    assert given["certificate"] is None
    assert gain["certificate"] == "gain"
    assert headline(home, "gain", "brier")["certificate"] == "gain", "a lower Brier score is the better one"
    assert any("not for other seeds" in warning for warning in result.warnings), "one training tells nothing of the chance of training"


def test_rows_of_every_kind_and_the_macro_is_the_mean(validated: Validated) -> None:
    home, _ = validated
    kinds = home.sql("SELECT subgroup, count(DISTINCT subgroup_value) AS n FROM scores GROUP BY 1 ORDER BY 1").to_pylist()
    assert {row["subgroup"] for row in kinds} == {"all", "patient_sex", "age_band", "view_position", "manufacturer", "site"}
    rows = (
        home.sql("SELECT * FROM scores WHERE subgroup = 'all' AND metric = 'auroc' AND trained_on = 'cleaned'")
        .to_pandas()
        .set_index("finding")
    )
    assert set(rows.index) == {*FINDINGS, "macro"}
    assert rows.loc["macro", "estimate"] == pytest.approx(rows.loc[list(FINDINGS), "estimate"].mean())
    assert rows.loc["macro", "n_positive"] == rows.loc[list(FINDINGS), "n_positive"].sum()
    # A resample's calibration error is larger than the sample's on average, so its interval may lie above the estimate.
    inside = home.sql(
        "SELECT bool_and(ci_low <= estimate + 1e-9 AND estimate <= ci_high + 1e-9) AS held "
        "FROM scores WHERE subgroup = 'all' AND metric <> 'ece'"
    )
    assert inside["held"].to_pylist() == [True]


def test_small_subgroups_have_no_estimate(validated: Validated) -> None:
    home, _ = validated
    few = home.sql("SELECT estimate, ci_low FROM scores WHERE least(n_positive, n_negative) < 5 AND finding <> 'macro'").to_pylist()
    assert few, "80 patients in four age bands leave some band with fewer than five positives"
    assert all(row["estimate"] is None and row["ci_low"] is None for row in few)


def test_scored_against_the_posterior_is_said(validated: Validated) -> None:
    home, result = validated
    assert home.sql("SELECT DISTINCT truth FROM scores")["truth"].to_pylist() == ["posterior"]
    assert any("posterior of the labels" in warning for warning in result.warnings)
    assert set(result.plots) == {"validate_gain", "validate_auroc", "validate_reliability"}
    assert all(png.startswith(b"\x89PNG") for png in result.plots.values())


def test_the_same_again_without_training_and_anew(validated: Validated, quick: Settings, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(validated[0].root, home.root)
    before = home.table_digest("scores")
    assert validate.run(home, quick).counts["trainings_resumed"] == 2
    assert home.table_digest("scores") == before
    shutil.rmtree(home.work)
    home.work.mkdir()
    assert validate.run(home, quick).counts["trainings_resumed"] == 0
    assert home.table_digest("scores") == before


def test_equal_labels_have_a_gain_of_nothing_and_readers_are_believed(tmp_path: Path, quick: Settings) -> None:
    home = judged_home(tmp_path / "home", patients=60, readers=True)
    result = validate.run(home, quick)
    assert headline(home, "gain")["estimate"] == 0
    assert result.counts["verdict"] == "no measurable gain"
    assert any("no measurable gain" in warning for warning in result.warnings)
    assert any("changed no target" in warning for warning in result.warnings)
    assert home.sql("SELECT DISTINCT truth FROM scores")["truth"].to_pylist() == ["readers"]


def test_labels_dealt_at_random_score_as_chance(tmp_path: Path, quick: Settings) -> None:
    home = judged_home(tmp_path / "home", permuted=True)
    validate.run(home, quick)
    row = headline(home, "given")
    assert row["ci_low"] < 0.5 < row["ci_high"]
    assert abs(float(row["estimate"]) - 0.5) < 0.2


def test_nothing_to_train_is_said(tmp_path: Path, quick: Settings) -> None:
    home = judged_home(tmp_path / "home", patients=12)
    many = quick.model_copy(update={"predict": quick.predict.model_copy(update={"min_positives": 100})})
    result = validate.run(home, many)
    assert home.read("scores").num_rows == 0
    assert result.counts["verdict"] == "not estimable"
    assert "100 positive" in result.warnings[0]


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.01, 0.1, "gain"), (-0.1, -0.01, "harm"), (-0.1, 0.1, "no measurable gain"), (None, None, "not estimable")]
)
def test_the_word_for_a_gain(low: float | None, high: float | None, word: str) -> None:
    assert decide(low, high) == word
    turned = {"gain": "harm", "harm": "gain"}.get(word, word)
    assert [decide(low, high, metric) for metric in ("auprc", "brier", "ece")] == [word, turned, turned]


def test_age_bands_begin_with_their_lower_end() -> None:
    found = age_bands([0, 39, 40, 59, 60, 79, 80, 90, None])
    np.testing.assert_array_equal(found, ["<40", "<40", "40-60", "40-60", "60-80", "60-80", "80+", "80+", "not stated"])


@pytest.mark.parametrize("n_validate", [0, 60])
def test_both_arms_train_on_the_same_patients_and_calibrate_on_others(n_validate: int) -> None:
    splits = np.array(["train"] * 100 + ["validate"] * n_validate + ["test"] * 40)
    groups = np.array([f"p{place // 2}" for place in range(len(splits))])
    targets = (np.random.default_rng(0).random((len(splits), 2)) < 0.3).astype(float)
    cast = Cast([str(i) for i in range(len(splits))], groups, splits, {}, FINDINGS, {"given": targets, "cleaned": targets}, ())
    parts = arm_parts(cast, seed=0)
    roles = [set(groups[rows]) for rows in (parts.train, parts.calibrate, parts.judge)]
    assert not roles[0] & roles[1] | roles[0] & roles[2] | roles[1] & roles[2]
    assert (parts.judge == (splits == "test")).all()
    assert set(splits[parts.calibrate]) == {"validate" if n_validate else "train"}


def test_the_report_prints_the_certificate(validated: Validated) -> None:
    from rich.console import Console

    from pipeline.cli.report import print_report

    console = Console(record=True, width=160, file=io.StringIO())
    print_report(console, validated[0])
    said = console.export_text()
    assert "certificate" in said
    for row in validated[0].sql("SELECT * FROM scores WHERE trained_on = 'gain' AND metric = 'auroc' AND subgroup = 'all'").to_pylist():
        words = f"{row['ci_low']:+.3f} to {row['ci_high']:+.3f}" if row["finding"] != "macro" else "Cleaning helped"
        assert words in said
        assert row["certificate"] in said


def test_gaps_of_subgroups_are_inside_less_outside(validated: Validated) -> None:
    home, _ = validated
    gaps = home.read("subgroup_gaps").to_pandas().set_index(["trained_on", "finding", "metric", "subgroup", "subgroup_value"])
    scores = home.read("scores").to_pandas().set_index(["trained_on", "finding", "metric", "subgroup", "subgroup_value"])
    assert {"patient_sex", "age_band"} <= set(gaps.index.get_level_values("subgroup"))
    by_sex = gaps.xs("patient_sex", level="subgroup").dropna(subset="estimate")
    findings = sorted({key[1] for key in by_sex.index} - {"macro"})
    assert findings
    for finding in findings:
        # Two sexes: outside one is inside the other.
        one, other = (("cleaned", finding, "auroc", "patient_sex", sex) for sex in "FM")
        assert gaps.loc[one, "estimate"] == pytest.approx(scores.loc[one, "estimate"] - scores.loc[other, "estimate"])
        assert gaps.loc[one, "estimate"] == pytest.approx(-gaps.loc[other, "estimate"])
        assert gaps.loc[one, "ci_low"] == pytest.approx(-gaps.loc[other, "ci_high"])
    tested = gaps.dropna(subset="p_value")
    assert (tested["p_holm"] >= tested["p_value"]).all()
    assert tested["p_value"].between(0, 1).all()
    # Of two sexes there is one gap, whatever its sign: it counts once among the findings.
    macro = tested.xs("macro", level="finding").xs("patient_sex", level="subgroup")
    assert len(macro)
    assert (macro["p_holm"] == macro["p_value"]).all()


def test_sites_are_a_subgroup_with_gaps_of_their_own(validated: Validated, quick: Settings, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(validated[0].root, home.root)
    rows = home.read("instances").to_pylist()
    home.write("instances", pa.Table.from_pylist([{**row, "site": site_of(row)} for row in rows], tables.BY_NAME["instances"].types))
    validate.run(home, quick)
    found = home.sql(
        "SELECT * FROM subgroup_gaps WHERE subgroup = 'site' AND metric = 'auroc' AND finding = 'macro' AND trained_on = 'given'"
    )
    gaps = {row["subgroup_value"]: row for row in found.to_pylist()}
    assert set(gaps) == {"site_a", "site_b"}
    assert gaps["site_a"]["estimate"] == pytest.approx(-gaps["site_b"]["estimate"])
    assert gaps["site_a"]["p_value"] is not None
    scored = home.sql("SELECT count(*) AS n FROM scores WHERE subgroup = 'site' AND estimate IS NOT NULL")
    assert scored["n"][0].as_py() > 0


def site_of(row: dict[str, object]) -> str:
    """Half of the patients go to each house."""
    return "site_a" if str(row["patient_id"])[-1] < "m" else "site_b"
