"""Everything registered keeps the contract of its seam. The contract of labelers is tested in tests/labelers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories import tiny_home

from pipeline.base import tables
from pipeline.base.interfaces import ALL, DETECTORS, FORMATS, MODELS, POLICIES, RULES, SOURCES, ExclusionRule
from pipeline.base.settings import Settings
from pipeline.collect import REMOTE
from pipeline.exclude import facts
from pipeline.exclude.film_set import write_film_checks

CODE = re.compile(r"[a-z][a-z0-9_]*")


def runnable(registry: Any) -> list[str]:
    """Names of plug-ins whose packages are here."""
    return [name for name in registry.names() if not registry.missing(name)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    home = tiny_home(tmp_path_factory.mktemp("contracts") / "home", patients=12)
    write_film_checks(home)
    (batch,) = facts(home)
    return batch


@pytest.mark.parametrize("registry", ALL, ids=lambda registry: registry.seam)
def test_every_seam_has_a_plugin_that_runs_here(registry: Any) -> None:
    assert runnable(registry)


@pytest.mark.parametrize("name", [name for name in runnable(SOURCES) if name not in REMOTE])
def test_a_source_lists_every_file_once_in_one_order(name: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside.dcm"
    folder = tmp_path / "export"
    export = str(folder)
    for relative in ("b/2.dcm", "a.txt", "b/1.dcm", "c.csv", "B/1.dcm"):
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        (folder / relative).write_bytes(b"x" * 200)
    outside.write_bytes(b"x" * 200)
    (folder / "link.dcm").symlink_to(outside)
    source = SOURCES.get(name)
    found = list(source.files(export))
    assert found == list(source.files(export))
    assert len({one.relative for one in found}) == len(found)
    # A link is told and never opened.
    assert [(one.relative, one.problem) for one in found if one.problem] == [("link.dcm", "link")]
    for one in found:
        if one.problem:
            continue
        with source.open(export, one.relative) as raw:
            assert len(raw.read()) == one.size_bytes == 200
        assert source.kind(export, one) in ("dicom", "picture", "text", "csv", "other")


@pytest.mark.parametrize("name", runnable(RULES))
def test_a_rule_answers_declared_reasons_and_changes_nothing(name: str, files: pd.DataFrame) -> None:
    rule = RULES.get(name)
    assert rule.action in tables.ACTIONS
    assert isinstance(rule.order, int)
    assert all(CODE.fullmatch(code) and text.endswith(".") for code, text in rule.reasons.items())
    before = files.copy()
    answers = rule(files, Settings())
    pd.testing.assert_frame_equal(files, before)
    assert answers.index.equals(files.index)
    assert set(answers.dropna()) <= set(rule.reasons)
    assert len(rule(files.head(0), Settings())) == 0


def test_a_reason_belongs_to_one_rule() -> None:
    owners: dict[str, list[str]] = {}
    for name, rule in RULES:
        for reason in rule.reasons:
            owners.setdefault(reason, []).append(name)
    assert {reason: names for reason, names in owners.items() if len(names) > 1} == {}


def test_the_rule_contract_notices_a_rule_that_breaks_it(files: pd.DataFrame) -> None:
    class Broken:
        action, order, reasons = "exclude", 1, {"known": "Known."}

        def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
            return pd.Series("unknown", files.index)

    rule: ExclusionRule = Broken()
    assert not set(rule(files, Settings()).dropna()) <= set(rule.reasons)


@pytest.mark.parametrize("name", runnable(POLICIES))
def test_a_policy_keeps_what_is_decided(name: str) -> None:
    states = np.array(["POSITIVE", "NEGATIVE", "UNCERTAIN", "UNCERTAIN"], object)
    targets = POLICIES.get(name)(states, np.array([0.2, 0.8, 0.1, 0.9]))
    assert targets.shape == states.shape
    assert tuple(targets[:2]) in {(1.0, 0.0), (0.2, 0.8)}, "a decided label trains as it says, or at what is known of it"
    assert all(np.isnan(target) or 0 <= target <= 1 for target in targets[2:])
    assert POLICIES.get(name)(states[:0], np.array([])).shape == (0,)


def _cells(n: int = 400) -> pd.DataFrame:
    """One finding: 10 % flipped labels, a good model, and a second annotator that speaks up now and then; `flipped` marks them."""
    rng = np.random.default_rng(0)
    truth = rng.random(n) < 0.4
    flipped = rng.random(n) < 0.1
    given = truth ^ flipped
    pred_prob = 1 / (1 + np.exp(-(np.where(truth, 2.0, -2.0) + rng.normal(0, 1, n))))
    second = truth ^ (rng.random(n) < 0.1)
    return pd.DataFrame(
        {
            "image_id": [f"i{index:04d}" for index in range(n)],
            "finding": "Edema",
            "given_label": np.where(given, "POSITIVE", "NEGATIVE"),
            "given_annotator": "published:sample",
            "given": given.astype(np.int64),
            "p_positive": pred_prob,
            "p_annotators": np.where(given, 0.7, 0.1),
            "pred_prob": pred_prob,
            "n_against": ((second != given) & (rng.random(n) < 0.5)).astype(np.int64),
            **{
                name: ((second != given) & (rng.random(n) < 0.5)).astype(float)
                for name in ("n_films_against", "n_findings_against", "is_faint")
            },
            "neighbour_p": pred_prob,
            "aum": np.where(flipped, -1.0, 1.5) + rng.normal(0, 0.6, n),
            "forgotten_share": np.where(flipped, rng.uniform(0.3, 1.0, n), rng.uniform(0.0, 0.4, n)),
            "early_loss": np.where(flipped, rng.gamma(8, 0.25, n), rng.gamma(8, 0.05, n)),
            "report_fit": np.where(second == given, 1.0, -5.0),
            "report_fit_here": np.where(second == given, 0.3, -1.0),
            "flipped": flipped,
        },
        index=np.arange(n) * 3,
    )


@pytest.mark.parametrize("name", runnable(DETECTORS))
def test_a_detector_scores_planted_errors_below_sound_labels(name: str) -> None:
    cells = _cells()
    found = DETECTORS.get(name)(cells.drop(columns="flipped"))
    score = found["label_quality_score"]
    assert found.index.equals(cells.index)
    assert score.dropna().between(0, 1).all()
    assert found["is_label_issue"].dtype == bool
    # Half of all pairs would be right by chance; the noise above leaves an ideal score with about 0.95.
    wrong, sound = score[cells["flipped"]], score[~cells["flipped"]]
    assert np.mean(wrong.to_numpy()[:, None] < sound.to_numpy()[None, :]) > 0.85
    assert cells.loc[found["is_label_issue"], "flipped"].mean() > cells["flipped"].mean()


@pytest.mark.parametrize("name", runnable(MODELS))
def test_a_model_answers_logits_and_vectors(name: str) -> None:
    import torch

    network = MODELS.get(name)(3, 1).eval()
    with torch.inference_mode():
        logits, vectors = network(torch.rand(2, 1, 64, 64))
    assert logits.shape == (2, 3)
    assert vectors.shape == (2, network.head.in_features)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", FORMATS.names())
def test_a_format_says_what_it_writes(name: str) -> None:
    assert FORMATS.get(name).description
