"""Contract of every registered rule, and the rules that look at pixels."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import tiny_home

from pipeline.base import settings
from pipeline.base.errors import TableError
from pipeline.base.interfaces import RULES
from pipeline.base.storage import Home
from pipeline.exclude import facts
from pipeline.exclude.decide import apply_rules
from pipeline.exclude.film_set import write_film_checks

SETTINGS = settings.load()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = tiny_home(tmp_path_factory.mktemp("rules") / "home", patients=20)
    write_film_checks(made)
    return made


@pytest.fixture
def files(home: Home) -> pd.DataFrame:
    """All files in one batch."""
    (batch,) = facts(home)
    return batch


@pytest.mark.parametrize("name", RULES.names())
def test_every_rule_keeps_the_contract(name: str, files: pd.DataFrame) -> None:
    rule = RULES.get(name)
    before = files.copy()
    answer = rule(files, SETTINGS)
    assert rule.action in ("exclude", "duplicate", "skip", "flag")
    assert answer.index.equals(files.index)
    assert set(answer.dropna()) <= set(rule.reasons)
    assert all(sentence.endswith(".") for sentence in rule.reasons.values())
    assert (rule.order >= 200) == (rule.action == "flag")
    assert RULES.describe(name)
    pd.testing.assert_frame_equal(files, before)


@pytest.mark.parametrize("name", RULES.names())
def test_a_rule_judges_each_file_by_its_own_row(name: str, files: pd.DataFrame) -> None:
    rule = RULES.get(name)
    together = rule(files, SETTINGS)
    alone = pd.concat([rule(files.loc[[row]], SETTINGS) for row in files.index])
    assert together.astype(object).where(together.notna(), None).tolist() == alone.astype(object).where(alone.notna(), None).tolist()


def test_reason_codes_are_said_by_one_rule_each() -> None:
    codes = [code for _, rule in RULES for code in rule.reasons]
    assert len(codes) == len(set(codes))


def test_an_undeclared_reason_is_an_error(files: pd.DataFrame) -> None:
    class Rogue:
        """Answers what it never declared."""

        action, order, reasons = "exclude", 1, {"declared": "It was declared."}

        def __call__(self, files: pd.DataFrame, _: settings.Settings) -> pd.Series:
            return pd.Series("surprise", files.index)

    with pytest.raises(TableError, match="surprise"):
        apply_rules(files, {"rogue": Rogue()}, SETTINGS)


def test_a_file_that_no_rule_accounts_for_is_an_error(files: pd.DataFrame) -> None:
    files.loc[files.index[files.file_kind == "dicom"][0], ["is_film", "outcome"]] = [False, None]
    with pytest.raises(TableError, match="neither films nor reports"):
        apply_rules(files, {"paediatric": RULES.get("paediatric")}, SETTINGS)


def test_evidence_fills_the_template_and_says_when_a_header_is_silent(files: pd.DataFrame) -> None:
    chosen = files.index[files["is_film"]][:2]
    files.loc[chosen, ["is_lateral", "frontal"]] = [True, -0.91]
    files.loc[chosen, "view_position"] = ["PA", None]
    rows = apply_rules(files, {"lateral_pixels": RULES.get("lateral_pixels")}, SETTINGS)
    said = rows.set_index("file_id")["evidence"].reindex(files.loc[chosen, "file_id"]).tolist()
    assert [text.split(",")[0] for text in said] == ["header: PA; pixels: view -0.91", "header: nothing; pixels: view -0.91"]


def test_templates_name_only_reasons_and_columns_there_are(files: pd.DataFrame) -> None:
    row = files.iloc[0].fillna(0).to_dict()
    for _, rule in RULES:
        templates = getattr(rule, "evidence", {})
        assert set(templates) <= set(rule.reasons)
        assert all(template.format_map(row) for template in templates.values())


@pytest.mark.parametrize(
    ("years", "band", "answer"),
    [
        (7, "adult", "age_contradicted"),
        (7, "child", None),
        (7, None, None),
        (11, "adult", None),
        (17, "child", None),
        (18, "child", "age_contradicted"),
        (60, "adult", None),
        (None, "child", None),
    ],
)
def test_an_age_is_contradicted_where_the_build_is_plain(years: int | None, band: str | None, answer: str | None) -> None:
    files = pd.DataFrame({"patient_age_years": [years], "age_band": [band]}).astype({"patient_age_years": "float"})
    said = RULES.get("age_pixels")(files, SETTINGS)
    assert said.iloc[0] == answer if answer else said.isna().all()


def test_the_evidence_of_a_contradicted_age_names_header_and_pixels(files: pd.DataFrame) -> None:
    film = files.index[files.is_film][0]
    files.loc[film, ["patient_age_years", "age_band", "adult", "is_mirrored", "not_mirrored"]] = [7, "adult", 4.25, True, -5.0]
    rows = apply_rules(files, dict(RULES), SETTINGS).set_index("reason").query("file_id == @files.file_id[@film]")
    assert rows.evidence["age_contradicted"] == "header: 7 years; pixels: adult, log odds of an adult +4.2"
    assert rows.evidence["mirrored_film"] == "pixels: log odds that left is left -5.0"
    assert set(rows.action) == {"flag"}
