"""`cxr label compare`: scikit-learn's kappa and scores, the scorers beside the checkout, and differences with their words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support
from typer.testing import CliRunner

from pipeline import cli
from pipeline.base.errors import InputError
from pipeline.base.labels import STATES, LabelState
from pipeline.label import compare, compare_page, contingency, files, partings, state_files
from pipeline.label.compare import ALL, MEAN, Comparison
from pipeline.label.state_files import UNSETTLED

CELLS = {0: "1", 1: "0", 2: "-1", 3: ""}
NAMES = ["Edema", "Cardiomegaly", "Pleural Effusion"]


def random_codes(seed: int, n: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).choice(4, size=(n, len(NAMES)), p=(0.3, 0.3, 0.1, 0.3)).astype(np.int8)


def write(path: Path, codes: np.ndarray, names: list[str] = NAMES) -> Path:
    rows = {"report_id": [f"r{n}" for n in range(len(codes))]}
    rows |= {name: [CELLS[int(code)] for code in codes[:, at]] for at, name in enumerate(names)}
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two labelings that share a third of a gold standard's cells, and that gold standard."""
    gold, noise = random_codes(0), np.random.default_rng(9).random((2, 200, len(NAMES))) < 0.3
    a, b = (np.where(noise[at], random_codes(at + 1), gold) for at in (0, 1))
    return write(tmp_path / "a.csv", a), write(tmp_path / "b.csv", b), write(tmp_path / "gold.csv", gold)


def compared(*paths: Path, gold: Path | None = None, draws: int = 100) -> Comparison:
    return compare.compare([state_files.read(path) for path in paths], state_files.read(gold) if gold else None, None, draws)


def test_kappa_is_scikit_learns(three: tuple[Path, Path, Path]) -> None:
    a, b = (state_files.read(path).codes for path in three[:2])
    made = compared(*three[:2])
    for at, one in enumerate(made.agreements[:-1]):
        assert one.finding == NAMES[at]
        assert one.kappa.value == pytest.approx(cohen_kappa_score(a[:, at], b[:, at]))
        assert one.agreed.value == pytest.approx((a[:, at] == b[:, at]).mean())
        for code, state in enumerate(STATES):
            assert one.states[str(state)].value == pytest.approx(cohen_kappa_score(a[:, at] == code, b[:, at] == code))
    assert made.agreements[-1].finding == ALL
    assert made.agreements[-1].kappa.value == pytest.approx(cohen_kappa_score(a.ravel(), b.ravel()))


def test_scores_are_scikit_learns(three: tuple[Path, Path, Path]) -> None:
    said, gold = state_files.read(three[0]).codes, state_files.read(three[2]).codes
    scores = {(one.finding, one.kind): one for one in compared(three[0], gold=three[2]).scores}
    for kind, code in {"positive": 0, "negative": 1, "uncertain": 2}.items():
        for at, name in enumerate(NAMES):
            wanted = precision_recall_fscore_support(gold[:, at] == code, said[:, at] == code, average="binary")[:3]
            found = scores[name, kind]
            assert (found.precision.value, found.recall.value, found.f1.value) == pytest.approx(wanted)
        everything = precision_recall_fscore_support(gold.ravel() == code, said.ravel() == code, average="binary")[:3]
        assert scores[ALL, kind].f1.value == pytest.approx(everything[2])
    wanted = precision_recall_fscore_support(gold.ravel(), said.ravel(), labels=[0, 1, 2], average="micro")
    assert scores[ALL, "state"].f1.value == pytest.approx(wanted[2])
    wanted = precision_recall_fscore_support(gold.ravel() != 3, said.ravel() != 3, average="binary")
    assert scores[ALL, "mention"].f1.value == pytest.approx(wanted[2])


def test_intervals_hold_the_estimate_and_shrink_with_reports() -> None:
    def interval(n: int) -> tuple[float, float]:
        gold = random_codes(0, n)
        said = np.where(np.random.default_rng(5).random(gold.shape) < 0.2, random_codes(1, n), gold)
        drawn = contingency.kappa(contingency.resample(gold, said, 400, 0))[:, 0]
        assert drawn.min() < contingency.kappa(contingency.count(gold, said))[0] < drawn.max()
        return tuple(np.quantile(drawn, (0.025, 0.975)))

    few, many = interval(100), interval(1600)
    assert (few[1] - few[0]) / (many[1] - many[0]) == pytest.approx(4, rel=0.25)  # the square root of 16


def test_resampling_is_by_report_and_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.repeat(random_codes(3, 50)[:, :1], 2, axis=1)
    drawn = contingency.resample(codes, codes, 20, 7)
    assert (drawn[:, 0] == drawn[:, 1]).all(), "the findings of a report move together"
    assert (drawn.sum((-2, -1)) == 50).all()
    monkeypatch.setattr(contingency, "_BLOCK_CELLS", 150)
    assert (contingency.resample(codes, codes, 20, 7) == drawn).all(), "blocks change nothing"


def test_equal_files_agree_and_kappa_of_nothing_is_unknown(tmp_path: Path) -> None:
    codes = random_codes(0)
    codes[:, 0] = 3
    path = write(tmp_path / "a.csv", codes)
    made = compared(path, path)
    assert made.partings == ()
    assert made.agreements[0].kappa.value is None
    assert (made.agreements[1].kappa.value, made.agreements[1].kappa.low) == (1, 1)


def test_a_long_gold_standard(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", np.array([[0, 1, 2], [0, 3, 3], [1, 1, 1]], np.int8))
    (tmp_path / "gold.csv").write_text("report_id,finding,state\nr0,Edema,1\nr0,Effusion,0\nr1,Edema,\nr2,,\n", encoding="utf-8")
    gold = state_files.read(tmp_path / "gold.csv")
    assert (list(gold.ids), gold.findings) == (["r0", "r1", "r2"], ("Edema", "Pleural Effusion"))
    assert gold.codes.tolist() == [[0, 1], [UNSETTLED, 3], [3, 3]]
    made = compared(a, gold=tmp_path / "gold.csv")
    edema = next(one for one in made.scores if (one.finding, one.kind) == ("Edema", "state"))
    assert (edema.hits, edema.alarms, edema.misses) == (1, 1, 0)
    assert {(one.report_id, one.finding) for one in made.partings} == {
        ("r0", "Pleural Effusion"),
        ("r2", "Edema"),
        ("r2", "Pleural Effusion"),
    }


def test_a_binary_gold_standard_is_scored_on_what_is_present(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", np.array([[0, 2, 3], [1, 3, 0]], np.int8))
    gold = write(tmp_path / "g.csv", np.array([[0, 0, 1], [1, 1, 1]], np.int8))
    made = compared(a, gold=gold)
    assert {one.kind for one in made.scores} == {"positive"}
    assert [(one.report_id, one.finding) for one in made.partings] == [("r0", "Cardiomegaly"), ("r1", "Pleural Effusion")]
    assert any("only 1 and 0" in note for note in made.notes)


def test_no_finding_is_scored_but_in_no_overall_figure(tmp_path: Path) -> None:
    codes = random_codes(0)
    a = write(tmp_path / "a.csv", codes, ["No Finding", "Edema", "Mass"])
    b = write(tmp_path / "b.csv", np.column_stack([3 - codes[:, 0], codes[:, 1:]]), ["No Finding", "Edema", "Mass"])
    made = compared(b, gold=a)
    f1 = {one.finding: one.f1.value for one in made.scores if one.kind == "state"}
    assert f1["No Finding"] is not None
    assert f1["No Finding"] < 0.5
    assert (f1[ALL], f1[MEAN]) == (1, 1)


def test_reports_and_findings_that_only_one_has_are_told(three: tuple[Path, Path, Path], tmp_path: Path) -> None:
    less = pd.read_csv(three[1], dtype=str, keep_default_na=False).iloc[:150].drop(columns="Edema").sample(frac=1, random_state=0)
    less.to_csv(tmp_path / "less.csv", index=False)
    made = compared(three[0], tmp_path / "less.csv")
    assert made.reports == 150
    assert [one.finding for one in made.agreements] == [*NAMES[1:], ALL]
    assert any("50 reports of a.csv" in note for note in made.notes)
    assert any("Edema" in note for note in made.notes)
    whole = {one.finding: one.cells for one in made.agreements}
    assert whole["Cardiomegaly"] == 150


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("report_id,Edema\nr1,2\n", "report r1"),
        ("report_id,Edema\nr1,yes\n", "no state"),
        ("report_id,Edema\nr1,1\nr1,0\n", "twice"),
        ("report_id,Edema,Pulmonary Edema\nr1,1,1\n", "two columns"),
        ("report_id,age\nr1,1\n", "no column is a finding"),
        ("report_id,Edema\n,1\n", "no report id"),
        ("report_id,finding,state\nr1,Edema,1\nr1,Oedema,0\n", "a finding twice"),
        ("report_id,finding,state\nr1,Nonsense,1\n", "Nonsense"),
        ("", "cannot be read"),
    ],
)
def test_bad_label_files_are_refused(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "bad.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=word):
        state_files.read(tmp_path / "bad.csv")


def test_files_without_anything_in_common(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", random_codes(0))
    (tmp_path / "b.csv").write_text("report_id,Edema\nother,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="share no report"):
        compared(a, tmp_path / "b.csv")


def test_differences_come_with_the_sentence(tmp_path: Path) -> None:
    rows = ["report_id,text", 'r0,"FINDINGS: The heart is enlarged. Possible <edema> & more."', 'r1,"Clear."']
    (tmp_path / "reports.csv").write_text("\n".join(rows), encoding="utf-8")
    a = write(tmp_path / "a.csv", np.array([[0, 0, 3], [3, 3, 3]], np.int8))
    b = write(tmp_path / "b.csv", np.array([[2, 0, 1], [3, 3, 3]], np.int8))
    found = partings.explain(compared(a, b).partings, files.read(str(tmp_path / "reports.csv")))
    assert [(one.report_id, one.finding, one.sentence) for one in found] == [
        ("r0", "Edema", "Possible <edema> & more"),
        ("r0", "Pleural Effusion", ""),
    ]
    assert found[0].said == (LabelState.POSITIVE, LabelState.UNCERTAIN)
    words = ["label", "compare", str(a), str(b), "--reports", str(tmp_path / "reports.csv"), "--html", str(tmp_path / "c.html")]
    said = CliRunner().invoke(cli.app, words, env={"COLUMNS": "200", "TERM": "dumb"}, catch_exceptions=False).output
    assert "2 cells differ" in said
    assert "Possible <edema> & more" in said
    html = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "Possible &lt;edema&gt; &amp; more" in html
    assert "<edema>" not in html
    assert not re.search(r"https?:|<script|@import|url\(", html)


def test_the_page_has_every_table(three: tuple[Path, Path, Path]) -> None:
    made = compared(*three[:2], gold=three[2])
    html = compare_page.html(made)
    for one in made.agreements:
        assert compare_page.shown(one.kappa) in html
    for score in made.scores:
        assert compare_page.shown(score.f1) in html
    assert html.count("<tr>") == 1 + len(made.agreements) + 10 + len(made.scores) + 1 + min(len(made.partings), compare_page.SHOWN)


def test_one_file_alone_is_refused(three: tuple[Path, Path, Path]) -> None:
    result = CliRunner().invoke(cli.app, ["label", "compare", str(three[0])])
    assert isinstance(result.exception, InputError)


@pytest.fixture(scope="module")
def openi_labels(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("openi") / "labels.csv"
    words = ["label", str(shared_data / "reports" / "openi_dev.csv"), "-o", str(to)]
    assert CliRunner().invoke(cli.app, words, catch_exceptions=False).exit_code == 0
    return to


def scorer(shared_data: Path, name: str, *words: str | Path) -> dict[str, list[str]]:
    """Rows that a scorer beside the checkout prints, by their first word."""
    tool = shared_data.parent / "tools" / name
    if not tool.exists():
        pytest.skip(f"no {name} beside the checkout")
    said = subprocess.run([sys.executable, tool, *words], capture_output=True, text=True, check=True, timeout=120).stdout
    return {(parts := re.split(r"\s{2,}", line.strip()))[0]: parts[1:] for line in said.splitlines() if line.strip()}


def test_it_agrees_with_the_four_state_scorer(openi_labels: Path, shared_data: Path) -> None:
    gold = shared_data / "reports" / "four_state_dev.csv"
    rows = scorer(shared_data, "score_states.py", openi_labels, gold, "--boot", "100")
    scores = {(one.finding, one.kind): one.f1.value for one in compared(openi_labels, gold=gold).scores}
    kinds = ("mention", "positive", "negative", "uncertain", "state")
    checked = 0
    for finding, figures in rows.items():
        name = {"MICRO": ALL}.get(finding, finding)
        for kind, figure in zip(kinds, figures, strict=False):
            if (name, kind) in scores and figure != "NaN":
                assert scores[name, kind] == pytest.approx(float(figure), abs=6e-4), (finding, kind)
                checked += 1
    assert (ALL, "state") in scores
    assert checked > 60


def test_it_agrees_with_the_open_i_scorer(openi_labels: Path, shared_data: Path) -> None:
    gold = shared_data / "reports" / "openi_dev_gold_corrected.csv"
    rows = scorer(shared_data, "score_openi.py", openi_labels, gold, "--boot", "400")
    scores = {one.finding: one for one in compared(openi_labels, gold=gold, draws=1000).scores}
    checked = 0
    for finding, one in scores.items():
        name = {ALL: "MICRO", MEAN: "MACRO", "Pleural Effusion": "Effusion"}.get(finding, finding.replace(" ", "_"))
        if name not in rows:
            continue
        *_, precision, recall, f1, interval = rows[name]
        assert one.f1.value == pytest.approx(float(f1) / 100, abs=6e-4), finding
        assert one.recall.value == pytest.approx(float(recall) / 100, abs=6e-4), finding
        assert one.precision.value == pytest.approx(float(precision) / 100, abs=6e-4), finding
        assert (one.f1.low, one.f1.high) == pytest.approx([float(end) / 100 for end in interval.split("-")], abs=0.04), finding
        checked += 1
    assert checked == 16
