from __future__ import annotations

import random
from pathlib import Path

import pytest

from models.zoo import _prompts
from pipeline.base import findings
from pipeline.base.errors import InputError


def test_every_finding_can_be_asked_for_in_every_way() -> None:
    for style in ("chexzero", "biovil", "report"):
        for finding, contrast in zip(findings.NAMES, _prompts.contrasts(findings.NAMES, style, None), strict=True):
            assert contrast.positive
            assert contrast.negative
            assert not set(contrast.positive) & set(contrast.negative), finding
            assert not any("{" in text or "no No" in text for text in contrast.positive + contrast.negative)
    for finding in findings.NAMES:
        assert _prompts.grid(finding, "gloria")
        assert _prompts.grid(finding, "medclip")
        for asking in ("chexagent", "plain"):
            assert _prompts.question(finding, asking).endswith(("?", "No."))


def test_chexzero_asks_for_chexperts_labels_as_they_are_written() -> None:
    assert _prompts.upstream_contrast("Pleural Effusion", "chexzero") == _prompts.Contrast(("Pleural Effusion",), ("no Pleural Effusion",))
    assert _prompts.upstream_contrast("No Finding", "chexzero").negative == ("no No Finding",)
    assert _prompts.contrasts(["Hernia"], "chexzero", None)[0].negative == ("no hiatal hernia",)


def test_biovils_pneumonia_is_upstreams() -> None:
    assert _prompts.contrasts(["Pneumonia"], "biovil", None) == [
        _prompts.Contrast(
            (
                "Findings consistent with pneumonia",
                "Findings suggesting pneumonia",
                "This opacity can represent pneumonia",
                "Findings are most compatible with pneumonia",
            ),
            ("There is no pneumonia", "No evidence of pneumonia", "No evidence of acute pneumonia", "No signs of pneumonia"),
        )
    ]


def test_the_grids_are_upstreams() -> None:
    # 3 x 7 x 10, 1 x 15 x 1, 4 x 6 x 8, 6 x 3 x 1 and 6 x 3 x 3 of constants.py.
    sizes = {"Atelectasis": 210, "Cardiomegaly": 15, "Consolidation": 192, "Edema": 18, "Pleural Effusion": 54}
    assert {finding: len(_prompts.grid(finding, "gloria")) for finding in sizes} == sizes
    assert len(_prompts.grid("Pneumonia", "medclip")) == 6 * 4 * 13
    assert _prompts.grid("Consolidation", "medclip")[5] == " bilateral consolidation at the right uppper lobe"
    # Location comes before subtype there.
    assert _prompts.grid("Pleural Effusion", "gloria")[3] == " right bilateral pleural effusion"


def test_glorias_draw_does_not_depend_on_what_is_asked() -> None:
    state = random.getstate()
    alone, together = _prompts.gloria_draw(["Edema"]), _prompts.gloria_draw(["Atelectasis", "Edema", "Hernia"])
    assert random.getstate() == state
    assert alone["Edema"] == together["Edema"]
    assert len(set(alone["Edema"])) == 5
    assert "hiatal hernia" in together["Hernia"][0]


def test_a_users_prompts_take_the_place_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('["Pleural_Effusion"]\n')
    with pytest.raises(InputError, match="positive and negative"):
        _prompts.contrasts(["Edema"], "report", own)
    own.write_text('["Effusion"]\npositive = ["fluid"]\nnegative = ["dry"]\n')
    found = _prompts.contrasts(["Edema", "Pleural Effusion"], "report", own)
    assert found[1] == _prompts.Contrast(("fluid",), ("dry",))
    assert found[0].positive[0] == "pulmonary edema"


def test_findings_are_named_once_and_known() -> None:
    assert _prompts.ZeroShotOptions(findings=("Effusion", "Pleural_Thickening")).findings == ("Pleural Effusion", "Pleural Thickening")
    assert _prompts.ZeroShotOptions.model_validate({"findings": "Edema, effusion"}).findings == ("Edema", "Pleural Effusion")
    for wrong in ((), ("Edema", "Pulmonary Edema"), ("Sneeze",)):
        with pytest.raises(InputError):
            _prompts.ZeroShotOptions(findings=wrong)
