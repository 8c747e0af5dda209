"""The engine: the same step however it is cut, stopped or shared; what it refuses; which films an epoch shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import phantom
from lightning_fabric.plugins.precision import MixedPrecision, Precision
from torch import nn

from models import checkpoints, devices, frozen, resume, training
from models.experiments import Parts, judge
from models.networks import FilmNetwork
from models.recipes import Recipe, new_network
from models.sampling import by_film, by_finding, by_patient
from models.training import Keep, Material, fit, predict_logits
from pipeline.base import settings
from pipeline.base.errors import CxrError, SettingsError
from pipeline.base.images import resize_square
from pipeline.base.interfaces import LOSSES

RECIPE = Recipe("mobilenet_v3_small", epochs=4, batch_size=16, learning_rate=2e-3, seed=1, device="cpu")
# Losses of both kinds that keep something between steps, and one that does not.
MIXED = (("Cardiomegaly", "elr"), ("Edema", "co_teaching"))
FINDINGS = ("Cardiomegaly", "Edema", "Pleural Effusion")


@pytest.fixture(scope="module")
def material() -> Material:
    """64 films of 48 pixels, three findings, an eighth of the targets unknown."""
    rng = np.random.default_rng(0)
    targets = (rng.random((64, 3)) < 0.4).astype(float)
    films = [phantom(rng, cardiomegaly=bool(big), effusion=bool(wet)) for big, _, wet in targets]
    targets[rng.random(targets.shape) < 0.125] = np.nan
    return Material(np.stack([resize_square(film, 48) for film in films]), targets, FINDINGS, np.arange(64) // 2)


def without_batch_norm(n_outputs: int) -> FilmNetwork:
    """Batch statistics differ between parts of a batch, and dropout between processes; everything else must not."""
    with devices.deterministic(3, torch.device("cpu")):
        features = nn.Sequential(nn.Conv2d(1, 8, 5, stride=3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU())
        made = FilmNetwork(features, 16, n_outputs, is_faster_in_bf16=False)
    made.dropout.p = 0.0
    return made


class StoppedError(Exception):
    """Raised where a test stops a training."""


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ema": 0.9, "losses": MIXED},
        {"patience": 2, "sampler": "patient", "schedule": "cosine"},
        {"sampler": "finding", "accumulate": 3, "channels": 3},
        pytest.param({"loss": "aucm"}, marks=pytest.mark.skipif(bool(LOSSES.missing("aucm")), reason="make test-upstream")),
    ],
    ids=lambda changed: "-".join(map(str, changed)) or "plain",
)
@pytest.mark.parametrize("stopped_after", [1, 3])
def test_a_stopped_training_goes_on_to_the_same_bits(
    changed: dict[str, object], stopped_after: int, material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, **changed)  # type: ignore[arg-type]
    sides = material.targets if not {"sampler", "patience"} & set(changed) else None

    def run(keep: Keep | None) -> tuple[bytes, object]:
        network = new_network(recipe, 3)
        fitted = fit(network, material, recipe, held_out=material, sides=sides, keep=keep)
        seen = b"" if fitted.dynamics is None else fitted.dynamics.aum.tobytes()
        return b"".join(value.numpy().tobytes() for value in network.state_dict().values()), seen

    undisturbed = run(None)
    keep = Keep(tmp_path / "deep" / "a.state", "films and settings")
    original = resume.keep

    def stop(path: Path, fingerprint: str, course: training.Course, precision: Precision) -> None:
        original(path, fingerprint, course, precision)
        if course.epoch == stopped_after:
            raise StoppedError

    monkeypatch.setattr(resume, "keep", stop)
    with pytest.raises(StoppedError):
        run(keep)
    monkeypatch.setattr(resume, "keep", original)
    assert keep.path.exists()
    assert run(keep) == undisturbed
    assert not keep.path.exists()


def test_weights_that_are_kept_say_what_they_were_made_from(material: Material, tmp_path: Path) -> None:
    rows = np.arange(64)
    parts = Parts(rows < 40, (rows >= 40) & (rows < 50), rows >= 50)
    judge(material, parts, replace(RECIPE, epochs=1), Keep(tmp_path / "a.state", "films, targets and settings"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    told = torch.load(tmp_path / "a.pt", weights_only=True)["made_from"]
    assert told["fingerprint"] == "films, targets and settings"
    assert {"seed", "model", "torch", "python", "commit"} <= set(told)
    assert checkpoints.start_from(new_network(RECIPE, 3), tmp_path / "a.pt").n_used > 100


def test_a_state_of_something_else_or_a_damaged_one_is_not_taken_up(material: Material, tmp_path: Path) -> None:
    course = training._begin(new_network(RECIPE, 3), torch.as_tensor(material.targets).float(), material.losses(RECIPE), RECIPE, None)
    resume.keep(tmp_path / "a.state", "one", course, Precision())
    assert resume.go_on(tmp_path / "a.state", "one", course, Precision())
    assert not resume.go_on(tmp_path / "a.state", "two", course, Precision())
    (tmp_path / "a.state").write_bytes(b"half")
    assert not resume.go_on(tmp_path / "a.state", "one", course, Precision())
    assert not resume.go_on(tmp_path / "none.state", "one", course, Precision())


def test_what_fp16_scales_gradients_by_is_kept(material: Material, tmp_path: Path) -> None:
    course = training._begin(new_network(RECIPE, 3), torch.as_tensor(material.targets).float(), material.losses(RECIPE), RECIPE, None)
    learnt, fresh = (MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale)) for scale in (256.0, 65536.0))
    resume.keep(tmp_path / "a.state", "one", course, learnt)
    assert fresh.state_dict() != learnt.state_dict()
    assert resume.go_on(tmp_path / "a.state", "one", course, fresh)
    assert fresh.state_dict() == learnt.state_dict()


@pytest.mark.parametrize("parts", [2, 5, 64])
def test_a_step_in_parts_is_the_same_step(parts: int, material: Material) -> None:
    whole, cut = without_batch_norm(3), without_batch_norm(3)
    fit(whole, material, RECIPE)
    fit(cut, material, replace(RECIPE, accumulate=parts))
    for one, other in zip(whole.parameters(), cut.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize(("loss", "epochs"), [("weighted_bce", 2), ("elr", 6)])
def test_two_processes_train_as_one_does(material: Material, loss: str, epochs: int) -> None:
    alone, shared = without_batch_norm(3), without_batch_norm(3)
    one = fit(alone, material, replace(RECIPE, epochs=epochs, loss=loss), sides=material.targets)
    two = fit(shared, material, replace(RECIPE, epochs=epochs, loss=loss, processes=2), sides=material.targets)
    for mine, other in zip(alone.parameters(), shared.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=2e-5, rtol=1e-3)
    assert one.dynamics is not None
    assert two.dynamics is not None
    np.testing.assert_allclose(one.dynamics.aum, two.dynamics.aum, atol=1e-3)
    np.testing.assert_array_equal(predict_logits(shared, material.films[:5])[0].shape, (5, 3))


def test_the_average_of_the_weights_is_what_is_kept(material: Material) -> None:
    last, averaged = without_batch_norm(3), without_batch_norm(3)
    start = [weight.detach().clone() for weight in last.parameters()]
    fit(last, material, RECIPE)
    fit(averaged, material, replace(RECIPE, ema=0.99))
    moved = [
        (sum(float((weight.detach() - first).square().sum()) for weight, first in zip(network.features.parameters(), start, strict=False)))
        for network in (last, averaged)
    ]
    assert 0 < moved[1] < moved[0]


def test_training_stops_where_films_held_out_get_worse_and_keeps_the_best(material: Material) -> None:
    """Held out are the same films with every label turned round: the first epoch is the best of all."""
    turned = replace(material, targets=1 - material.targets)
    long, first = replace(RECIPE, epochs=12, patience=2, schedule="cosine"), without_batch_norm(3)
    seen: list[int] = []
    original = training._has_waited

    def watch(fabric: object, course: training.Course, held_out: Material, recipe: Recipe) -> bool:
        found = original(fabric, course, held_out, recipe)  # type: ignore[arg-type]
        seen.append(course.epoch)
        if course.epoch == 1:
            first.load_state_dict(course.best)
        return found

    training._has_waited = watch  # type: ignore[assignment]
    try:
        network = without_batch_norm(3)
        fit(network, material, long, held_out=turned)
    finally:
        training._has_waited = original
    assert len(seen) < 12
    best = len(seen) - 2
    if best == 1:
        for one, other in zip(network.parameters(), first.parameters(), strict=True):
            assert torch.equal(one, other)
    logits, _ = predict_logits(network, material.films)
    assert np.isfinite(logits).all()


def test_memory_that_does_not_suffice_names_the_setting(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(training, "_step", full)
    with pytest.raises(CxrError, match="memory does not hold a step of 16 films") as caught:
        fit(new_network(RECIPE, 3), material, RECIPE)
    assert "train.accumulate=2" in caught.value.remedy


def test_a_loss_that_is_no_number_names_the_setting(material: Material) -> None:
    with pytest.raises(CxrError, match="no number any more") as caught:
        fit(without_batch_norm(3), material, replace(RECIPE, learning_rate=1e30, epochs=8))
    assert "predict.learning_rate" in caught.value.remedy


def test_precision_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = without_batch_norm(1), without_batch_norm(1)
    large.is_faster_in_bf16 = True
    monkeypatch.setattr(devices, "has_bf16", lambda device: True)
    assert devices.precision(RECIPE, small) == "32-true"
    assert devices.precision(RECIPE, large) == "bf16-mixed"
    monkeypatch.setattr(devices, "has_bf16", lambda device: False)
    assert devices.precision(RECIPE, large) == "32-true"
    with pytest.raises(SettingsError, match="needs a GPU"):
        devices.precision(replace(RECIPE, precision="fp16"), large)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.precision(replace(RECIPE, device="auto"), large) == "16-mixed"


def test_bf16_trains_nearly_as_32_bits_do(material: Material) -> None:
    exact, rough = without_batch_norm(3), without_batch_norm(3)
    fit(exact, material, RECIPE)
    fit(rough, material, replace(RECIPE, precision="bf16"))
    one, other = (predict_logits(network, material.films)[0] for network in (exact, rough))
    assert not np.array_equal(one, other)
    np.testing.assert_allclose(one, other, atol=0.15)


def test_what_an_epoch_shows() -> None:
    groups = np.array([0] * 50 + [1] * 3 + [2])
    targets = torch.zeros(54, 2)
    targets[:25, 0] = 1
    targets[53, 1] = 1
    draw = torch.Generator().manual_seed(0)
    assert sorted(by_film(targets, groups)(draw).tolist()) == list(range(54))
    of_patients = torch.stack([by_patient(targets, groups)(draw) for _ in range(300)])
    assert (np.sort(groups[of_patients], 1) == [0, 1, 2]).all()
    seen = np.bincount(of_patients.ravel().numpy(), minlength=54)
    assert (seen[50:53] > 60).all()
    assert seen[53] == 300
    rare = torch.cat([by_finding(targets, groups)(draw) for _ in range(200)]).bincount(minlength=54) / 200
    # Of the one film with the rare finding, sqrt(54) = 7.3 times a plain one.
    assert rare[53] / rare[25:50].mean() == pytest.approx(54**0.5, rel=0.1)


def test_settings_become_a_recipe() -> None:
    from models import recipes

    chosen = settings.load(
        overrides=("predict.model=densenet121", "train.losses.Edema=focal", "train.ema=0.99", "train.accumulate=4", "predict.batch_size=8")
    )
    recipe = recipes.from_settings(chosen, 3, 7)
    assert (recipe.model, recipe.epochs, recipe.seed, recipe.ema, recipe.accumulate, recipe.batch_size) == ("densenet121", 3, 7, 0.99, 4, 8)
    assert recipe.loss_of(FINDINGS) == ("weighted_bce", "focal", "weighted_bce")
    assert recipes.facts(recipe)["losses"] == (("Edema", "focal"),)


def test_heads_over_a_frozen_trunk(material: Material, tmp_path: Path) -> None:
    pretrained = new_network(RECIPE, 3)
    fit(pretrained, material, replace(RECIPE, epochs=8))
    checkpoints.save(pretrained, tmp_path / "trunk.pt")
    recipe = replace(RECIPE, frozen=True, checkpoint=tmp_path / "trunk.pt")
    vectors = frozen.features(tmp_path / "work" / "features", material.films, "films", recipe)
    made = list((tmp_path / "work" / "features").iterdir())
    stamp = made[0].stat().st_mtime_ns
    again = frozen.features(tmp_path / "work" / "features", material.films, "films", recipe)
    assert [path.stat().st_mtime_ns for path in made] == [stamp]
    rows = np.arange(64)
    np.testing.assert_array_equal(vectors[rows], again[rows])
    parts = Parts(rows < 40, (rows >= 40) & (rows < 50), rows >= 50)
    opinion = judge(replace(material, films=vectors), parts, recipe)
    known = np.isfinite(material.targets[50:])
    right = ((opinion.probs > 0.5) == (material.targets[50:] > 0.5))[known]
    assert right.mean() > 0.75
    assert opinion.vectors.shape == (14, 576)
    with pytest.raises(SettingsError, match=r"predict\.checkpoint is not set"):
        frozen.features(tmp_path / "work", material.films, "films", replace(recipe, checkpoint=None))
    with pytest.raises(SettingsError, match="is not fitted by elr"):
        frozen.features(tmp_path / "work", material.films, "films", replace(recipe, losses=MIXED[:1]))
