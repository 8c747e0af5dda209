"""Reports say what their ledger says they say; published labels are as wrong as declared."""

from __future__ import annotations

import re
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.findings import NIH_14, find
from pipeline.base.reports import sections
from pipeline.sample.disease import severities
from pipeline.sample.noise import DECLARED, nih_cell, publish, rates
from pipeline.sample.people import Numbers, draw_studies
from pipeline.sample.report_grammar import lesions_of, phrases, sentence, slots_of
from pipeline.sample.report_letter import write_letter


@pytest.fixture(scope="module")
def studies():
    return draw_studies(0, 500)


@pytest.fixture(scope="module")
def letters(studies):
    return [write_letter(study) for study in studies]


def test_every_phrase_expands(studies) -> None:
    ill = next(study for study in studies if study.before)
    for table, finding in product(("positive", "uncertain", "what", "absent"), ("Pneumothorax", "Pleural Effusion", "Mass", "Edema")):
        for frame in phrases()[table].get(finding, []):
            for seed in range(6):
                rng = np.random.default_rng(seed)
                text = sentence(frame.partition(" => ")[0], slots_of(lesions_of(finding, ill), rng), rng)
                assert text
                assert not re.search(r"[{}|$]|  | [.,]", text), text


def test_declared_states_name_findings_and_states() -> None:
    def frames(node):
        return (
            [node]
            if isinstance(node, str)
            else [one for child in (node.values() if isinstance(node, dict) else node) for one in frames(child)]
        )

    for frame in frames(phrases()):
        for item in filter(None, frame.partition(" => ")[2].split("; ")):
            name, state = item.split("=")
            assert find(name) == name
            assert state in ("POSITIVE", "NEGATIVE", "UNCERTAIN")


WORDS = {"Pneumothorax": r"pneumothorax", "Atelectasis": r"atelecta|collapse of", "Pneumonia": r"pneumonia|infecti"}


@pytest.mark.parametrize("finding", WORDS)
def test_a_finding_is_named_exactly_where_the_ledger_says_so(letters, finding: str) -> None:
    for letter in letters:
        read = " ".join(letter.body[s.start : s.end] for s in sections(letter.body) if s.name in ("findings", "impression"))
        assert bool(re.search(WORDS[finding], read, re.I)) == (finding in letter.says), read


def test_letters_are_sectioned_and_varied(letters) -> None:
    names = [{section.name for section in sections(letter.text)} for letter in letters]
    assert all("findings" in found for found in names)
    bodies = {re.sub(r"\d", "", letter.body.split("Dictated")[0]) for letter in letters}
    assert len(bodies) > 0.99 * len(letters)
    first = [letter.text.splitlines()[4] for letter in letters]
    assert len(set(first)) >= 5


def test_states_follow_the_truth_but_not_slavishly(studies, letters) -> None:
    truth = np.array(["Pleural Effusion" in study.present for study in studies])
    said = np.array([letter.says.get("Pleural Effusion") == "POSITIVE" for letter in letters])
    assert 0.55 < said[truth].mean() < 0.95
    assert 0.0 < said[~truth].mean() < 0.06
    assert {state for letter in letters for state in letter.says.values()} == {"POSITIVE", "NEGATIVE", "UNCERTAIN"}


def test_faint_findings_are_missed_more_often(studies, letters) -> None:
    cells = [
        (severity, letter.says.get(name) == "POSITIVE")
        for study, letter in zip(studies, letters, strict=True)
        for name, severity in study.present.items()
        if name in DECLARED
    ]
    faint = np.mean([said for severity, said in cells if severity < 0.25])
    plain = np.mean([said for severity, said in cells if severity > 0.7])
    assert plain > faint + 0.2


@pytest.mark.parametrize("finding", DECLARED)
def test_published_labels_are_as_wrong_as_declared(studies, letters, finding: str) -> None:
    """Counts over ten drawings lie within four binomial deviations of the declared rates."""
    present, says = [study.present for study in studies], [letter.says for letter in letters]
    truth = np.array([finding in study for study in present])
    given_ = np.array([[finding in names for names in publish(present, says, np.random.default_rng(seed))] for seed in range(10)])
    declared = DECLARED[finding]
    n_true, n_given = 10 * truth.sum(), given_.sum()
    tolerance = 4 * np.sqrt(0.25 / np.array([n_true, n_given]))
    assert abs(given_[:, truth].mean() - declared.sensitivity) < tolerance[0]
    assert abs(given_[:, truth].sum() / n_given - declared.ppv) < tolerance[1]


def test_errors_depend_on_the_film(studies, letters) -> None:
    present, says = [study.present for study in studies], [letter.says for letter in letters]
    severity = np.array([study.get("Pleural Effusion", 0.0) for study in present])
    names = [publish(present, says, np.random.default_rng(seed)) for seed in range(5)]
    given_ = np.array([["Pleural Effusion" in one for one in drawn] for drawn in names]).mean(axis=0)
    assert given_[severity > 0.6].mean() > given_[(severity > 0) & (severity < 0.25)].mean() + 0.2


@given(st.lists(st.floats(0.01, 50), min_size=3, max_size=40), st.floats(0.02, 0.9))
def test_rates_have_the_mean_asked_for(weights: list[float], mean: float) -> None:
    found = rates(np.array(weights), mean)
    assert found.mean() == pytest.approx(mean, abs=1e-6)
    assert np.all((found >= 0) & (found <= 0.97))
    assert np.all(np.diff(found[np.argsort(weights)]) >= -1e-12)


def test_cells_use_the_archive_names() -> None:
    assert nih_cell(("Pleural Effusion", "Mass")) == "Mass|Effusion"
    assert nih_cell(("No Finding",)) == "No Finding"
    assert all(find(name) in NIH_14 for name in nih_cell(tuple(DECLARED)).split("|"))


def test_truth_is_closed_under_parents_and_devices_break_no_normal(studies) -> None:
    for study in studies:
        present = severities(study.lesions)
        assert ("Lung Opacity" in present) == bool({"Edema", "Consolidation", "Atelectasis", "Lung Lesion"} & set(present))
        assert ("No Finding" in present) == (set(present) <= {"No Finding", "Support Devices"})


def test_patients_stay_the_same_when_more_are_asked_for() -> None:
    few, many = draw_studies(5, 3), draw_studies(5, 9)
    assert many[: len(few)] == few
    by_patient = {study.patient.mrn: study.patient.body for study in many}
    assert all(study.patient.body is by_patient[study.patient.mrn] for study in many)
    assert all(later.day > earlier.day for earlier, later in pairwise(many) if later.number)


def test_numbers_never_repeat() -> None:
    numbers = Numbers(np.random.default_rng(0))
    drawn = [numbers.draw() for _ in range(500)]
    assert len(set(drawn)) == 500
