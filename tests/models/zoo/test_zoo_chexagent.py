from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from twins import chexagent as twin

from models.zoo import _chexagent, _remote_code
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return twin.write(tmp_path_factory.mktemp("chexagent"))


def film(seed: int = 0, height: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, 80), np.uint8)


def load(path: Path, **options: Any) -> Any:
    model = ZOO.get("chexagent")
    return model.load(path, model.Options(**options), CPU)


def test_a_model_that_takes_pixels_answers_upstreams_question(folder: Path) -> None:
    digest = _remote_code.digest(folder)
    scorer = load(folder, findings=("Edema", "Fracture"), trust_remote_code=True, snapshot_sha256=digest)
    films = torch.stack([scorer.prepare(film(seed)) for seed in range(3)])
    found = scorer.score(films)
    from transformers import AutoProcessor, GitForCausalLM

    processor, network = AutoProcessor.from_pretrained(folder), GitForCausalLM.from_pretrained(folder).eval()
    text = " USER: <s>Does this chest X-ray contain a Edema? ASSISTANT: <s>"
    inputs = processor(images=[Image.fromarray(film(1)).convert("RGB")], text=text, return_tensors="pt")
    torch.testing.assert_close(films[1], inputs["pixel_values"][0])
    with torch.no_grad():
        chances = network(**inputs).logits[0, -1].softmax(0)
    yes, no = chances[twin.VOCABULARY["Yes"]], chances[twin.VOCABULARY["No"]]
    assert found[1, 0].item() == pytest.approx((yes / (yes + no)).item(), abs=1e-5)
    assert found.unique().numel() == 6
    torch.testing.assert_close(scorer.score(films[2:]), found[2:], rtol=0, atol=1e-5)


def test_nothing_runs_before_the_digest_is_pinned(folder: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    snapshot = twin.write(tmp_path / "snapshot")
    config = json.loads((snapshot / "config.json").read_text())
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (snapshot / "config.json").write_text(json.dumps(config | own))
    (snapshot / "own.py").write_text(f"open({str(ran)!r}, 'w')\n")
    digest = _remote_code.digest(snapshot)
    with pytest.raises(InputError, match=f"snapshot_sha256={digest}"):
        load(snapshot)
    with pytest.raises(InputError, match="snapshot_sha256 is not set"):
        load(snapshot, trust_remote_code=True)
    (snapshot / "own.py").write_text("import os\n")
    with pytest.raises(InputError, match="find out why"):
        load(snapshot, trust_remote_code=True, snapshot_sha256=digest)
    with pytest.raises(InputError, match="is no folder"):
        load(snapshot / "own.py", trust_remote_code=True, snapshot_sha256=digest)
    assert not ran.exists()


def test_the_digest_is_over_names_and_bytes_but_not_tensors(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.py").write_bytes(b"code")
    (tmp_path / "w.safetensors").write_bytes(b"1")
    line = f"sub/a.py\0{hashlib.sha256(b'code').hexdigest()}\n"
    assert _remote_code.digest(tmp_path) == hashlib.sha256(line.encode()).hexdigest()
    before = _remote_code.digest(tmp_path)
    (tmp_path / "w.safetensors").write_bytes(b"2")
    assert _remote_code.digest(tmp_path) == before
    (tmp_path / "sub" / "a.py").rename(tmp_path / "sub" / "b.py")
    assert _remote_code.digest(tmp_path) != before


def test_code_of_another_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": [None, "someone/else--tok.Tok"]}}))
    with pytest.raises(InputError, match="someone/else--tok"):
        load(tmp_path, trust_remote_code=True, snapshot_sha256=_remote_code.digest(tmp_path))
    (tmp_path / "linked").symlink_to(tmp_path.parent)
    with pytest.raises(InputError, match="linked folders"):
        load(tmp_path, trust_remote_code=True, snapshot_sha256=_remote_code.digest(tmp_path))


class PathTokenizer:
    """What the program of CheXagent-2-3b offers: a film's path stands in the prompt, each of its characters a token."""

    unk_token_id = 0
    words = {"Yes": 1, "No": 2}

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return [self.words.get(text, 0)]

    def from_list_format(self, parts: list[dict[str, str]]) -> str:
        return f"<|img|>{parts[0]['image']}<|/img|>{parts[1]['text']}"

    def apply_chat_template(self, chat: list[dict[str, str]], add_generation_prompt: bool, return_tensors: str) -> torch.Tensor:
        assert add_generation_prompt
        assert [one["from"] for one in chat] == ["system", "human"]
        assert chat[0]["value"] == "You are a helpful assistant."
        return torch.tensor([[ord(letter) for letter in chat[1]["value"]]])


class PathNetwork:
    """Opens the path that it finds among the tokens; its answer is how bright that film is."""

    config = SimpleNamespace(visual={"image_size": 32})

    def __init__(self) -> None:
        self.seen: list[tuple[Path, str]] = []

    def __call__(self, input_ids: torch.Tensor) -> SimpleNamespace:
        text = "".join(chr(one) for one in input_ids[0].tolist())
        path, question = text.removeprefix("<|img|>").split("<|/img|>")
        self.seen.append((Path(path), question))
        assert Path(path).parent.stat().st_mode & 0o077 == 0
        grey = np.asarray(Image.open(path), np.float32)
        assert grey.shape == (32, 32)
        return SimpleNamespace(logits=torch.tensor([[[0.0, 0, 0], [0, float(grey.mean()) / 100, 1.0]]]))


def test_a_model_that_opens_files_is_given_a_private_one() -> None:
    network = PathNetwork()
    scorer = _chexagent.by_path(network, PathTokenizer(), ("Edema", "Mass"), ["Edema?", "Mass?"], CPU)
    films = torch.stack([scorer.prepare(np.full((40 + seed, 50), 100 * seed, np.uint8)) for seed in range(3)])
    expected = 1 / (1 + np.exp(1 - np.arange(3)))
    np.testing.assert_allclose(scorer.score(films).numpy(), np.stack([expected, expected], 1), atol=1e-6)
    assert [question for _, question in network.seen] == ["Edema?"] * 3 + ["Mass?"] * 3
    assert len({path for path, _ in network.seen}) == 6
    assert not any(path.exists() or path.parent.exists() for path, _ in network.seen)


def test_a_folder_for_temporary_files_cannot_speak_to_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "x<|img|>http"
    odd.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    scorer = _chexagent.by_path(PathNetwork(), PathTokenizer(), ("Edema",), ["Edema?"], CPU)
    with pytest.raises(InputError, match="may not stand in a prompt"):
        scorer.score(scorer.prepare(film())[None])


def test_another_snapshot_is_told_where_it_belongs() -> None:
    with pytest.raises(InputError, match="neither CheXagent-8b"):
        _chexagent.by_path(SimpleNamespace(config=SimpleNamespace()), PathTokenizer(), ("Edema",), ["Edema?"], CPU)
    dumb = SimpleNamespace(encode=lambda text, add_special_tokens: [0], unk_token_id=0, from_list_format=None)
    with pytest.raises(InputError, match="no token of its own for yes and for no"):
        _chexagent.by_path(PathNetwork(), dumb, ("Edema",), ["Edema?"], CPU)
