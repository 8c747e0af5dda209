"""Contract of every registered rule, and the rules that look at pixels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from factories import tiny_home

from pipeline.base import settings
from pipeline.base.errors import TableError
from pipeline.base.interfaces import RULES
from pipeline.base.storage import Home
from pipeline.exclude import facts
from pipeline.exclude.decide import apply_rules
from pipeline.exclude.rules.atypical_pixels import AtypicalPixels, typicality

SETTINGS = settings.load()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return tiny_home(tmp_path_factory.mktemp("rules") / "home", patients=20)


@pytest.mark.parametrize("name", RULES.names())
def test_every_rule_keeps_the_contract(name: str, home: Home) -> None:
    rule, files = RULES.get(name), facts(home)
    before = files.copy()
    answer = rule(files, SETTINGS)
    assert rule.action in ("exclude", "duplicate", "skip", "flag")
    assert answer.index.equals(files.index)
    assert set(answer.dropna()) <= set(rule.reasons)
    assert all(sentence.endswith(".") for sentence in rule.reasons.values())
    assert (rule.order >= 200) == (rule.action == "flag")
    assert RULES.describe(name)
    pd.testing.assert_frame_equal(files, before)


def test_reason_codes_are_said_by_one_rule_each() -> None:
    codes = [code for _, rule in RULES for code in rule.reasons]
    assert len(codes) == len(set(codes))


def test_an_undeclared_reason_is_an_error(home: Home) -> None:
    class Rogue:
        """Answers what it never declared."""

        action, order, reasons = "exclude", 1, {"declared": "It was declared."}

        def __call__(self, files: pd.DataFrame, _: settings.Settings) -> pd.Series:
            return pd.Series("surprise", files.index)

    with pytest.raises(TableError, match="surprise"):
        apply_rules(facts(home), {"rogue": Rogue()}, SETTINGS)


def test_a_file_that_no_rule_accounts_for_is_an_error(home: Home) -> None:
    files = facts(home)
    files.loc[files.index[files.file_kind == "dicom"][0], ["is_film", "outcome"]] = [False, None]
    with pytest.raises(TableError, match="neither films nor reports"):
        apply_rules(files, {"paediatric": RULES.get("paediatric")}, SETTINGS)


def test_negatives_and_strangers_are_told_apart_from_chests(home: Home) -> None:
    films = home.read("images", ["thumbnail"]).column("thumbnail").to_pylist()
    rows = np.stack([np.frombuffer(film, np.uint8) for film in films])
    assert typicality(rows).min() > 0.5
    rows[0] = 255 - rows[0]
    rows[1] = np.linspace(0, 255, 1024).astype(np.uint8)
    files = pd.DataFrame({"is_film": True, "std_level": 40.0, "thumbnail": [row.tobytes() for row in rows]})
    answer = AtypicalPixels()(files, SETTINGS)
    assert answer[:2].tolist() == ["inverted_polarity", "atypical_film"]
    assert answer[2:].isna().all()


def test_too_few_films_make_no_median() -> None:
    files = pd.DataFrame({"is_film": True, "std_level": 40.0, "thumbnail": [bytes(1024)] * 5})
    assert AtypicalPixels()(files, SETTINGS).isna().all()
