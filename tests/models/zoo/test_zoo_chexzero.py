from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from twins import chexzero as twin

pytest.importorskip("open_clip", reason="pip install open-clip-torch")

from models.zoo import chexzero
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return twin.write(tmp_path_factory.mktemp("chexzero_weights"))


def film(height: int = 70, width: int = 50, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def load(path: Path, **options: Any) -> Any:
    model = ZOO.get("chexzero")
    return model.load(path, model.Options(**options), CPU)


def test_a_film_becomes_what_upstreams_loader_makes_of_it() -> None:
    found = chexzero.prepare(film(400, 300), 224)
    # data_process.preprocess: 240 x 320 in the middle of a black square; then Normalize and Resize, one channel at a time.
    image = Image.fromarray(np.repeat(film(400, 300)[..., None], 3, 2)).resize((240, 320), Image.Resampling.LANCZOS)
    stored = Image.new("L", (320, 320))
    stored.paste(image, (40, 0))
    planes = torch.from_numpy(np.repeat(np.asarray(stored, np.float32)[None], 3, 0))
    from torchvision.transforms import Compose, InterpolationMode, Normalize, Resize

    upstream = Compose([Normalize((101.48761,) * 3, (83.43944,) * 3), Resize(224, InterpolationMode.BICUBIC, antialias=False)])
    torch.testing.assert_close(found, upstream(planes), rtol=0, atol=1e-5)
    assert chexzero.prepare(film(), 320).shape == (3, 320, 320)


def test_scores_are_the_mean_of_the_members_softmax(folder: Path) -> None:
    asked = ("Edema", "Pneumothorax")
    scorer = load(folder, findings=asked)
    films = torch.stack([scorer.prepare(film(seed=seed)) for seed in range(3)])
    found = scorer.score(films)
    assert found.shape == (3, 2)
    alone = [load(path, findings=asked).score(films) for path in sorted(folder.glob("*.pt"))]
    torch.testing.assert_close(found, torch.stack(alone).mean(0))
    assert not torch.allclose(alone[0], alone[1])


def test_no_finding_is_upstreams_only_when_asked(folder: Path) -> None:
    path = sorted(folder.glob("*.pt"))[0]
    ours, theirs = (load(path, findings=("No Finding", "Edema"), no_finding=how) for how in ("normal", "upstream"))
    films = ours.prepare(film())[None]
    assert ours.score(films)[0, 1] == theirs.score(films)[0, 1]
    assert ours.score(films)[0, 0] != theirs.score(films)[0, 0]


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"no tensor 'visual\.conv1\.weight'"):
        load(tmp_path)
    torch.save({**twin.state(0), "extra": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="1 tensors unknown"):
        load(tmp_path)
    torch.save([torch.zeros(1)], tmp_path / "a.pt")
    with pytest.raises(InputError, match="not a mapping from names to tensors"):
        load(tmp_path)
    torch.save({"a": torch.nn.Linear(1, 1)}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="not a file of tensors that can be read safely"):
        load(tmp_path)
    (tmp_path / "a.pt").unlink()
    with pytest.raises(InputError, match=r"holds no \*.pt"):
        load(tmp_path)


def test_the_network_and_its_tokens_equal_openais(tmp_path: Path) -> None:
    """CheXzero's model.py is OpenAI's; the package clip-anytorch carries the same file."""
    found = importlib.util.find_spec("clip")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package clip-anytorch is not here: make test-upstream")
    source = Path(found.submodule_search_locations[0]) / "model.py"
    # The package itself cannot be imported any more: it asks for pkg_resources.
    upstream = runpy.run_path(str(source))
    torch.manual_seed(0)
    theirs = upstream["CLIP"](32, 224, 2, 128, 56, 77, 49408, 128, 2, 2).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    from models.zoo import _clip

    ours = _clip.clip_of(theirs.state_dict(), "theirs")
    films = torch.randn(2, 3, 224, 224)
    ids = _clip.tokens(["no Pleural Effusion", "Edema"], ours)
    with torch.no_grad():
        torch.testing.assert_close(ours.encode_image(films), theirs.encode_image(films), rtol=0, atol=1e-5)
        torch.testing.assert_close(ours.encode_text(ids), theirs.encode_text(ids), rtol=0, atol=1e-5)
        image = torch.nn.functional.normalize(theirs.encode_image(films), dim=-1)
        text = torch.nn.functional.normalize(theirs.encode_text(_clip.tokens(["Edema", "no Edema"], ours)), dim=-1)
    pair = (image @ text.T).numpy()
    expected = np.exp(pair[:, 0]) / (np.exp(pair[:, 0]) + np.exp(pair[:, 1]))
    found = load(tmp_path, findings=("Edema",)).score(films)[:, 0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
