from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from operator import mul
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import phantom, tiny_home
from sklearn.metrics import roc_auc_score

from models import checkpoints, memory, workers
from models.experiments import Parts, judge
from models.films import Subset, load_films
from models.networks import FilmNetwork, first_convolution, is_small
from models.recipes import Recipe, new_network
from models.training import Material, fit, predict_logits
from pipeline.base.errors import CxrError, InputError
from pipeline.base.images import decode_eight_bits, resize_square
from pipeline.base.interfaces import MODELS

RECIPE = Recipe("mobilenet_v3_small", epochs=4, batch_size=16, learning_rate=2e-3, seed=1, device="cpu")


@pytest.fixture(scope="module")
def lesson() -> tuple[np.ndarray, np.ndarray]:
    """160 films of 48 pixels and whether the heart is wide and the base white."""
    rng = np.random.default_rng(0)
    targets = (rng.random((160, 2)) < 0.4).astype(float)
    films = [phantom(rng, cardiomegaly=bool(big), effusion=bool(wet)) for big, wet in targets]
    return np.stack([resize_square(film, 48) for film in films]), targets


def trained(recipe: Recipe, films: np.ndarray, targets: np.ndarray) -> FilmNetwork:
    network = new_network(recipe, targets.shape[1])
    fit(network, Material(films, targets), recipe)
    return network


@pytest.mark.parametrize("name", MODELS.names())
@pytest.mark.parametrize("channels", [1, 3])
def test_a_registered_network_answers_logits_and_features(name: str, channels: int) -> None:
    network = MODELS.get(name)(5, channels).eval()
    with torch.inference_mode():
        logits, vectors = network(torch.randn(2, channels, 64, 64))
    assert logits.shape == (2, 5)
    assert vectors.shape == (2, network.head.in_features)
    assert torch.isfinite(logits).all()


def test_both_networks_of_the_house_are_there_and_differ_in_size() -> None:
    assert {"mobilenet_v3_small", "densenet121"} <= set(MODELS.names())
    assert is_small(MODELS.get("mobilenet_v3_small")(14, 1))
    assert not is_small(MODELS.get("densenet121")(14, 1))


def test_a_short_training_learns_what_can_be_seen_and_not_what_cannot(lesson: tuple[np.ndarray, np.ndarray]) -> None:
    films, targets = lesson
    rng = np.random.default_rng(1)
    taught = np.column_stack([targets, rng.permutation(targets[:, 0])])
    taught[rng.random(taught.shape) < 0.2] = np.nan
    place = np.arange(160)
    opinion = judge(Material(films, taught), Parts(place < 80, (place >= 80) & (place < 100), place >= 100), RECIPE)
    assert roc_auc_score(targets[100:, 0], opinion.probs[:, 0]) > 0.9
    assert roc_auc_score(targets[100:, 1], opinion.probs[:, 1]) > 0.9
    assert 0.25 < roc_auc_score(rng.permutation(targets[100:, 0]), opinion.probs[:, 2]) < 0.75
    assert np.mean((opinion.probs[:, :2] - targets[100:]) ** 2) < 0.15


def test_the_same_training_twice_is_the_same_to_the_last_bit(lesson: tuple[np.ndarray, np.ndarray]) -> None:
    films, targets = lesson
    short = Recipe("mobilenet_v3_small", 1, 16, 2e-3, 7, "cpu")
    first, second = (predict_logits(trained(short, films[:40], targets[:40]), films[40:60]) for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()
    other = Recipe("mobilenet_v3_small", 1, 16, 2e-3, 8, "cpu")
    assert not np.array_equal(predict_logits(trained(other, films[:40], targets[:40]), films[40:60])[0], first[0])


def test_a_film_alone_is_judged_as_among_others(lesson: tuple[np.ndarray, np.ndarray]) -> None:
    films, targets = lesson
    short = Recipe("mobilenet_v3_small", 1, 16, 2e-3, 0, "cpu")
    network = trained(short, films[:40], targets[:40])
    together, _ = predict_logits(network, films[:70])
    alone = np.concatenate([predict_logits(network, films[row : row + 1])[0] for row in range(0, 70, 10)])
    np.testing.assert_allclose(alone, together[::10], atol=1e-4)
    assert predict_logits(network, films[:0])[0].shape == (0, 2)


@pytest.mark.parametrize("name", MODELS.names())
def test_a_registered_network_can_be_trained(name: str, lesson: tuple[np.ndarray, np.ndarray]) -> None:
    recipe = Recipe(name, 1, 4, 1e-3, 0, "cpu")
    network = new_network(recipe, 2)
    weight = first_convolution(network.features)[1].weight
    before = weight.detach().clone()
    fit(network, Material(lesson[0][:8], lesson[1][:8]), recipe)
    assert not torch.equal(before, weight.detach())
    assert np.isfinite(predict_logits(network, lesson[0][:3])[0]).all()


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_films_are_refused(n: int) -> None:
    with pytest.raises(InputError, match="cannot train"):
        fit(new_network(RECIPE, 1), Material(np.zeros((n, 48, 48), np.uint8), np.ones((n, 1))), RECIPE)


# Checkpoints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS.names())
def test_a_checkpoint_comes_back_with_a_fresh_head(name: str, tmp_path: Path) -> None:
    saved, path = MODELS.get(name)(3, 1), tmp_path / "a.pt"
    checkpoints.save(saved, path)
    fresh = MODELS.get(name)(5, 1)
    start = checkpoints.start_from(fresh, path)
    assert start.left_out == ("head.bias", "head.weight")
    for key, value in saved.features.state_dict().items():
        assert torch.equal(value, fresh.features.state_dict()[key]), key


def test_a_colour_checkpoint_of_torchvision_judges_grey_films_alike(tmp_path: Path) -> None:
    from torchvision.models import mobilenet_v3_small

    colour, path = mobilenet_v3_small(weights=None).eval(), tmp_path / "colour.pt"
    torch.save({"state_dict": {f"module.{key}": value for key, value in colour.state_dict().items()}}, path)
    grey = MODELS.get("mobilenet_v3_small")(2, 1).eval()
    start = checkpoints.start_from(grey, path)
    film = torch.randn(2, 1, 64, 64)
    with torch.inference_mode():
        expected = colour.features(film.expand(-1, 3, -1, -1)).mean((2, 3))
        torch.testing.assert_close(grey.embed(film), expected, atol=1e-4, rtol=1e-4)
    assert start.is_colour_summed
    assert all(key.startswith("classifier") for key in start.left_out)


def test_old_densenet_names_are_understood(tmp_path: Path) -> None:
    from torchvision.models import densenet121

    state = densenet121(weights=None).state_dict()
    old = {key.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): value for key, value in state.items()}
    assert set(old) != set(state)
    torch.save(old, tmp_path / "old.pth")
    assert checkpoints.start_from(MODELS.get("densenet121")(2, 1), tmp_path / "old.pth").n_used > 300


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"features.0.0.weight": torch.zeros(16, 1, 5, 5)},
            r"of another shape \(such as 0.0.weight is \(16, 1, 5, 5\), expected \(16, 1, 3, 3\)",
        ),
        ({"layer1.weight": torch.zeros(2)}, "weights missing"),
        ({"features.conv0.weight": torch.zeros(2)}, "weights unknown to it"),
        ({}, "not a state_dict"),
        ([1, 2], "not a state_dict"),
        ({"epoch": 3}, "not a state_dict"),
        (print, "not a file of tensors"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_explained(content: object, words: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InputError, match=words):
        checkpoints.start_from(MODELS.get("mobilenet_v3_small")(2, 1), tmp_path / "other.pt")


def test_files_that_are_no_checkpoint_are_explained(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "text.safetensors").write_text("hello")
    network = MODELS.get("mobilenet_v3_small")(2, 1)
    for name, words in (("text.pt", "not a file of tensors"), ("text.safetensors", "safetensors"), ("none.pt", "does not exist")):
        with pytest.raises(InputError, match=words):
            checkpoints.start_from(network, tmp_path / name)


def test_safetensors_come_back(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.torch", reason="the optional package safetensors is not installed")
    saved = MODELS.get("mobilenet_v3_small")(3, 1)
    library.save_file(saved.state_dict(), tmp_path / "a.safetensors")
    fresh = MODELS.get("mobilenet_v3_small")(3, 1)
    checkpoints.start_from(fresh, tmp_path / "a.safetensors")
    assert torch.equal(fresh.features[0][0].weight, saved.features[0][0].weight)


# Films, memory, workers ------------------------------------------------------------------------------------------


def test_films_come_in_the_order_asked_for(tmp_path: Path) -> None:
    home = tiny_home(tmp_path / "home", patients=6)
    stored = home.read("images", ["image_id", "pixels"]).to_pylist()[::-1]
    films = load_films(home, [row["image_id"] for row in stored], 40)
    for index, row in enumerate(stored):
        np.testing.assert_array_equal(films[np.array([index])][0], resize_square(decode_eight_bits(row["pixels"]), 40))
    np.testing.assert_array_equal(Subset(films, np.arange(len(films)) == 3)[np.array([0])], films[np.array([3])])
    with pytest.raises(InputError, match="1 kept films have no pixels"):
        load_films(home, ["inobody"], 40)


def test_films_that_were_damaged_on_disk_are_made_again(tmp_path: Path) -> None:
    home = tiny_home(tmp_path / "home", patients=4)
    image_ids = home.read("images", ["image_id"])["image_id"].to_pylist()
    films = np.array(load_films(home, image_ids, 40)[np.arange(len(image_ids))])
    (path,) = (home.work / "films").glob("*.npy")
    stamp = path.stat().st_mtime_ns
    load_films(home, image_ids, 40)
    assert path.stat().st_mtime_ns == stamp
    whole = path.read_bytes()
    path.write_bytes(whole[:-5] + b"lost!")
    np.testing.assert_array_equal(load_films(home, image_ids, 40)[np.arange(len(image_ids))], films)
    assert path.read_bytes() == whole


def test_a_result_is_made_once_and_a_damaged_one_again(tmp_path: Path) -> None:
    calls = []

    def make() -> memory.Arrays:
        calls.append(1)
        return {"a": np.arange(3)}

    assert memory.remembered(tmp_path / "m", "k", make)[1] is False
    found, was_stored = memory.remembered(tmp_path / "m", "k", make)
    assert was_stored
    np.testing.assert_array_equal(found["a"], [0, 1, 2])
    (tmp_path / "m" / "k.npz").write_bytes(b"half")
    memory.remembered(tmp_path / "m", "k", make)
    assert len(calls) == 2
    memory.forget_others(tmp_path / "m", [])
    assert not list((tmp_path / "m").iterdir())


def test_trainings_side_by_side_answer_in_order() -> None:
    assert workers.run_all([partial(mul, 2, n) for n in range(3)], 2, "test") == [0, 2, 4]
    with pytest.raises(CxrError, match="too few"):
        workers.run_all([partial(mul, 2, 2), refuse], 2, "test")


def visible(seconds: float) -> str | None:
    time.sleep(seconds)
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def test_trainings_on_several_gpus_take_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert set(workers.run_all([partial(visible, 1.0) for _ in range(2)], 2, "test")) == {"4", "7"}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert workers.processes(replace(RECIPE, device="auto"), 100, 64, 5) == 3
    assert workers.processes(replace(RECIPE, device="auto"), 100, 64, 2) == 2
    assert workers.processes(replace(RECIPE, device="auto", processes=2), 100, 64, 5) == 1


def refuse() -> int:
    raise InputError("too few", "add some")


def test_only_long_trainings_of_small_networks_get_processes_of_their_own() -> None:
    long = Recipe("mobilenet_v3_small", 50, 16, 1e-3, 0, "cpu")
    assert workers.processes(RECIPE, 100, 64, 5) == 1
    assert workers.processes(long, 5000, 192, 1) == 1
    assert workers.processes(long, 5000, 192, 5) == min(5, workers.devices.cores())
    assert workers.processes(Recipe("densenet121", 50, 16, 1e-3, 0, "cpu"), 5000, 192, 5) == 1


def test_auto_is_a_small_network_on_a_cpu_and_densenet_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from models import devices
    from pipeline.base import settings

    chosen = settings.load()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.settle(chosen).predict.model == "mobilenet_v3_small"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.settle(chosen).predict.model == "densenet121"
    named = settings.load(overrides=("predict.model=mobilenet_v3_small",))
    assert devices.settle(named) is named


def test_a_resnet_of_torchvision_and_a_transformer_of_timm_are_started_from(tmp_path: Path) -> None:
    import timm
    from torchvision.models import resnet50

    for name, theirs in (("resnet50", resnet50(weights=None)), ("vit_small", timm.create_model("vit_small_patch16_224"))):
        torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
        ours = MODELS.get(name)(2, 3).eval()
        start = checkpoints.start_from(ours, tmp_path / "theirs.pt")
        assert {key.partition(".")[0] for key in start.left_out} <= {"fc", "head"}
        film = torch.randn(1, 3, 224, 224)
        with torch.inference_mode():
            if name == "resnet50":
                theirs.fc = torch.nn.Identity()
                expected = theirs.eval()(film)
            else:
                expected = theirs.eval().forward_features(film)[:, 1:].mean(1)
            torch.testing.assert_close(ours.embed(film), expected, atol=1e-4, rtol=1e-4)


def test_an_encoder_in_the_layout_of_dinov2_is_started_from(tmp_path: Path) -> None:
    from transformers import Dinov2Config, Dinov2Model

    from models.token_maps import TokenMaps

    theirs = Dinov2Model(Dinov2Config(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=56, patch_size=14)).eval()
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.normal_(0, 0.1)
    theirs.save_pretrained(tmp_path)
    ours = FilmNetwork(
        TokenMaps(img_size=56, patch_size=14, embed_dim=24, depth=2, num_heads=3, init_values=1.0), 24, 2, is_faster_in_bf16=True
    ).eval()
    start = checkpoints.start_from(ours, tmp_path / "model.safetensors")
    assert start.left_out == ()
    film = torch.randn(2, 3, 56, 56)
    with torch.inference_mode():
        expected = theirs(pixel_values=film).last_hidden_state[:, 1:].mean(1)
        torch.testing.assert_close(ours.embed(film), expected, atol=1e-5, rtol=1e-5)
