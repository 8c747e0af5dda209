"""Findings, states, settings, pseudonyms, sections, registry."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base import findings, pseudonyms, settings
from pipeline.base.errors import InputError, PluginError, SettingsError
from pipeline.base.labels import STATES, LabelState, from_chexpert, to_chexpert
from pipeline.base.registry import Registry
from pipeline.base.reports import sections


@pytest.mark.parametrize(
    ("value", "state"),
    [(1, "POSITIVE"), ("0.0", "NEGATIVE"), (-1.0, "UNCERTAIN"), ("", "UNMENTIONED"), (None, "UNMENTIONED"), (math.nan, "UNMENTIONED")],
)
def test_chexpert_cells(value: float | str | None, state: str) -> None:
    assert from_chexpert(value) == state


@pytest.mark.parametrize("value", [2, "yes", 0.5])
def test_other_cells_are_errors(value: float | str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|is 1, 0, -1 or blank"):
        from_chexpert(value)


def test_states_survive_the_border() -> None:
    assert [from_chexpert(to_chexpert(state)) for state in STATES] == list(STATES)
    assert to_chexpert(LabelState.UNMENTIONED) is None


def test_the_public_label_sets_are_whole() -> None:
    assert len(findings.CHEXPERT_14) == 14
    assert len(findings.NIH_14) == 14
    assert len({finding.name for finding in findings.FINDINGS}) == len(findings.FINDINGS)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Pleural_Thickening", "Pleural Thickening"),
        ("effusion", "Pleural Effusion"),
        ("Airspace Opacity", "Lung Opacity"),
        (" EDEMA ", "Edema"),
        ("Elephant", None),
    ],
)
def test_crosswalk(name: str, ours: str | None) -> None:
    assert findings.find(name) == ours


def test_ancestors_and_unknown_findings() -> None:
    assert findings.ancestors("Nodule") == ("Lung Lesion", "Lung Opacity")
    with pytest.raises(InputError, match="Elephant"):
        findings.canonical("Elephant")


def test_settings_layers(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('profile = "tiny"\n[predict]\nepochs = 9\n')
    chosen = settings.load(tmp_path, None, ("predict.folds=4", "label.policy=u_ones"))
    assert (chosen.profile, chosen.predict.epochs, chosen.predict.folds, chosen.label.policy) == ("tiny", 9, 4, "u_ones")
    assert settings.load(tmp_path, "full").profile == "full"
    assert settings.policy_of(chosen, "Edema") == "u_ones"


@pytest.mark.parametrize(
    "override", ["predict.epoch=3", "predict.epochs=0", "nonsense", "predict.epochs=many", 'profile="huge"', "label.findings=3"]
)
def test_bad_settings_are_refused(override: str) -> None:
    with pytest.raises(SettingsError):
        settings.load(overrides=(override,))


@given(st.text(min_size=1), st.text(min_size=1))
def test_pseudonyms_differ_and_hold_no_long_digit_runs(one: str, other: str) -> None:
    names = pseudonyms.Pseudonyms(b"k" * 32)
    assert names.of("patient", one) == names.of("patient", one)
    assert (names.of("patient", one) == names.of("patient", other)) == (one == other)
    assert names.of("patient", one)[1:] != names.of("person", one)[1:]
    assert len(names.of("patient", one)) == 17


def test_another_key_gives_other_names() -> None:
    assert pseudonyms.Pseudonyms(b"a" * 32).of("patient", "1") != pseudonyms.Pseudonyms(b"b" * 32).of("patient", "1")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("FINDINGS:\nClear.\n\nIMPRESSION:\nNormal.", ["findings", "impression"]),
        ("Findings: Clear.\nImpression - Normal.", ["findings", "impression"]),
        ("FINDINGS\nClear.\nIMPRESSION\nNormal.", ["findings", "impression"]),
        ("Heart is normal.", ["body"]),
        (":\nHeart is normal.", ["body"]),
        ("INDICATION: cough\nHeart is normal.", ["indication"]),
        ("CLINICAL HISTORY: pain\nCOMPARISON: none\nFINDINGS: x", ["indication", "comparison", "findings"]),
        ("FINDINGS: Unchanged from the\nprior\nstudy. Clear.", ["findings"]),
        ("", []),
    ],
)
def test_sections(text: str, names: list[str]) -> None:
    assert [section.name for section in sections(text)] == names


@given(st.text(max_size=400))
def test_sections_never_overlap_and_stay_inside(text: str) -> None:
    end = 0
    for section in sections(text):
        assert end <= section.start < section.end <= len(text)
        end = section.end


def test_registry_refuses_duplicates_and_lists_what_is_missing() -> None:
    registry: Registry[object] = Registry("policy", "pipeline.label.uncertainty")
    registry.add("mine", needs=("no_such_package_here",))(object)
    with pytest.raises(PluginError, match="two policys"):
        registry.add("mine")(dict)
    assert "mine" in registry.names()
    with pytest.raises(PluginError, match="no_such_package_here"):
        registry.get("mine")
    with pytest.raises(PluginError, match="'yours'"):
        registry.get("yours")


def test_what_is_missing_is_told_by_the_name_it_is_installed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    registry: Registry[object] = Registry("policy", "pipeline.label.uncertainty")
    registry.add("mine", needs=("open_clip",))(object)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(PluginError, match="needs open_clip, not installed") as told:
        registry.get("mine")
    assert told.value.remedy == "pip install open-clip-torch"
