from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Normalize, ToTensor
from twins import gloria as twin

from models.zoo import _gloria, _whole
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return twin.write(tmp_path_factory.mktemp("gloria"))


def film(height: int = 90, width: int = 70, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def load(path: Path, **options: Any) -> Any:
    model = ZOO.get("gloria")
    return model.load(path, model.Options(**options), CPU)


@pytest.mark.parametrize(("height", "width", "size", "sides"), [(900, 701, (199, 256), (28, 29)), (300, 400, (256, 192), (32, 32))])
def test_a_film_becomes_what_upstream_makes_of_it(height: int, width: int, size: tuple[int, int], sides: tuple[int, int]) -> None:
    small = cv2.resize(film(height, width), size, interpolation=cv2.INTER_AREA)
    padding = ((0, 0), sides) if height > width else (sides, (0, 0))
    square = Image.fromarray(np.pad(small, padding)).convert("RGB")
    upstream = Compose([CenterCrop(224), ToTensor(), Normalize((0.5,) * 3, (0.5,) * 3)])(square)
    torch.testing.assert_close(_gloria.prepare(film(height, width)), upstream)


def test_prompts_become_sentences_as_upstream_makes_them() -> None:
    text = "Mildly enlarged silhouette, likely left ventricular. Cardiomegaly. other chambers"
    assert _gloria.sentence(text) == "mildly enlarged silhouette likely left ventricular other chambers"
    assert _gloria.sentence("1. no edema\n2. the heart") == "no edema the heart"
    assert _gloria.sentence("pneumothorax") == ""


def test_pieces_of_a_word_are_summed_and_the_whole_is_a_mean_over_padding(folder: Path) -> None:
    _, bert, tokenizer = _gloria.load(folder, CPU)
    prompt = "mild edema xy"
    (found,) = _gloria.embed(bert, tokenizer, [prompt], CPU)
    encoded = tokenizer.encode(prompt)
    assert encoded.tokens == ["[CLS]", "mild", "edema", "x", "##y", "[SEP]"]
    with torch.no_grad():
        hidden = bert(torch.tensor([encoded.ids]), output_hidden_states=True).hidden_states
    layers = (hidden[-1] + hidden[-2] + hidden[-3] + hidden[-4])[0]
    words = torch.stack([layers[1], layers[2], layers[3] + layers[4], layers[5]])
    assert found.words.shape == (64, len(prompt))
    torch.testing.assert_close(found.words[:, :4].T, words, rtol=0, atol=1e-4)
    assert (found.words[:, 4:] == 0).all()
    torch.testing.assert_close(found.whole, (layers[0] + words.sum(0)) / 97, rtol=0, atol=1e-4)


def test_likeness_is_that_of_the_paper_word_by_word() -> None:
    """Huang et al. 2021, equations 2 to 5, with upstream's temperatures and its maximum in place of the sum."""
    rng = np.random.default_rng(0)
    regions, whole = rng.normal(size=(2, 8, 3, 3)), rng.normal(size=(2, 8))
    words = np.concatenate([rng.normal(size=(8, 4)), np.zeros((8, 2))], 1)
    prompt = _gloria.Prompt(torch.tensor(words), torch.tensor(rng.normal(size=8)))
    found = _gloria.similarity(torch.tensor(regions), torch.tensor(whole), prompt).numpy()

    def softmax(values: np.ndarray) -> np.ndarray:
        return np.exp(values) / np.exp(values).sum()

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-8))

    for film_row in range(2):
        places = regions[film_row].reshape(8, 9)
        shared = np.array([softmax(places[:, place] @ words) for place in range(9)])
        best = max(cosine(words[:, word], places @ softmax(4 * shared[:, word])) for word in range(6))
        expected = (np.log(np.exp(5 * best)) + cosine(whole[film_row], prompt.whole.numpy())) / 2
        assert found[film_row] == pytest.approx(expected, abs=1e-6)


def test_no_films_score_depends_on_another(folder: Path) -> None:
    scorer = load(folder)
    assert scorer.findings == ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
    films = torch.stack([scorer.prepare(film(seed=seed)) for seed in range(3)])
    found = scorer.score(films)
    assert found.shape == (3, 5)
    assert found.unique().numel() == 15
    torch.testing.assert_close(torch.cat([scorer.score(one[None]) for one in films]), found, rtol=0, atol=1e-5)


def test_z_scores_are_against_films_chosen_beforehand(folder: Path, tmp_path: Path) -> None:
    asked = ("Edema", "Hernia")
    bare = load(folder, findings=asked)
    films = torch.stack([bare.prepare(film(seed=seed)) for seed in range(4)])
    raw = bare.score(films).double()
    told = {name: [float(raw[:, column].mean()), float(raw[:, column].std(correction=0))] for column, name in enumerate(asked)}
    (tmp_path / "reference.json").write_text(json.dumps(told))
    found = load(folder, findings=asked, reference=tmp_path / "reference.json").score(films).double()
    # On the reference films themselves: what upstream gives for them as one batch.
    torch.testing.assert_close(found, (raw - raw.mean(0)) / raw.std(0, correction=0), rtol=0, atol=1e-3)
    (tmp_path / "reference.json").write_text(json.dumps({"Edema": [0.1, 0], "Hernia": [0, 1]}))
    with pytest.raises(InputError, match="no mean and positive standard deviation of Edema"):
        load(folder, findings=asked, reference=tmp_path / "reference.json")


class Harm:
    """An object whose unpickling runs a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("is_zip", [True, False])
def test_objects_beside_the_tensors_do_not_come_to_life(tmp_path: Path, is_zip: bool) -> None:
    path, ran = tmp_path / "a.ckpt", tmp_path / "ran"
    holder = argparse.Namespace(inner=[Harm(ran)], other={"a": Harm(ran)}, more={1, Path("a"), np.float64(2)}, count=Counter("aab"))
    tensors = {"a": torch.arange(3.0), "b": torch.ones(2, 3).half().T}
    torch.save({"state_dict": tensors, "hyper_parameters": holder}, path, _use_new_zipfile_serialization=is_zip)
    found = _whole.read(path, path.name)
    assert not ran.exists()
    assert isinstance(found, dict)
    for name, tensor in tensors.items():
        torch.testing.assert_close(found["state_dict"][name], tensor)


def test_a_program_or_another_file_is_refused(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(1, 1)).save(tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="TorchScript"):
        load(tmp_path)
    (tmp_path / "a.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="not a checkpoint of torch"):
        load(tmp_path)
    torch.save([1], tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="holds no state_dict"):
        load(tmp_path)
