from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from twins import _parts
from twins import biovil as twin
from twins import biovil_t as twin_t

from models.zoo import _biovil
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")
ASKED = ("Pneumonia", "Edema", "Cardiomegaly", "No Finding")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"biovil": twin.write(tmp_path_factory.mktemp("b")), "biovil_t": twin_t.write(tmp_path_factory.mktemp("t"))}


def load(name: str, path: Path, **options: Any) -> Any:
    model = ZOO.get(name)
    return model.load(path, model.Options(**options), CPU)


def film(height: int = 600, width: int = 700) -> np.ndarray:
    return np.random.default_rng(0).integers(20, 200, (height, width), np.uint8)


@pytest.mark.parametrize("name", ["biovil", "biovil_t"])
def test_scores_are_differences_of_cosines(folders: dict[str, Path], name: str) -> None:
    scorer = load(name, folders[name], findings=ASKED)
    assert scorer.findings == ASKED
    one = scorer.prepare(film())
    assert one.shape == (3, *[480 if name == "biovil" else 448] * 2)
    found = scorer.score(torch.stack([one, scorer.prepare(film(512, 512))]))
    assert found.shape == (2, 4)
    assert (found.abs() <= 2).all()
    assert len(found.unique()) == 8
    torch.testing.assert_close(found[:1], scorer.score(one[None]), rtol=0, atol=1e-5)
    assert load(name, folders[name]).findings == ("Pneumonia",)


def test_grey_values_are_stretched_and_a_constant_film_is_black() -> None:
    found = _biovil.prepare(film(), 480)
    assert found.min() >= 0
    assert found.max() <= 1
    grey = np.full((512, 512), 40, np.uint8)
    grey[200:300] = 90
    assert _biovil.prepare(grey, 448).unique().tolist() == [0, 1]
    assert (_biovil.prepare(np.full((512, 600), 7, np.uint8), 448) == 0).all()


def test_either_image_model_is_refused_for_the_other(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["biovil"], tmp_path / "wrong")
    next((tmp_path / "wrong").glob("*.pt")).rename(tmp_path / "wrong" / "biovil_t_image_model.pt")
    with pytest.raises(InputError, match="image model of biovil, not of biovil_t"):
        load("biovil_t", tmp_path / "wrong")


def test_missing_files_and_foreign_words_are_told(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no biovil_image"):
        load("biovil", tmp_path)
    copy = Path(shutil.copytree(folders["biovil"], tmp_path / "copy"))
    (copy / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    with pytest.raises(InputError, match="4 words"):
        load("biovil", copy)
    (copy / "vocab.txt").unlink()
    with pytest.raises(InputError, match=r"holds no vocab\.txt"):
        load("biovil", copy)
    own = tmp_path / "own.toml"
    own.write_text('["Edema"]\npositive = ["edema [SEP]"]\nnegative = ["none"]\n')
    with pytest.raises(InputError, match="holds \\[SEP\\]"):
        load("biovil", folders["biovil"], findings=("Edema",), prompts=own)


@pytest.mark.parametrize("name", ["biovil", "biovil_t"])
def test_scores_equal_hi_ml_multimodals(name: str, tmp_path: Path) -> None:
    """Their networks at full size with random weights, their preprocessing of a PNG, their mean of prompts."""
    pytest.importorskip("health_multimodal.vlp", reason="make test-upstream")
    from health_multimodal.image import ImageInferenceEngine
    from health_multimodal.image.data.transforms import create_chest_xray_transform_for_inference
    from health_multimodal.image.model.model import ImageModel
    from health_multimodal.text.model import CXRBertConfig, CXRBertModel
    from transformers import BertTokenizer

    folder = twin.write(tmp_path / "folder")
    next(folder.glob("*.pt")).unlink()
    torch.manual_seed(0)
    images = ImageModel("resnet50" if name == "biovil" else "resnet50_multi_image", 128).eval()
    torch.save(images.state_dict(), folder / ("biovil_image.pt" if name == "biovil" else "biovil_t_image.pt"))
    config = CXRBertConfig(
        projection_size=128, **{key: value for key, value in _parts.bert(1).config.to_dict().items() if key != "model_type"}
    )
    texts = CXRBertModel(config).eval()
    texts.save_pretrained(folder, safe_serialization=True)
    (folder / "pytorch_model.bin").unlink()

    Image.fromarray(film()).save(tmp_path / "film.png")
    crop = 480 if name == "biovil" else 448
    engine = ImageInferenceEngine(images, create_chest_xray_transform_for_inference(512, crop))
    image = engine.get_projected_global_embedding(tmp_path / "film.png")
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))

    def direction(prompts: list[str]) -> torch.Tensor:
        encoded = tokenizer([prompt.rstrip("!?.") for prompt in prompts], padding="longest", return_tensors="pt")
        with torch.no_grad():
            found = texts.get_projected_text_embeddings(encoded.input_ids, encoded.attention_mask, normalize_embeddings=False)
        return torch.nn.functional.normalize(found.mean(0), dim=0)

    positive = ["Findings consistent with pneumonia", "Findings suggesting pneumonia", "This opacity can represent pneumonia"]
    positive += ["Findings are most compatible with pneumonia"]
    negative = ["There is no pneumonia", "No evidence of pneumonia", "No evidence of acute pneumonia", "No signs of pneumonia"]
    expected = image @ direction(positive) - image @ direction(negative)
    scorer = load(name, folder)
    torch.testing.assert_close(scorer.prepare(film()), engine.load_and_transform_input_image(tmp_path / "film.png", engine.transform)[0][0])
    torch.testing.assert_close(scorer.score(scorer.prepare(film())[None])[0, 0], expected, rtol=0, atol=1e-5)
