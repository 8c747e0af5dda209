"""CheXbert (Smit et al. 2020, "CheXbert: Combining Automatic Labelers and Expert Annotations for Accurate Radiology Report Labeling").

Here belong the network, its checkpoint, and texts to probabilities; tokens are made in `wordpieces`. Which words of a report are read,
and what a class means, belongs to the labeler. VisualCheXbert (Jain et al. 2021) is the same network. Only local files are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import BertWordPieceTokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from models import checkpoints, devices, wordpieces
from models.networks import is_small
from pipeline.base.errors import CxrError, InputError

Probabilities = npt.NDArray[np.float32]

CLASSES = 4
# Thirteen findings of four classes; No Finding, the last, is blank or positive.
HEADS = (CLASSES,) * 13 + (2,)
HEAD_WIDTH = 64
# Of bert-base-uncased, but read by no head; older releases of transformers also store the count of positions.
_UNREAD = ("bert.pooler.", "bert.embeddings.position_ids")
_SHOWN = 3
_REMEDY = "give the file chexbert.pth as published: a dict with model_state_dict, keys module.bert.* and module.linear_heads.*"


class CheXbert(nn.Module):
    """BERT with one linear head a finding on the last hidden state of [CLS].

    Args:
        config: of the BERT.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert: Any = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.linear_heads = nn.ModuleList(nn.Linear(config.hidden_size, n_classes) for n_classes in HEADS)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits, (n, heads, CLASSES), of token ids and their mask, (n, length); -inf for the classes a head lacks."""
        hidden = self.dropout(self.bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0])
        return torch.stack([_widened(head(hidden).float()) for head in self.linear_heads], dim=1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network in evaluation mode on its device, its tokenizer, and the type it multiplies in."""

    network: CheXbert
    tokenizer: BertWordPieceTokenizer
    device: torch.device
    dtype: torch.dtype


def load(checkpoint: Path, vocab: Path, config: Path | None, device: str, precision: str) -> Loaded:
    """A checkpoint ready to read texts.

    Args:
        checkpoint: .pth, .pt or .safetensors; only tensors are read.
        vocab: vocab.txt or tokenizer.json of bert-base-uncased.
        config: its config.json; the sizes follow from the weights when None.
        device: auto, cpu or cuda.
        precision: float32, or float16 for mixed precision.

    Raises:
        InputError: a file cannot be read, or they do not fit each other.
        SettingsError: cuda is asked for and there is none.
    """
    state = _read_state(checkpoint)
    settled = _config_of(state, checkpoint.name) if config is None else _read_config(config)
    network = CheXbert(settled)
    _require_match(state, network.state_dict(), checkpoint.name)
    network.load_state_dict(state)
    chosen = devices.choose(device, "option device of chexbert")
    words = wordpieces.tokenizer(vocab, settled.vocab_size, settled.max_position_embeddings)
    return Loaded(network.eval().to(chosen), words, chosen, torch.float16 if precision == "float16" else torch.float32)


def probabilities(loaded: Loaded, texts: Sequence[str], batch_size: int) -> Probabilities:
    """Softmax of every head, (n, heads, CLASSES), in the order of `texts`; NaN for a text without a token: the network read nothing.

    Texts of like length share a batch, so that little padding is computed.

    Raises:
        CxrError: the GPU has too little memory for a batch.
        InputError: the weights give no finite number.
    """
    ids = [encoding.ids for encoding in loaded.tokenizer.encode_batch(list(texts))]
    found = np.full((len(ids), len(HEADS), CLASSES), np.nan, np.float32)
    threads = 1 if is_small(loaded.network) else devices.cores()
    with devices.deterministic(0, loaded.device, threads), torch.inference_mode():
        for rows in batches([len(one) for one in ids], batch_size):
            found[rows] = _softmax(loaded, [ids[row] for row in rows])
    return found


def batches(lengths: Sequence[int], batch_size: int) -> Iterable[npt.NDArray[np.intp]]:
    """Rows of one batch after the other, longest texts first, so that what does not fit into memory shows at once.

    Args:
        lengths: tokens of each text with [CLS] and [SEP]; texts that have no other token are left out.
        batch_size: rows at most.
    """
    order = np.argsort(-np.asarray(lengths, np.intp), kind="stable")
    order = order[np.asarray(lengths, np.intp)[order] > 2]
    return (order[start : start + batch_size] for start in range(0, len(order), batch_size))


def _widened(logits: Tensor) -> Tensor:
    return nn.functional.pad(logits, (0, CLASSES - logits.shape[1]), value=-torch.inf)


def _softmax(loaded: Loaded, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    rows = [torch.tensor(one) for one in ids]
    mask = nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True).to(loaded.device)
    # What stands in the padding is masked, so 0 serves any vocabulary.
    padded = nn.utils.rnn.pad_sequence(rows, batch_first=True).to(loaded.device)
    try:
        with torch.autocast(loaded.device.type, torch.float16, enabled=loaded.dtype == torch.float16):
            logits = loaded.network(padded, mask)
    except torch.OutOfMemoryError as error:
        raise CxrError(
            f"the GPU has too little memory for {len(rows)} texts of {padded.shape[1]} tokens", "set the option batch_size lower"
        ) from error
    found: npt.NDArray[np.float64] = logits.double().softmax(-1).cpu().numpy()
    if not np.isfinite(found).all():
        raise InputError("the weights of the checkpoint give no finite probability", "check that it was copied whole")
    return found


def _read_state(path: Path) -> dict[str, Tensor]:
    return {key: value for key, value in checkpoints.read_state(path).items() if not key.startswith(_UNREAD)}


def _config_of(state: Mapping[str, Tensor], name: str) -> BertConfig:
    """The sizes of a BERT from its weights; heads are 64 wide in every BERT that was published."""
    sizes = {part: state.get(f"bert.{part}.weight") for part in ("embeddings.word_embeddings", "encoder.layer.0.intermediate.dense")}
    positions, types = (state.get(f"bert.embeddings.{part}_embeddings.weight") for part in ("position", "token_type"))
    words, inner = sizes.values()
    if words is None or inner is None or positions is None or types is None:
        raise InputError(f"{name} holds no BERT: its embeddings or layers are missing", _REMEDY)
    if words.shape[1] % HEAD_WIDTH:
        raise InputError(
            f"{name} is {words.shape[1]} wide, no multiple of {HEAD_WIDTH}: its attention heads are unknown",
            "set the option config to the config.json it was trained with",
        )
    layers = {key.split(".")[3] for key in state if key.startswith("bert.encoder.layer.")}
    return BertConfig(
        vocab_size=words.shape[0],
        hidden_size=words.shape[1],
        num_hidden_layers=len(layers),
        num_attention_heads=words.shape[1] // HEAD_WIDTH,
        intermediate_size=inner.shape[0],
        max_position_embeddings=positions.shape[0],
        type_vocab_size=types.shape[0],
    )


def _read_config(path: Path) -> BertConfig:
    try:
        return BertConfig(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path.name} is not the configuration of a BERT", "give the config.json of bert-base-uncased, or leave it out"
        ) from error


def _require_match(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str) -> None:
    shapes = [
        f"{key} is {tuple(given[key].shape)}, expected {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    faults = (
        ("weights missing", [key for key in wanted if key not in given]),
        ("weights unknown to it", [key for key in given if key not in wanted]),
        ("of another shape", shapes),
    )
    if told := [f"{len(keys)} {what} (such as {', '.join(keys[:_SHOWN])})" for what, keys in faults if keys]:
        raise InputError(f"{name} does not fit CheXbert: {'; '.join(told)}", _REMEDY)
