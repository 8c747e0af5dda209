"""Our networks and preprocessing equal the upstream packages' own on the same random weights. The packages are optional.

make test-upstream
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from twins import torchxrayvision as twin
from twins._cnns import densenet, lively

from models.zoo import _xrv_baselines
from models.zoo.torchxrayvision import JFHEALTHCARE, networks
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")
TIGHT = {"rtol": 1e-5, "atol": 1e-5}


def film(shape: tuple[int, int] = (300, 260), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def load(name: str, path: Path, **options: Any) -> Any:
    return ZOO.get(name).load(path, ZOO.get(name).Options(**options), CPU)


@pytest.fixture(scope="module")
def xrv() -> ModuleType:
    return pytest.importorskip("torchxrayvision", reason="the package torchxrayvision is not here: make test-upstream")


def upstreams_film(xrv: ModuleType, pixels: np.ndarray) -> torch.Tensor:
    """As upstream's documentation loads one."""
    return torch.from_numpy(xrv.datasets.XRayCenterCrop()(xrv.utils.normalize(pixels, 255)[None]))[None]


@pytest.mark.parametrize("name", [name for name in networks() if name.startswith("densenet")])
def test_torchxrayvisions_densenet(xrv: ModuleType, tmp_path: Path, name: str) -> None:
    facts = xrv.models.model_urls[name]
    torch.manual_seed(0)
    network = lively(xrv.models.DenseNet(growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8, num_classes=len(facts["labels"])))
    path = tmp_path / networks()[name]["file"]
    torch.save(network, path)
    network.op_threshs, network.input_resolution = torch.tensor(facts["op_threshs"]), facts["input_resolution"]
    with pytest.warns(UserWarning, match="nothing in it is run"):
        scorer = load("torchxrayvision", path, unsafe_pickle=True)
    with torch.inference_mode():
        expected = dict(zip(facts["labels"], network(upstreams_film(xrv, film()))[0].tolist(), strict=True))
    found = dict(zip(scorer.findings, scorer.score(scorer.prepare(film())[None])[0].tolist(), strict=True))
    for label, value in expected.items():
        finding = {"Effusion": "Pleural Effusion", "Pleural_Thickening": "Pleural Thickening"}.get(label, label)
        if label and finding in found:
            assert found.pop(finding) == pytest.approx(value, abs=1e-5)
        else:
            assert value == 0.5, "an output that was never trained"
    assert not found


def test_torchxrayvisions_facts_are_the_packages(xrv: ModuleType) -> None:
    for name, facts in networks().items():
        upstream = xrv.models.model_urls[name]
        assert (facts["outputs"], facts["size_px"]) == (upstream["labels"], upstream["input_resolution"])
        assert facts["file"] == upstream["weights_url"].rsplit("/", 1)[1]
        np.testing.assert_array_equal(facts["thresholds"], upstream["op_threshs"])


def test_torchxrayvisions_resnet_sees_films_as_upstream(xrv: ModuleType, tmp_path: Path) -> None:
    scorer = load("torchxrayvision", twin.write_resnet(tmp_path))
    expected = xrv.utils.fix_resolution(upstreams_film(xrv, film()), 512, object())
    torch.testing.assert_close(scorer.prepare(film())[None], expected, rtol=1e-6, atol=1e-3)


def test_jfhealthcare(xrv: ModuleType, tmp_path: Path) -> None:
    from torchxrayvision.baseline_models.jfhealthcare.model import classifier
    from torchxrayvision.baseline_models.jfhealthcare.model.backbone.densenet import DenseNet

    class Configuration:
        backbone, num_classes, global_pool, fc_bn, attention_map = "tiny", [1, 1, 1, 1, 1], "AVG_MAX", True, "FPA"
        lse_gamma, fc_drop, norm_type = 0.5, 0, "BatchNorm"

    classifier.BACKBONES["tiny"] = lambda cfg: DenseNet(
        growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8, norm_type="BatchNorm"
    )
    classifier.BACKBONES_TYPES["tiny"] = "densenet"
    torch.manual_seed(0)
    inner = lively(classifier.Classifier(Configuration()))
    torch.save(inner.state_dict(), tmp_path / JFHEALTHCARE)
    upstream = xrv.baseline_models.jfhealthcare.DenseNet.__new__(xrv.baseline_models.jfhealthcare.DenseNet)
    nn.Module.__init__(upstream)
    upstream.apply_sigmoid, upstream.model = True, inner
    scorer = load("torchxrayvision", tmp_path / JFHEALTHCARE)
    with torch.inference_mode():
        expected = upstream(upstreams_film(xrv, film()))
    assert expected.std() > 1e-3
    torch.testing.assert_close(scorer.score(scorer.prepare(film())[None]), expected, **TIGHT)
    assert scorer.findings == tuple(name.replace("Effusion", "Pleural Effusion") for name in upstream.targets)


def test_chexpert_ensemble(xrv: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchxrayvision.baseline_models.chexpert import DenseNet, model

    path = twin.write_ensemble(tmp_path, names=[f"iter_{number}.pth.tar" for number in (336000, 384000)])
    policies = {
        "Atelectasis": "ones",
        "Edema": "ones",
        "Cardiomegaly": "3-class",
        "Pleural Effusion": "3-class",
        "Consolidation": "self-train",
    }
    monkeypatch.setattr(
        model.Tasks2Models,
        "get_config",
        lambda self, _: vars(self).update(
            aggregation_fn=torch.mean,
            task2model_dicts={
                finding: [
                    {
                        "ckpt_path": f"saved/DenseNet121_320_1e-04_uncertainty_{policy}_top10/iter_{number}.pth.tar",
                        "is_3class": "3" in policy,
                    }
                    for number in (336000, 384000)
                ]
                for finding, policy in policies.items()
            },
        ),
    )
    monkeypatch.setattr(model.models, "densenet121", lambda pretrained: densenet(0, 2))
    upstream = DenseNet(weights_zip=str(path), num_models=2)
    scorer = load("torchxrayvision", path)
    with torch.inference_mode():
        expected = upstream(upstreams_film(xrv, film()))
    torch.testing.assert_close(scorer.score(scorer.prepare(film())[None]), expected, **TIGHT)
    assert scorer.findings == _xrv_baselines.ENSEMBLE_FINDINGS


def test_the_ensembles_own_list_names_the_folders_we_read(xrv: ModuleType) -> None:
    import json
    import re

    folder = Path(xrv.__file__).parent / "baseline_models" / "chexpert"
    for finding, members in json.loads((folder / "predict_configs.json").read_text())["task2models"].items():
        kind = next(kind for kind in _xrv_baselines._KINDS if finding in kind.findings)
        assert all(member["is_3class"] is kind.is_three_class for member in members)
        assert all(re.search(rf"_{kind.folder}_top10[^/]*/iter_\d+\.pth\.tar$", member["ckpt_path"]) for member in members)


def libauc_module(name: str) -> ModuleType:
    """One file of libauc: the package itself imports graph networks that nothing here needs."""
    found = importlib.util.find_spec("libauc")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package libauc is not here: make test-upstream")
    spec = importlib.util.spec_from_file_location(f"_libauc_{name}", Path(found.submodule_search_locations[0]) / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("activations", ["relu", "elu"])
def test_libaucs_densenet_on_libaucs_film(tmp_path: Path, activations: str) -> None:
    networks_, films = libauc_module("models/densenet"), libauc_module("datasets/chexpert")
    networks_.activation_func = nn.ReLU if activations == "relu" else nn.ELU
    torch.manual_seed(0)
    network = lively(networks_.DenseNet(growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8, num_classes=5))
    torch.save(network.state_dict(), tmp_path / "net.pth")
    Image.fromarray(film()).save(tmp_path / "film.png")
    columns = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
    rows = ",".join(["Path", "Frontal/Lateral", *columns]) + "\n" + ",".join(["film.png", "Frontal", "1", "0", "1", "0", "1"]) + "\n"
    (tmp_path / "valid.csv").write_text(rows)
    dataset = films.CheXpert(
        str(tmp_path / "valid.csv"), str(tmp_path), use_upsampling=False, class_index=-1, mode="valid", verbose=False, shuffle=False
    )
    seen = torch.from_numpy(dataset[0][0])
    scorer = load("cxr_auc_maximizer", tmp_path / "net.pth", activations=activations)
    torch.testing.assert_close(scorer.prepare(film()), seen, rtol=0, atol=1e-6)
    with torch.inference_mode():
        torch.testing.assert_close(scorer.score(seen[None]), network(seen[None]).sigmoid(), **TIGHT)
    assert scorer.findings == tuple(dataset.select_cols)
