"""What a label's surroundings say: other findings, other films, the wording, and films that look alike."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline.rank import context, neighbours, reasons


def cells(*rows: tuple[str, str, str]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["image_id", "finding", "given_label"])
    return made.assign(given=(made["given_label"] == "POSITIVE").astype(int))


def films(*rows: tuple[str, str, str, date | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "patient_id", "study_id", "study_date", "duplicate_of"])


def of(made: pd.DataFrame, column: str) -> dict[tuple[str, str], float]:
    return {(row.image_id, row.finding): getattr(row, column) for row in made.itertuples()}


def test_findings_that_cannot_hold_together_are_counted_on_both_sides() -> None:
    given = cells(
        ("a", "Edema", "POSITIVE"),
        ("a", "Lung Opacity", "NEGATIVE"),
        ("b", "Edema", "POSITIVE"),
        ("b", "Lung Opacity", "UNMENTIONED"),
        ("c", "No Finding", "POSITIVE"),
        ("c", "Mass", "POSITIVE"),
        ("d", "No Finding", "POSITIVE"),
        ("d", "Support Devices", "POSITIVE"),
        ("e", "Mass", "POSITIVE"),
        ("e", "Lung Opacity", "NEGATIVE"),
    )
    found = of(context.with_findings(given), "n_findings_against")
    against = {key for key, number in found.items() if number}
    assert against == {(film, finding) for film, finding, _ in given[["image_id", "finding", "given_label"]].to_numpy() if film in "ace"}
    assert set(found.values()) == {0.0, 1.0}


def test_one_film_filed_twice_and_films_of_one_study() -> None:
    known = films(
        ("a", "p", "s1", None, None),
        ("b", "q", "s2", None, "a"),
        ("c", "r", "s3", None, None),
        ("d", "r", "s3", None, None),
        ("e", "t", "s4", None, None),
    )
    given = cells(
        ("a", "Edema", "POSITIVE"),
        ("b", "Edema", "NEGATIVE"),
        ("c", "Edema", "POSITIVE"),
        ("d", "Edema", "POSITIVE"),
        ("e", "Edema", "POSITIVE"),
    )
    found = of(context.with_films(given, known), "n_films_against")
    assert [found[film, "Edema"] for film in "abcd"] == [1, 1, 0, 0]
    assert np.isnan(found["e", "Edema"])


def test_what_lasts_does_not_vanish_for_one_film() -> None:
    days = [date(2020, 1, 1), date(2020, 2, 1), date(2020, 3, 1), date(2021, 3, 1), date(2021, 3, 20)]
    known = films(*((f"f{at}", "p", f"s{at}", day, None) for at, day in enumerate(days)))
    for finding, expected in (("Cardiomegaly", 2.0), ("Pleural Effusion", None)):
        said = ("POSITIVE", "NEGATIVE", "POSITIVE", "NEGATIVE", "POSITIVE")
        found = context.with_films(cells(*((f"f{at}", finding, one) for at, one in enumerate(said))), known)["n_films_against"]
        # f2 has a neighbour within a season on one side alone, and two that differ say nothing of which is wrong.
        assert found[1] == expected if expected else found.isna().all()
        assert not found[[0, 2, 3, 4]].gt(0).any()


def test_faint_wording_needs_every_mention_to_be_faint() -> None:
    mentions = pd.DataFrame(
        [
            ("1", "UNCERTAIN", "weak", []),
            ("2", "POSITIVE", None, []),
            ("3", "POSITIVE", None, ["severity:minimal"]),
            ("4", "NEGATIVE", None, []),
            ("5", "UNCERTAIN", "strong", []),
        ],
        columns=["mention_id", "state", "grade", "attributes"],
    )
    given = cells(*((film, "Edema", "POSITIVE") for film in "abcde"))
    behind = {"a": ["1", "3"], "b": ["1", "2"], "c": ["3"], "d": ["4"], "e": ["5"]}
    annotations = pd.DataFrame([(film, "Edema", ids) for film, ids in behind.items()], columns=["image_id", "finding", "mention_ids"])
    found = context.with_wording(given, annotations, mentions)["is_faint"]
    assert found.tolist()[:3] == [1, 0, 1]
    assert np.isnan(found[3])
    assert found[4] == 0


@pytest.mark.parametrize("n", [300, 6000])
def test_the_nearest_are_those_of_all_pairs(n: int) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 16))
    vectors = (centres[rng.integers(30, size=n)] + 0.3 * rng.normal(size=(n, 16))).astype(np.float32)
    vectors[7] = vectors[3]
    found = neighbours.nearest(vectors, 10)
    assert found.shape == (n, 10)
    assert (found != np.arange(n)[:, None]).all()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = rng.choice(n, 50, replace=False)
    similar = unit[asked] @ unit.T
    similar[np.arange(50), asked] = -2
    exact = np.argsort(-similar, axis=1)[:, :10]
    assert np.mean([len(set(one) & set(other)) / 10 for one, other in zip(found[asked], exact, strict=True)]) > 0.95
    np.testing.assert_array_equal(found, neighbours.nearest(vectors, 10))


def test_neighbours_are_other_patients_of_the_same_fold() -> None:
    names = [f"f{at:02d}" for at in range(40)]
    vectors = [[1.0, 0.001 * at] if at < 20 else [0.001 * at, 1.0] for at in range(40)]
    embeddings = pd.DataFrame({"image_id": names, "model": "m", "fold": 0, "vector": vectors})
    given = pd.DataFrame({"image_id": names, "finding": "Edema", "p_annotators": [0.9] * 20 + [0.1] * 20})
    given.loc[3, "p_annotators"] = 0.1
    patients = pd.Series(names, names)
    found = neighbours.with_neighbours(given, embeddings, patients)["neighbour_p"]
    assert found[3] == pytest.approx(0.9)
    assert found[25] == pytest.approx(0.1)
    own = neighbours.with_neighbours(given, embeddings, pd.Series(["p"] * 20 + names[20:], names))["neighbour_p"]
    assert own[:20].isna().all() or (own[:20] < 0.2).all()
    assert neighbours.with_neighbours(given, embeddings.iloc[:0], patients)["neighbour_p"].isna().all()


def test_the_reason_names_the_evidence() -> None:
    cell = {
        "image_id": "a", "finding": "Edema", "given_label": "POSITIVE", "given_annotator": "published:nih", "given": 1, "pred_prob": None,
        "label_quality_score": 0.2, "n_findings_against": 1.0, "n_films_against": 2.0, "is_faint": 1.0,
        "neighbour_p": 0.03, "report_fit": -5.0,
    }  # fmt: skip
    said = reasons.explain(cell, [])
    assert "another label of the film cannot hold beside it" in said
    assert "2 films that show the same are labelled the other way" in said
    assert "the report only hedges it" in said
    assert "its whole report is 148 times likelier to belong to another film" in said
    assert "it is expected in 3% of the films that look most alike" in said
    nothing = (
        cell
        | {"n_findings_against": 0.0, "n_films_against": float("nan"), "is_faint": float("nan"), "neighbour_p": float("nan")}
        | {"report_fit": float("nan")}
    )
    assert reasons.explain(nothing, []).startswith("given POSITIVE by published:nih; the label is right")
