"""CheXbert on a small random twin, saved as the published checkpoint is: held against a BERT written out in plain tensor operations."""

from __future__ import annotations

import itertools
import json
import pickle
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from labelers.chexbert import CLASSES, FINDINGS, WINDOW_BATCHES, text_of  # noqa: E402
from models import chexbert as network  # noqa: E402
from pipeline.base.errors import CxrError, InputError, PluginError, SettingsError  # noqa: E402
from pipeline.base.findings import CHEXPERT_14  # noqa: E402
from pipeline.base.interfaces import LABELERS  # noqa: E402
from pipeline.base.labels import STATES, LabeledReport, LabelState  # noqa: E402
from pipeline.base.reports import Report  # noqa: E402
from pipeline.label import reading  # noqa: E402

WIDTH, INNER, LAYERS, POSITIONS = 128, 256, 2, 48
WORDS = tuple(
    "the lungs are clear . , no acute heart is enlarged mild edema small left right pleural effusion pneumothorax possible pneumonia "  # noqa: SIM905
    "consolidation at base stable line tip over normal size with and without change from prior opacity".split()
)
VOCAB = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "pneumo", "##nia", "##s", "##ly", "##thorax")
TEXTS = (
    "The lungs are clear.",
    "Mild edema.",
    "Small left pleural effusion, possible pneumonia at the right base. Heart is enlarged. No pneumothorax.",
    "Stable line tip over the right base with opacity and consolidation without change from prior.",
    "no acute opacity",
    "Pneumonias, mildly XXXX!",
)


def twin_state(seed: int = 0) -> dict[str, Any]:
    """Random weights under the names of the published checkpoint, which was saved from several GPUs."""
    random = torch.Generator().manual_seed(seed)

    def linear(name: str, n_out: int, n_in: int, scale: float = 0.08) -> dict[str, Any]:
        weight, bias = torch.randn(n_out, n_in, generator=random) * scale, torch.randn(n_out, generator=random) * scale
        return {f"{name}.weight": weight, f"{name}.bias": bias}

    def norm(name: str) -> dict[str, Any]:
        weight, bias = 1 + 0.1 * torch.randn(WIDTH, generator=random), 0.1 * torch.randn(WIDTH, generator=random)
        return {f"{name}.weight": weight, f"{name}.bias": bias}

    rows = {"word": len(VOCAB), "position": POSITIONS, "token_type": 2}
    state = {f"bert.embeddings.{part}_embeddings.weight": torch.randn(n, WIDTH, generator=random) for part, n in rows.items()}
    state |= {"bert.embeddings.position_ids": torch.arange(POSITIONS)[None]} | norm("bert.embeddings.LayerNorm")
    for layer in (f"bert.encoder.layer.{index}" for index in range(LAYERS)):
        for part in ("query", "key", "value"):
            state |= linear(f"{layer}.attention.self.{part}", WIDTH, WIDTH)
        state |= linear(f"{layer}.attention.output.dense", WIDTH, WIDTH) | norm(f"{layer}.attention.output.LayerNorm")
        state |= linear(f"{layer}.intermediate.dense", INNER, WIDTH) | linear(f"{layer}.output.dense", WIDTH, INNER)
        state |= norm(f"{layer}.output.LayerNorm")
    state |= linear("bert.pooler.dense", WIDTH, WIDTH)
    for index in range(14):
        state |= linear(f"linear_heads.{index}", 4 if index < 13 else 2, WIDTH, 0.15)
    return {f"module.{key}": value for key, value in state.items()}


def save(path: Path, state: dict[str, Any]) -> Path:
    torch.save({"epoch": 7, "model_state_dict": state, "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 2e-5}]}}, path)
    return path


def plain_tokens(text: str) -> list[int]:
    """Lower-cased words and signs, each cut greedily into the longest pieces of the vocabulary (Devlin et al. 2019)."""
    ids = [VOCAB.index("[CLS]")]
    for word in re.findall(r"\w+|[^\w\s]", text.lower()):
        pieces, rest = [], word
        while rest:
            mark = "##" if pieces else ""
            piece = next((rest[:end] for end in range(len(rest), 0, -1) if mark + rest[:end] in VOCAB), None)
            if piece is None:
                pieces, rest = ["[UNK]"], ""
            else:
                pieces, rest = [*pieces, mark + piece], rest[len(piece) :]
        ids += [VOCAB.index(piece) for piece in pieces]
    return [*ids, VOCAB.index("[SEP]")]


def plain_bert(state: dict[str, Any], ids: list[int]) -> list[Any]:
    """Softmax of each head for one text, from tensor operations alone."""

    def weights(name: str) -> tuple[Any, Any]:
        return state[f"module.{name}.weight"].double(), state[f"module.{name}.bias"].double()

    def linear(name: str, x: Any) -> Any:
        weight, bias = weights(name)
        return x @ weight.T + bias

    def norm(name: str, x: Any) -> Any:
        weight, bias = weights(name)
        return (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-12).sqrt() * weight + bias

    def embedded(part: str, rows: Any) -> Any:
        return state[f"module.bert.embeddings.{part}_embeddings.weight"].double()[rows]

    x = embedded("word", ids) + embedded("position", range(len(ids))) + embedded("token_type", [0] * len(ids))
    x = norm("bert.embeddings.LayerNorm", x)
    for layer in (f"bert.encoder.layer.{index}" for index in range(LAYERS)):
        query, key, value = (
            linear(f"{layer}.attention.self.{part}", x).view(-1, WIDTH // 64, 64).transpose(0, 1) for part in ("query", "key", "value")
        )
        read = ((query @ key.transpose(1, 2) / 8).softmax(-1) @ value).transpose(0, 1).reshape(-1, WIDTH)
        x = norm(f"{layer}.attention.output.LayerNorm", x + linear(f"{layer}.attention.output.dense", read))
        inner = linear(f"{layer}.intermediate.dense", x)
        inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
        x = norm(f"{layer}.output.LayerNorm", x + linear(f"{layer}.output.dense", inner))
    return [linear(f"linear_heads.{index}", x[0]).softmax(-1) for index in range(14)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("chexbert")
    (folder / "vocab.txt").write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
    return {"checkpoint": save(folder / "chexbert.pth", twin_state()), "vocab": folder / "vocab.txt", "device": "cpu"}


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Shapes of the batches that went through the network."""
    seen: list[tuple[int, int]] = []
    forward = network.CheXbert.forward

    def counted(self: Any, ids: Any, mask: Any) -> Any:
        seen.append(tuple(ids.shape))
        return forward(self, ids, mask)

    monkeypatch.setattr(network.CheXbert, "forward", counted)
    return seen


def reports_of(texts: tuple[str, ...] | list[str]) -> list[Report]:
    return [Report.of(f"r{index}", text) for index, text in enumerate(texts)]


def read(options: dict[str, Any], texts: tuple[str, ...] | list[str] = TEXTS, work: Path | None = None) -> list[LabeledReport]:
    one = reading.reader("chexbert", options)
    return [found for _, found in reading.read_all(one, reports_of(texts), work)]


def array(found: list[LabeledReport]) -> Any:
    return np.array([[label.probabilities for label in report.labels] for report in found], float)


def long_texts(n: int) -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 30))) for _ in range(n)]


def test_equals_a_plain_bert(files: dict[str, Any]) -> None:
    found = read(files)
    state = twin_state()
    for text, report in zip(TEXTS, found, strict=True):
        for label, wanted in zip(report.labels, plain_bert(state, plain_tokens(text)), strict=True):
            blank, positive, *others = wanted.tolist()
            assert label.probabilities == pytest.approx([positive, *(others or (0, 0)), blank], abs=1e-5)
            assert label.state is CLASSES[int(wanted.argmax())]
    assert {label.state for report in found for label in report.labels} == set(LabelState)


def test_labels_keep_the_contract(files: dict[str, Any]) -> None:
    assert sorted(FINDINGS) == sorted(CHEXPERT_14)
    for report in read(files):
        assert report.mentions == ()
        assert tuple(label.finding for label in report.labels) == FINDINGS
        for label in report.labels:
            assert label.probabilities is not None
            assert sum(label.probabilities) == pytest.approx(1, abs=1e-6)
            assert label.state is STATES[int(np.argmax(label.probabilities))]
        normal = report.labels[-1]
        assert normal.finding == "No Finding"
        assert normal.probabilities is not None
        assert normal.probabilities[1:3] == (0.0, 0.0)


def test_one_by_one_equals_all_at_once(files: dict[str, Any], forwards: list[tuple[int, int]]) -> None:
    texts = long_texts(40)
    alone = array(read({**files, "batch_size": 1}, texts))
    assert [n for n, _ in forwards] == [1] * 40
    assert array(read({**files, "batch_size": 16}, texts)) == pytest.approx(alone, abs=1e-5)


def test_batches_hold_texts_of_like_length(files: dict[str, Any], forwards: list[tuple[int, int]]) -> None:
    texts = long_texts(64)
    read({**files, "batch_size": 8}, texts)
    lengths = sorted((len(plain_tokens(text)) for text in texts), reverse=True)
    assert forwards == [(8, lengths[start]) for start in range(0, 64, 8)]


def test_a_long_text_ends_with_the_last_position(files: dict[str, Any]) -> None:
    text = "edema " * (POSITIONS + 5) + "effusion"
    ids = [*plain_tokens(text)[: POSITIONS - 1], VOCAB.index("[SEP]")]
    found = read(files, [text, text.replace("effusion", "normal")])
    assert found[0] == found[1]
    assert found[0].labels[0].probabilities == pytest.approx(plain_bert(twin_state(), ids)[0][[1, 2, 3, 0]].tolist(), abs=1e-5)


def test_only_a_window_is_taken_from_an_endless_source(files: dict[str, Any]) -> None:
    taken = itertools.count()
    last = 0

    def endless() -> Iterator[Report]:
        nonlocal last
        for last in taken:
            yield Report.of(f"r{last}", "no edema")

    one = reading.reader("chexbert", {**files, "batch_size": 2})
    assert len(list(itertools.islice(reading.read_all(one, endless()), 5))) == 5
    assert last < 2 * WINDOW_BATCHES


def test_finished_windows_are_not_read_again(files: dict[str, Any], forwards: list[tuple[int, int]], tmp_path: Path) -> None:
    texts, options = long_texts(100), {**files, "batch_size": 1}
    one = reading.reader("chexbert", options)
    stopped = list(itertools.islice(reading.read_all(one, reports_of(texts), tmp_path), WINDOW_BATCHES + 1))
    assert len(forwards) == 2 * WINDOW_BATCHES
    resumed = read(options, texts, tmp_path)
    assert len(forwards) == 100
    assert read(options, texts, tmp_path) == resumed == read(options, texts)
    assert len(forwards) == 200
    assert [found for _, found in stopped] == resumed[: len(stopped)]
    assert all(re.fullmatch(r"[0-9a-f]{64}\.npz", path.name) for path in (tmp_path / "chexbert").iterdir())


def test_other_files_options_or_texts_are_read_anew(files: dict[str, Any], forwards: list[tuple[int, int]], tmp_path: Path) -> None:
    other = save(tmp_path / "other.pth", twin_state(1))
    changes: list[dict[str, Any]] = [{}, {"checkpoint": other}, {"precision": "float16"}, {"sections": ("body",)}]
    versions = {LABELERS.get("chexbert").version(reading.reader("chexbert", {**files, **change}).options) for change in changes}
    assert len(versions) == len(changes)
    for count, change in enumerate(changes, 1):
        read({**files, **change}, ("no edema",), tmp_path)
        assert len(forwards) == count
    read(files, ("edema",), tmp_path)
    assert len(forwards) == len(changes) + 1


def test_a_replaced_checkpoint_changes_the_version(files: dict[str, Any], tmp_path: Path) -> None:
    options = {**files, "checkpoint": save(tmp_path / "chexbert.pth", twin_state())}
    one = reading.reader("chexbert", options)
    before = one.labeler.version(one.options)
    save(tmp_path / "chexbert.pth", twin_state(1))
    assert one.labeler.version(one.options) != before
    save(tmp_path / "chexbert.pth", twin_state())
    assert one.labeler.version(one.options) == before


@pytest.mark.parametrize(
    ("sections", "text", "words"),
    [
        (("impression", "findings", "body"), "FINDINGS: Clear.\nIMPRESSION:\n1. No\n edema.", "1. No edema."),
        (("impression", "findings", "body"), "INDICATION: Cough.\nFINDINGS: Clear  lungs.", "Clear lungs."),
        (("impression", "findings", "body"), "Heart is enlarged.", "Heart is enlarged."),
        (("findings",), "FINDINGS: Clear.\nIMPRESSION: No edema.", "Clear."),
        (("impression",), "FINDINGS: Clear.", ""),
        (("impression",), "IMPRESSION: No edema.\n\nADDENDUM: Read again.\nIMPRESSION: Mild edema.", "No edema. Mild edema."),
    ],
)
def test_the_first_section_that_is_there_is_read(sections: tuple[str, ...], text: str, words: str) -> None:
    assert text_of(Report.of("r", text), sections) == words


@pytest.mark.parametrize("text", ["", " \n\t", "INDICATION: Cough.", "\x00\x01", "\x00"])
def test_nothing_read_is_unmentioned_without_probabilities(files: dict[str, Any], text: str) -> None:
    nothing, something = read(files, [text, "no edema"])
    assert {(label.state, label.probabilities) for label in nothing.labels} == {(LabelState.UNMENTIONED, None)}
    assert all(label.probabilities for label in something.labels)


@pytest.mark.parametrize(
    "text", ["XXXX ___ [**Name**] \u0130stanbul \U0001f600 no\x00 effusion", "\udc80 edema", "[SEP] [PAD] edema", "é\u0301 肺"]
)
def test_any_text_is_read(files: dict[str, Any], text: str) -> None:
    assert np.isfinite(array(read(files, [text]))).all()


def test_twice_the_same(files: dict[str, Any]) -> None:
    assert read(files) == read(files)


def test_no_network_is_touched(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert len(read(files)) == len(TEXTS)


def test_other_forms_of_the_same_files_read_alike(files: dict[str, Any], tmp_path: Path) -> None:
    tensors = pytest.importorskip("safetensors.torch")
    plain = {key.removeprefix("module."): value for key, value in twin_state().items() if "position_ids" not in key and "pooler" not in key}
    tensors.save_file(plain, tmp_path / "chexbert.safetensors")
    described = {"model": {"vocab": {token: row for row, token in enumerate(VOCAB)}}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
    config = {"vocab_size": len(VOCAB), "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 2}
    config |= {"intermediate_size": INNER, "max_position_embeddings": POSITIONS, "model_type": "bert", "architectures": ["BertModel"]}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    other = {"checkpoint": tmp_path / "chexbert.safetensors", "vocab": tmp_path, "config": tmp_path / "config.json"}
    assert read({**files, **other}) == read(files)


def _without(key: str) -> dict[str, Any]:
    return {name: value for name, value in twin_state().items() if name != key}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (_without("module.linear_heads.13.bias"), r"1 weights missing \(such as linear_heads\.13\.bias\)"),
        (_without("module.bert.embeddings.word_embeddings.weight"), "holds no BERT"),
        (twin_state() | {"module.linear_heads.14.bias": torch.zeros(4)}, r"1 weights unknown to it \(such as linear_heads\.14\.bias\)"),
        (twin_state() | {"module.linear_heads.13.bias": torch.zeros(4)}, r"linear_heads\.13\.bias is \(4,\), expected \(2,\)"),
        (
            twin_state() | {"module.bert.embeddings.word_embeddings.weight": torch.zeros(9, WIDTH)},
            f"has {len(VOCAB)} words, the checkpoint 9",
        ),
        (twin_state() | {"module.bert.embeddings.word_embeddings.weight": torch.zeros(9, 100)}, "no multiple of 64"),
        (twin_state() | {"module.linear_heads.0.bias": torch.full((4,), torch.nan)}, "no finite probability"),
    ],
)
def test_a_checkpoint_that_does_not_fit_says_where(files: dict[str, Any], tmp_path: Path, state: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        read({**files, "checkpoint": save(tmp_path / "chexbert.pth", state)})


class _Runs:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.write_text, (self.path, "ran")


@pytest.mark.parametrize("keep", ["torch", "pickle"])
def test_a_pickled_object_is_refused_and_never_run(files: dict[str, Any], tmp_path: Path, keep: str) -> None:
    path, made = tmp_path / "chexbert.pth", {"model_state_dict": _Runs(tmp_path / "ran")}
    if keep == "torch":
        torch.save(made, path)
    else:
        path.write_bytes(pickle.dumps(made, protocol=2))
    with pytest.raises(InputError, match="not a file of tensors"):
        read({**files, "checkpoint": path})
    assert not (tmp_path / "ran").exists()


def test_a_cut_checkpoint_is_refused(files: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "cut.pth").write_bytes(files["checkpoint"].read_bytes()[:10_000])
    with pytest.raises(InputError, match=r"cut\.pth"):
        read({**files, "checkpoint": tmp_path / "cut.pth"})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"the\nlungs\n", r"lacks \[PAD\], \[UNK\]"),
        (b"\xff\xfe", "not a vocabulary"),
        ("\n".join((*VOCAB, "more")).encode(), "would be noise"),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused(files: dict[str, Any], tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(InputError, match=told):
        read({**files, "vocab": tmp_path / "vocab.txt"})


def test_a_broken_config_is_refused(files: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(InputError, match=r"config\.json"):
        read({**files, "config": tmp_path / "config.json"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"checkpoint": None}, "option checkpoint is not set"),
        ({"checkpoint": "/nowhere/chexbert.pth"}, "option checkpoint is /nowhere/chexbert.pth, where no such file is"),
        ({"vocab": None}, "option vocab is not set"),
        ({"vocab": "/nowhere"}, "option vocab is /nowhere"),
        ({"config": "/nowhere/config.json"}, "option config is /nowhere/config.json"),
    ],
)
def test_what_is_missing_is_named(files: dict[str, Any], change: dict[str, Any], told: str) -> None:
    with pytest.raises(PluginError, match=told):
        reading.reader("chexbert", {**files, **change})
    labeler = LABELERS.get("chexbert")
    assert "+" not in labeler.version(labeler.Options.model_validate({**files, **change}))


def test_cuda_without_a_gpu_is_named(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PluginError, match="option device is cuda"):
        reading.reader("chexbert", {**files, "device": "cuda"})


def test_a_gpu_is_used_when_present_in_half_precision(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    labeler = LABELERS.get("chexbert")
    versions = []
    for precision, is_there in (("auto", False), ("float32", True), ("auto", True), ("float16", True)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda is_there=is_there: is_there)
        versions.append(labeler.version(labeler.Options(**{**files, "device": "auto", "precision": precision})))
    assert versions[0] == versions[1]
    assert versions[2] == versions[3] != versions[0]
    moved: list[Any] = []
    monkeypatch.setattr(network.CheXbert, "to", lambda self, device: moved.append(device) or self)
    loaded = network.load(files["checkpoint"], files["vocab"], None, "auto", "float16")
    assert [device.type for device in moved] == [loaded.device.type] == ["cuda"]


def test_half_precision_is_close(files: dict[str, Any]) -> None:
    half, whole = array(read({**files, "precision": "float16"})), array(read({**files, "precision": "float32"}))
    assert half == pytest.approx(whole, abs=0.01)
    assert (half != whole).any()


def test_too_little_memory_names_the_option(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(network.CheXbert, "forward", full)
    with pytest.raises(CxrError, match="batch_size"):
        read(files)


@pytest.mark.parametrize("bad", [{"sections": ()}, {"sections": ("indication",)}, {"batch_size": 0}, {"device": "tpu"}, {"chekpoint": "x"}])
def test_bad_options_are_refused(files: dict[str, Any], bad: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(bad))):
        reading.reader("chexbert", {**files, **bad})
