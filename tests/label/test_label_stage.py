"""The stage on small homes: reports reach the films of their study, silence stays silence, verdicts show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from factories import PUBLISHED, tiny_home
from label_fakes import CrashingLabeler, ForgetfulLabeler, PatternLabeler

from pipeline import label
from pipeline.base import settings as settings_module
from pipeline.base import tables, verdicts
from pipeline.base.errors import CxrError
from pipeline.base.interfaces import LABELERS
from pipeline.base.settings import Settings
from pipeline.base.storage import Home

FAKES = {"test_pattern": PatternLabeler(), "test_crashing": CrashingLabeler(), "test_forgetful": ForgetfulLabeler()}


@pytest.fixture(scope="module", autouse=True)
def _fake_labelers() -> Iterator[None]:
    """Registered for this file alone: contract tests elsewhere go over everything registered."""
    LABELERS.names()
    with pytest.MonkeyPatch.context() as patch:
        for name, fake in FAKES.items():
            patch.setitem(LABELERS._items, name, fake)
            patch.setitem(LABELERS._needs, name, ())
        yield


def settings(*more: str, labeler: str = "test_pattern") -> Settings:
    return settings_module.load(None, None, (f'label.labelers=["{labeler}"]', *more))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, _fake_labelers: None) -> Home:
    made = tiny_home(tmp_path_factory.mktemp("label") / "home", patients=40, seed=1)
    label.run(made, settings())
    return made


def frame(home: Home, query: str) -> pd.DataFrame:
    return home.sql(query).to_pandas()


def edit(home: Home, name: str, column: str, values: dict[str, object]) -> None:
    """Change cells of one column of a table by report_id."""
    rows = home.read(name).to_pylist()
    for row in rows:
        if row["report_id"] in values:
            row[column] = values[row["report_id"]]
    schema = pa.schema([pa.field(c.name, c.type) for c in tables.BY_NAME[name].columns])
    home.write(name, pa.Table.from_pylist(rows, schema=schema))


def test_every_kept_film_and_finding_has_a_label_and_foreign_keys_hold(home: Home) -> None:
    films = home.read("groups").num_rows
    assert home.read("labels").num_rows == films * len(settings().label.findings)
    for name in ("mentions", "annotations", "labels"):
        assert home.check_foreign(name) == []


def test_mentions_quote_the_report(home: Home) -> None:
    texts = dict(frame(home, "SELECT report_id, text FROM reports").itertuples(index=False))
    mentions = frame(home, 'SELECT report_id, words, start, "end" AS stop, mention_id FROM mentions')
    assert len(mentions) > 50
    for row in mentions.itertuples():
        assert texts[row.report_id][row.start : row.stop] == row.words
        assert row.mention_id.startswith(row.report_id)


def test_annotations_read_what_the_report_of_the_same_study_says(home: Home) -> None:
    """Two studies of one patient keep their own labels."""
    rows = frame(
        home,
        """SELECT a.image_id, a.state, a.evidence, r.text, i.patient_id, i.study_id FROM annotations a JOIN images m USING (image_id)
        JOIN instances i ON i.file_id = m.file_id JOIN reports r ON r.study_id = i.study_id
        WHERE a.finding = 'Pleural Effusion' AND a.annotator = 'test_pattern'""",
    )
    assert len(rows) > 30
    for row in rows.itertuples():
        assert row.state == ("NEGATIVE" if re.search(r"no pleural effusion", row.text, re.I) else "POSITIVE")
        assert row.evidence in " ".join(row.text.split())
    differing = rows.groupby("patient_id")["state"].nunique()
    assert (differing > 1).any()


def test_a_film_without_report_was_not_asked(home: Home) -> None:
    without = frame(
        home,
        """SELECT m.image_id FROM images m JOIN instances i ON i.file_id = m.file_id
        WHERE i.study_id NOT IN (SELECT study_id FROM reports WHERE study_id IS NOT NULL)""",
    )["image_id"]
    assert len(without) > 0
    asked = frame(home, "SELECT DISTINCT image_id FROM annotations WHERE annotator = 'test_pattern'")["image_id"]
    assert not set(without) & set(asked)
    rows = frame(home, "SELECT * FROM labels WHERE finding = 'Cardiomegaly'").set_index("image_id").loc[list(without)]
    assert (rows["n_annotators"] == 1).all()


def test_a_finding_that_nobody_was_asked_about_is_nobodys_and_masked(home: Home) -> None:
    rows = frame(home, "SELECT * FROM labels WHERE finding = 'Fracture'")
    assert set(rows["decided_by"]) == {"nobody"}
    assert set(rows["state"]) == {"UNMENTIONED"}
    assert rows["given_target"].isna().all()
    assert rows["given_annotator"].isna().all()
    assert rows["p_positive"].nunique() == 1


def test_the_published_label_is_the_given_one_and_else_the_report_is(home: Home) -> None:
    given = frame(home, "SELECT l.*, p.state AS published FROM labels l LEFT JOIN published_labels p USING (image_id, finding)")
    covered = given[given["published"].notna()]
    assert (covered["given_label"] == covered["published"]).all()
    assert set(covered["given_annotator"]) == {PUBLISHED}


def test_agreement_is_surer_than_one_voice_and_conflict_is_uncertain(home: Home) -> None:
    rows = frame(home, "SELECT * FROM labels WHERE finding = 'Cardiomegaly'")
    said = frame(home, "SELECT * FROM annotations WHERE finding = 'Cardiomegaly'").pivot(
        index="image_id", columns="annotator", values="state"
    )
    rows = rows.set_index("image_id").join(said)
    both = rows[(rows[PUBLISHED] == "POSITIVE") & (rows["test_pattern"] == "POSITIVE")]
    split = rows[(rows[PUBLISHED] == "POSITIVE") & (rows["test_pattern"] == "NEGATIVE")]
    denied = rows[(rows[PUBLISHED] == "UNMENTIONED") & (rows["test_pattern"] == "NEGATIVE")]
    assert both["p_positive"].min() > split["p_positive"].max() > denied["p_positive"].max()
    assert set(both["state"]) == {"POSITIVE"}
    assert split["is_conflict"].all()
    assert not both["is_conflict"].any()


def test_second_run_is_byte_identical(home: Home) -> None:
    names = ("mentions", "annotations", "labels", "annotator_states", "agreement", "reliability")
    before = [home.table_digest(name) for name in names]
    label.run(home, settings())
    assert [home.table_digest(name) for name in names] == before


def test_annotator_states_are_distributions(home: Home) -> None:
    rows = frame(
        home,
        "SELECT finding, annotator, sum(p_given_present) AS a, sum(p_given_absent) AS b, sum(n) AS n FROM annotator_states GROUP BY ALL",
    )
    np.testing.assert_allclose(rows[["a", "b"]], 1)
    assert (rows["n"] > 0).all()


def test_what_a_blank_means_has_an_answer_with_an_interval(home: Home) -> None:
    rows = frame(home, "SELECT * FROM annotator_states WHERE state = 'UNMENTIONED' AND n > 0")
    assert len(rows) > 0
    assert (rows["p_present_low"] < rows["p_present"]).all()
    assert (rows["p_present"] < rows["p_present_high"]).all()


def test_agreement_and_reliability_tell_of_every_pair_and_finding(home: Home) -> None:
    said = frame(home, "SELECT finding, annotator, image_id, state FROM annotations")
    pairs = frame(home, "SELECT * FROM agreement").set_index(["finding", "annotator", "other"])
    wide = said[said["finding"] == "Pleural Effusion"].pivot(index="image_id", columns="annotator", values="state")
    one, other = sorted(wide.columns)
    both = wide.dropna()
    row = pairs.loc[("Pleural Effusion", one, other)] if ("Pleural Effusion", one, other) in pairs.index else None
    row = pairs.loc[("Pleural Effusion", other, one)] if row is None else row
    assert row["n"] == len(both)
    assert row["agreement_share"] == (both[one] == both[other]).mean()
    total = frame(home, "SELECT * FROM reliability").set_index("finding").loc["Pleural Effusion"]
    assert total["n"] == len(wide)
    assert total["n_several"] == len(both)
    assert total["coverage"] == len(wide) / home.read("groups").num_rows
    conflicts = frame(home, "SELECT count(*) FILTER (WHERE is_conflict) AS n FROM labels WHERE finding = 'Pleural Effusion'")["n"][0]
    assert total["conflict_share"] == conflicts / len(wide)


def test_labels_name_who_was_asked(home: Home) -> None:
    rows = frame(home, "SELECT n_annotators, n_readers, annotators, len(annotators) AS named FROM labels")
    assert (rows["n_annotators"] == rows["named"]).all()
    assert (rows["n_readers"] == 0).all()


def test_uncertain_survives_and_a_blank_never_becomes_negative(tmp_path: Path) -> None:
    """CheXpert-style: -1 stays UNCERTAIN from report to label; silence stays UNMENTIONED, its target a matter of policy."""
    made = tiny_home(tmp_path / "home", patients=12, seed=2)
    made.write("published_labels", tables.empty("published_labels"))
    rows = made.read("reports").to_pylist()
    for row in rows:
        row["text"], row["sections"] = "Possible pleural effusion.", [{"name": "body", "start": 0, "end": 26}]
    schema = pa.schema([pa.field(c.name, c.type) for c in tables.BY_NAME["reports"].columns])
    made.write("reports", pa.Table.from_pylist(rows, schema=schema))
    label.run(made, settings('label.unmentioned="ignore"'))
    columns = "SELECT DISTINCT given_label, state, given_target FROM labels"
    effusion = frame(made, f"{columns} WHERE finding = 'Pleural Effusion' AND n_annotators > 0")
    assert effusion["given_label"].tolist() == ["UNCERTAIN"]
    assert effusion["state"].tolist() == ["UNCERTAIN"]
    assert effusion["given_target"].isna().all()
    heart = frame(made, f"{columns} WHERE finding = 'Cardiomegaly'")
    assert heart["state"].tolist() == ["UNMENTIONED"]
    assert heart["given_target"].isna().all()
    label.run(made, settings('label.policies={"Pleural Effusion"="u_ones"}'))
    read_on = frame(made, "SELECT DISTINCT finding, given_label, given_target FROM labels WHERE n_annotators > 0").set_index("finding")
    assert read_on.loc["Pleural Effusion", "given_target"] == 1
    assert read_on.loc["Pleural Effusion", "given_label"] == "UNCERTAIN"
    assert read_on.loc["Cardiomegaly", "given_target"] == 0


def test_an_empty_report_is_nobody_not_silence(tmp_path: Path) -> None:
    made = tiny_home(tmp_path / "home", patients=6, seed=3)
    first = made.read("reports").to_pylist()[0]["report_id"]
    edit(made, "reports", "text", {first: ""})
    edit(made, "reports", "sections", {first: []})
    result = label.run(made, settings())
    assert result.counts["reports_without_a_reading"] == 1
    study = frame(made, f"SELECT study_id FROM reports WHERE report_id = '{first}'")["study_id"][0]
    rows = frame(
        made,
        f"""SELECT a.annotator FROM annotations a JOIN images m USING (image_id) JOIN instances i ON i.file_id = m.file_id
        WHERE i.study_id = '{study}'""",
    )
    assert set(rows["annotator"]) == {PUBLISHED}


@pytest.mark.parametrize("name", ["test_crashing", "test_forgetful"])
def test_a_crash_is_an_error_that_names_report_and_labeler(tmp_path: Path, name: str) -> None:
    made = tiny_home(tmp_path / "home", patients=3, seed=4)
    with pytest.raises(CxrError, match=f"{name}.*report r[a-z2-7]{{16}}"):
        label.run(made, settings(labeler=name))
    assert not made.exists("labels")


def test_a_verdict_overrides_and_shows_and_the_given_label_stays(tmp_path: Path) -> None:
    made = tiny_home(tmp_path / "home", patients=10, seed=5)
    label.run(made, settings())
    hearts = "SELECT * FROM labels WHERE finding = 'Cardiomegaly'"
    before = frame(made, f"{hearts} AND given_label = 'POSITIVE' ORDER BY image_id").iloc[0]
    verdicts.append(made, [verdicts.Verdict(before["image_id"], "Cardiomegaly", "NEGATIVE", "ravqp4dgfkzmpzm7d")])
    label.run(made, settings())
    after = frame(made, f"{hearts} AND image_id = '{before['image_id']}'").iloc[0]
    assert (after["state"], after["decided_by"], after["verdict"]) == ("NEGATIVE", "verdict", "NEGATIVE")
    assert after["p_positive"] == pytest.approx(0.05)
    assert after["given_label"] == before["given_label"]
    assert after["given_target"] == before["given_target"]
    assert made.sql("SELECT count(*) AS n FROM labels WHERE decided_by = 'verdict'").column("n")[0].as_py() == 1


def test_published_contradictions_are_told_and_kept(tmp_path: Path) -> None:
    made = tiny_home(tmp_path / "home", patients=8, seed=6)
    rows = made.read("published_labels").to_pylist()
    film = next(row["image_id"] for row in rows if row["finding"] == "No Finding" and row["state"] != "POSITIVE")
    for row in rows:
        if row["image_id"] == film:
            row["state"] = "POSITIVE"
    schema = pa.schema([pa.field(c.name, c.type) for c in tables.BY_NAME["published_labels"].columns])
    made.write("published_labels", pa.Table.from_pylist(rows, schema=schema))
    result = label.run(made, settings())
    assert result.counts["no_finding_contradictions"] == 1
    assert any("No Finding" in warning for warning in result.warnings)
    kept = frame(made, f"SELECT given_label FROM labels WHERE image_id = '{film}' AND given_annotator = '{PUBLISHED}'")
    assert set(kept["given_label"]) == {"POSITIVE"}
