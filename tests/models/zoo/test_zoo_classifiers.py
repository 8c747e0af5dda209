"""The convolutional classifiers against torchvision, OpenCV and PIL, and how whole pickled networks are read."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision import transforms
from twins import chexnet as arnoweng
from twins import torchxrayvision as xrv
from twins._cnns import densenet, prefixed, resnet

from models.zoo import _classifier
from models.zoo.torchxrayvision import networks, op_normalised, trained
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")


def film(shape: tuple[int, int] = (300, 260), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def load(name: str, path: Path, **options: Any) -> Any:
    return ZOO.get(name).load(path, ZOO.get(name).Options(**options), CPU)


def scores(scorer: Any, *films: np.ndarray) -> torch.Tensor:
    return scorer.score(torch.stack([scorer.prepare(one) for one in films]))


def imagenet(picture: Image.Image) -> torch.Tensor:
    return transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(transforms.ToTensor()(picture.convert("RGB")))


def test_arnowengs_film_is_the_mean_of_ten_crops(tmp_path: Path) -> None:
    path, network = arnoweng.write(tmp_path), densenet(0, 14)
    crops = transforms.TenCrop(224)(transforms.Resize(256)(Image.fromarray(film()).convert("RGB")))
    with torch.inference_mode():
        expected = network(torch.stack([imagenet(crop) for crop in crops])).sigmoid().mean(0)
    torch.testing.assert_close(scores(load("chexnet", path), film())[0], expected, rtol=1e-5, atol=1e-6)
    assert load("chexnet", path).findings[2] == "Pleural Effusion"


def test_torchvisions_names_see_the_middle(tmp_path: Path) -> None:
    network = densenet(1, 14)
    torch.save({"state_dict": prefixed("module.", network.state_dict())}, tmp_path / "net.pt")
    seen = imagenet(transforms.CenterCrop(224)(transforms.Resize(224)(Image.fromarray(film()).convert("RGB"))))
    with torch.inference_mode():
        expected = network(seen[None]).sigmoid()[0]
    torch.testing.assert_close(scores(load("chexnet", tmp_path / "net.pt"), film())[0], expected, rtol=1e-5, atol=1e-6)
    logits = scores(load("densenet121", tmp_path / "net.pt", output="logit"), film())[0]
    torch.testing.assert_close(logits.sigmoid(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("planes", [1, 3])
def test_a_resnet_of_one_plane_or_three(tmp_path: Path, planes: int) -> None:
    network = resnet(0, 14, planes)
    torch.save(network.state_dict(), tmp_path / "net.pt")
    scorer = load("resnet50", tmp_path / "net.pt", grey="xrv", size_px=64)
    prepared = scorer.prepare(film((64, 64)))
    np.testing.assert_allclose(prepared[0].numpy(), (film((64, 64)) / 255 * 2 - 1) * 1024, rtol=1e-5, atol=1e-3)
    assert prepared.shape == (planes, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(scorer.score(prepared[None]), network(prepared[None]).sigmoid())


@pytest.mark.parametrize(("name", "build"), [("densenet121", torchvision.models.densenet121), ("resnet50", torchvision.models.resnet50)])
def test_the_published_size_is_loaded_by_the_same_code(tmp_path: Path, name: str, build: Any) -> None:
    torch.manual_seed(0)
    network = build(weights=None, num_classes=14).eval()
    torch.save(network.state_dict(), tmp_path / "net.pt")
    scorer = load(name, tmp_path / "net.pt", output="logit", size_px=64)
    seen = scorer.prepare(film())[None]
    with torch.inference_mode():
        torch.testing.assert_close(scorer.score(seen), network(seen), rtol=1e-5, atol=1e-5)


def test_findings_follow_the_names_given_to_the_outputs(tmp_path: Path) -> None:
    torch.save(densenet(0, 3).state_dict(), tmp_path / "net.pt")
    one = load("densenet121", tmp_path / "net.pt", findings=("Effusion", "", "Edema"))
    assert one.findings == ("Pleural Effusion", "Edema")
    other = load("densenet121", tmp_path / "net.pt", findings=("Effusion", "Mass", "Edema"))
    assert torch.equal(scores(one, film()), scores(other, film())[:, [0, 2]])
    with pytest.raises(InputError, match="3 outputs, and 14 findings"):
        load("densenet121", tmp_path / "net.pt")
    with pytest.raises(InputError, match="one finding"):
        load("densenet121", tmp_path / "net.pt", findings=("Effusion", "Pleural Effusion", "Edema"))
    with pytest.raises(InputError, match="no finding is called"):
        load("densenet121", tmp_path / "net.pt", findings=("Effusion", "Colour", "Edema"))


def test_an_ensemble_is_the_mean_of_its_members_on_stretched_films(tmp_path: Path) -> None:
    members = [densenet(seed, 5) for seed in range(2)]
    for seed, member in enumerate(members):
        torch.save(member.state_dict(), tmp_path / f"{seed}.pth")
    square = cv2.resize(cv2.cvtColor(film(), cv2.COLOR_GRAY2RGB), (320, 320), interpolation=cv2.INTER_LINEAR) / 255.0
    seen = (square - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    inputs = torch.from_numpy(seen.transpose(2, 0, 1).astype(np.float32))[None]
    with torch.inference_mode():
        expected = torch.stack([member(inputs).sigmoid() for member in members]).mean(0)
    scorer = load("cxr_auc_maximizer", tmp_path)
    assert scorer.findings == ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
    torch.testing.assert_close(scorer.prepare(film())[None], inputs, rtol=0, atol=1e-6)
    torch.testing.assert_close(scores(scorer, film()), expected, rtol=1e-5, atol=1e-6)


def test_untrained_outputs_of_torchxrayvision_are_left_out(tmp_path: Path) -> None:
    findings = load("torchxrayvision", xrv.write(tmp_path)).findings
    assert len(findings) == 14
    assert "Lung Lesion" not in findings
    resnets = load("torchxrayvision", xrv.write_resnet(tmp_path))
    assert len(resnets.findings) == 16
    assert resnets.prepare(film()).shape == (1, 512, 512)


def test_the_heads_of_torchxrayvision_are_findings_once_each() -> None:
    for name in networks():
        findings, columns, thresholds = trained(name)
        assert len(set(findings)) == len(findings) == len(columns)
        assert all(0 < threshold < 1 for threshold in thresholds)


def test_the_operating_point_lies_at_one_half() -> None:
    found = op_normalised(torch.tensor([[0.0, 0.1, 0.2, 0.6, 1.0]]).T, torch.tensor([0.2]))
    assert found.flatten().tolist() == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_a_file_of_another_name_must_be_told_what_it_is(tmp_path: Path) -> None:
    renamed = xrv.write(tmp_path).rename(tmp_path / "mine.pt")
    with pytest.raises(InputError, match="no file name of torchxrayvision's"):
        load("torchxrayvision", renamed)
    assert len(load("torchxrayvision", renamed, weights="densenet121-res224-rsna").findings) == 2


def test_the_chexpert_ensemble_reads_each_finding_from_its_own_networks(tmp_path: Path) -> None:
    scorer = load("torchxrayvision", xrv.write_ensemble(tmp_path))
    prepared = scorer.prepare(film())[None]
    assert prepared.shape == (1, 3, 320, 320)
    assert prepared.abs().max() <= 2
    tasks = xrv.TASKS
    with torch.inference_mode():
        ones = torch.stack([densenet(seed, 6)(prepared).sigmoid() for seed in (0, 1)]).mean(0)[0]
        three = [densenet(seed, 18)(prepared).reshape(6, 3)[:, 1:].softmax(1)[:, 1] for seed in (10, 11)]
        trained_alone = torch.stack([densenet(seed, 6)(prepared).sigmoid() for seed in (20, 21)]).mean(0)[0]
    three_class = torch.stack(three).mean(0)
    source = {
        "Atelectasis": ones, "Edema": ones, "Cardiomegaly": three_class, "Pleural Effusion": three_class, "Consolidation": trained_alone,
    }  # fmt: skip
    expected = torch.tensor([float(source[finding][tasks.index(finding)]) for finding in scorer.findings])
    torch.testing.assert_close(scorer.score(prepared)[0], expected, rtol=1e-5, atol=1e-6)
    assert not torch.equal(load("torchxrayvision", tmp_path / "ensemble.zip", members=1).score(prepared)[0], expected)


def test_a_whole_network_is_read_when_allowed_and_none_of_it_runs(tmp_path: Path) -> None:
    network = densenet(0, 14)
    # As jrzech keeps it: the network beside other things, its head with a sigmoid.
    network.classifier = nn.Sequential(network.classifier, nn.Sigmoid())
    torch.save({"model": network, "best_loss": 0.1, "rng_state": torch.get_rng_state()}, tmp_path / "checkpoint")
    with pytest.raises(InputError, match="whole pickled network") as refused:
        load("chexnet", tmp_path / "checkpoint")
    assert "unsafe_pickle=true" in refused.value.remedy
    with pytest.warns(UserWarning, match="nothing in it is run"):
        scorer = load("chexnet", tmp_path / "checkpoint", unsafe_pickle=True)
    seen = scorer.prepare(film())[None]
    with torch.inference_mode():
        torch.testing.assert_close(scorer.score(seen), network(seen), rtol=1e-5, atol=1e-6)


def test_a_network_of_the_format_before_zip_is_read(tmp_path: Path) -> None:
    torch.save(densenet(0, 14), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.warns(UserWarning, match="nothing in it is run"):
        assert len(load("densenet121", tmp_path / "old.pt", unsafe_pickle=True).findings) == 14


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {os.environ['ZOO_EVIL']}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_program_in_a_pickle_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    monkeypatch.setenv("ZOO_EVIL", str(tmp_path / "ran"))
    network = densenet(0, 14)
    network.evil = Evil()
    torch.save(network, tmp_path / "evil.pt", _use_new_zipfile_serialization=zipped)
    with pytest.warns(UserWarning, match="nothing in it is run"):
        load("densenet121", tmp_path / "evil.pt", unsafe_pickle=True)
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError):
        load("densenet121", tmp_path / "bare.pt", unsafe_pickle=True)
    assert not (tmp_path / "ran").exists()
    # The program is one: whoever loads the file as torch does by default runs it.
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert (tmp_path / "ran").exists()


def test_a_stray_checkpoint_is_told_what_it_looks_like() -> None:
    state = {"visual.class_embedding": torch.zeros(3)}
    assert "CLIP" in _classifier.resemblance(state)
    assert "ResNet" in _classifier.resemblance(resnet(0, 2).state_dict())
    assert "nothing known" in _classifier.resemblance({"x": torch.zeros(1)})


def test_one_architecture_is_not_taken_for_the_other(tmp_path: Path) -> None:
    torch.save(densenet(0, 14).state_dict(), tmp_path / "net.pt")
    with pytest.raises(InputError, match="layer1"):
        load("resnet50", tmp_path / "net.pt")
