"""The stage on a small home with labels, annotations and out-of-fold probabilities laid down by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from factories import tiny_home
from sklearn.metrics import average_precision_score

from pipeline import rank
from pipeline.base import settings as settings_module
from pipeline.base import tables
from pipeline.base.errors import SettingsError
from pipeline.base.settings import Settings
from pipeline.base.storage import Home

ALL = ("posterior_disagreement", "annotator_conflict", "cleanlab_self_confidence")
FINDING = "Pleural Effusion"


def settings(*detectors: str, share: float = 0.10) -> Settings:
    listed = ", ".join(f'"{name}"' for name in detectors or ALL)
    return settings_module.load(None, None, (f"rank.detectors=[{listed}]", f"rank.max_issue_share={share}"))


def lay(home: Home, name: str, rows: list[dict[str, object]]) -> None:
    schema = pa.schema([pa.field(column.name, column.type) for column in tables.BY_NAME[name].columns])
    home.write(name, pa.Table.from_pylist(rows, schema=schema))


def label_row(film: str, given: str, p: float, **more: object) -> dict[str, object]:
    return {
        "image_id": film,
        "finding": FINDING,
        "given_label": given,
        "given_annotator": "published:nih",
        "state": "UNCERTAIN",
        "decided_by": "annotators",
        "p_positive": p,
        "p_annotators": p,
        "p_low": p,
        "p_high": p,
        "n_annotators": 2,
        "theta_sd": 1.0,
        "n_readers": 0,
        "annotators": ["published:nih", "rules"],
        "is_conflict": False,
        "policy": "u_ignore",
        "given_target": 1.0 if given == "POSITIVE" else 0.0,
        "given_side": 1.0 if given == "POSITIVE" else 0.0,
    } | more


def annotation(film: str, annotator: str, state: str, evidence: str | None = None) -> dict[str, object]:
    return {"image_id": film, "finding": FINDING, "annotator": annotator, "state": state, "mention_ids": [], "evidence": evidence}


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., tuple[Home, np.ndarray, list[str]]]:
    """A home with noisy labels: one flip in eight; the report is right; the model is good, inverted, useless or absent."""

    def made(*, model: str = "good", reports: bool = True, seed: int = 0) -> tuple[Home, np.ndarray, list[str]]:
        home = tiny_home(tmp_path / "home", patients=60, seed=seed)
        films = home.read("groups", ["image_id"]).column("image_id").to_pylist()
        rng = np.random.default_rng(seed)
        truth = rng.random(len(films)) < 0.4
        wrong = rng.random(len(films)) < 0.12
        given = np.where(truth ^ wrong, "POSITIVE", "UNMENTIONED")
        p = np.where(truth, 0.75, 0.15) if reports else np.where(truth ^ wrong, 0.7, 0.15)
        lay(home, "labels", [label_row(film, str(one), float(q)) for film, one, q in zip(films, given, p, strict=True)])
        said = [annotation(film, "published:nih", str(one)) for film, one in zip(films, given, strict=True)]
        if reports:
            said += [
                annotation(film, "rules", "POSITIVE" if t else "NEGATIVE", "moderate right effusion" if t else "No pleural effusion")
                for film, t in zip(films, truth, strict=True)
            ]
        lay(home, "annotations", said)
        for name in ("mentions", "embeddings", "training_dynamics"):
            home.write(name, tables.empty(name))
        signal = np.where(truth, 1.5, -1.5) * {"good": 1, "inverted": -1}.get(model, 0)
        prob = 1 / (1 + np.exp(-(signal + rng.normal(0, 1, len(films)))))
        rows = [
            {"image_id": film, "finding": FINDING, "model": "m", "fold": 0, "logit": 0.0, "pred_prob": float(q)}
            for film, q in zip(films, prob, strict=True)
        ]
        lay(home, "pred_probs", rows if model != "none" else [])
        return home, wrong, films

    return made


def ap(home: Home, wrong: np.ndarray, films: list[str]) -> float:
    by_film = {row["image_id"]: row["rank"] for row in home.read("label_issues").to_pylist()}
    return float(average_precision_score(wrong, [-by_film[film] for film in films]))


def test_injected_noise_is_found_far_above_chance(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, wrong, films = build(reports=False)
    result = rank.run(home, settings())
    assert ap(home, wrong, films) > 4 * wrong.mean()
    assert result.counts["cells"] == len(films)
    assert home.check_foreign("label_issues") == []
    assert result.plots["issues"].startswith(b"\x89PNG")


def test_conflicts_come_first_and_say_so_in_words(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, wrong, films = build(model="useless")
    rank.run(home, settings(share=0.5))
    rows = sorted(home.read("label_issues").to_pylist(), key=lambda row: row["rank"])
    first = {row["image_id"] for row in rows[: int(wrong.sum())]}
    assert first == {film for film, is_wrong in zip(films, wrong, strict=True) if is_wrong}
    missed = next(row for row in rows if row["given_label"] == "UNMENTIONED" and row["is_label_issue"])
    assert missed["reason"].startswith("given UNMENTIONED (read as NEGATIVE) by published:nih, but the report says")
    assert '"moderate right effusion" (POSITIVE by rules)' in missed["reason"]
    assert "the model's probability is 0." in missed["reason"]


def test_a_useless_model_changes_little(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, wrong, films = build(model="useless")
    rank.run(home, settings())
    assert ap(home, wrong, films) > 0.9


def test_a_misleading_model_is_not_heard_and_that_is_said(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, wrong, films = build(model="inverted")
    result = rank.run(home, settings())
    assert any(warning.endswith(f"not heard: {FINDING}") for warning in result.warnings)
    rows = home.read("label_issues").to_pylist()
    assert all("cleanlab_self_confidence" not in row["detectors"] and row["pred_prob"] is not None for row in rows)
    assert ap(home, wrong, films) == 1


def test_a_missing_input_disables_a_detector_visibly(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, _, films = build(model="none")
    result = rank.run(home, settings())
    assert any("detectors are off" in warning and "cleanlab_self_confidence" in warning for warning in result.warnings)
    assert home.read("label_issues").num_rows == len(films)
    alone = rank.run(home, settings("cleanlab_self_confidence"))
    assert alone.counts["cells"] == 0
    assert alone.counts["not_judged"] == len(films)
    assert any("not ranked" in warning for warning in alone.warnings)


def test_the_cap_keeps_the_worst(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, _, films = build()
    rank.run(home, settings(share=0.5))
    uncapped = {row["image_id"]: row["rank"] for row in home.read("label_issues").to_pylist() if row["is_label_issue"]}
    rank.run(home, settings(share=0.05))
    capped = [row["image_id"] for row in home.read("label_issues").to_pylist() if row["is_label_issue"]]
    assert len(capped) == int(0.05 * len(films)) < len(uncapped)
    assert sorted(uncapped[film] for film in capped) == list(range(1, len(capped) + 1))


def test_ranks_are_a_permutation_and_a_second_run_is_byte_identical(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, _, films = build()
    rank.run(home, settings())
    rows = home.read("label_issues").to_pylist()
    assert sorted(row["rank"] for row in rows) == list(range(1, len(films) + 1))
    assert all(0 <= row["label_quality_score"] <= 1 for row in rows)
    before = home.table_digest("label_issues")
    rank.run(home, settings())
    assert home.table_digest("label_issues") == before


def test_masked_labels_halves_and_verdicts_are_not_on_trial(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, _, films = build()
    rows = home.read("labels").to_pylist()
    by_film = {row["image_id"]: row for row in rows}
    by_film[films[0]] |= {"given_label": "UNCERTAIN", "given_target": None, "given_side": None}
    by_film[films[1]] |= {"given_label": "UNCERTAIN", "given_target": 0.5, "given_side": None}
    by_film[films[2]] |= {"verdict": "NEGATIVE", "decided_by": "verdict"}
    by_film[films[3]] |= {"given_label": "UNCERTAIN", "given_target": 1.0}
    lay(home, "labels", rows)
    rank.run(home, settings())
    judged = {row["image_id"]: row for row in home.read("label_issues").to_pylist()}
    assert set(films) - set(judged) == set(films[:3])
    assert judged[films[3]]["given_label"] == "UNCERTAIN"
    assert judged[films[3]]["reason"].startswith("given UNCERTAIN (read as POSITIVE)")


def test_no_detector_is_refused(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, _, _ = build()
    with pytest.raises(SettingsError, match="detectors is empty"):
        rank.run(home, settings_module.load(None, None, ("rank.detectors=[]",)))


def test_a_home_without_labels_gives_an_empty_table(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, _, _ = build()
    for name in ("labels", "annotations", "pred_probs"):
        home.write(name, tables.empty(name))
    result = rank.run(home, settings())
    assert home.read("label_issues").num_rows == 0
    assert result.counts["issues"] == 0


def test_a_soft_target_is_not_put_on_trial_against_itself(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    """Under the policy `posterior` the given label is judged as under any other: the target it trains at is the judge's own opinion."""
    home, wrong, films = build()
    rank.run(home, settings())
    hard = home.table_digest("label_issues")
    rows = home.read("labels").to_pylist()
    lay(home, "labels", [{**row, "policy": "posterior", "given_target": row["p_annotators"]} for row in rows])
    rank.run(home, settings())
    assert home.table_digest("label_issues") == hard
    assert ap(home, wrong, films) > 0.9


def test_the_course_of_training_flags_what_was_never_learned(build: Callable[..., tuple[Home, np.ndarray, list[str]]]) -> None:
    home, wrong, films = build()
    lay(
        home,
        "training_dynamics",
        [
            {"image_id": film, "finding": FINDING, "model": "m", "aum": -2.0 if one else 2.0, "n_forgotten": 24 if one else 0}
            | {"early_loss": 2.0 if one else 0.1, "n_epochs": 24}
            for film, one in zip(films, wrong, strict=True)
        ],
    )
    watched = ("area_under_margin", "forgetting_events", "early_loss")
    rank.run(home, settings("posterior_disagreement", *watched, share=0.5))
    for row in home.read("label_issues").to_pylist():
        is_wrong = bool(wrong[films.index(row["image_id"])])
        assert set(watched) & set(row["detectors"]) == (set(watched) if is_wrong else set())
    home.write("training_dynamics", tables.empty("training_dynamics"))
    result = rank.run(home, settings("posterior_disagreement", *watched))
    assert any("detectors are off" in warning and all(name in warning for name in watched) for warning in result.warnings)
