"""The towers of GLoRIA (Huang et al. 2021) in its own layout, and how it compares words with regions of a film."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tokenizers import BertWordPieceTokenizer
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from models.zoo import _bert, _layout, _resnet, _whole
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ScoreKind

# Of the configuration inside the published checkpoints.
STORED_PX, CROP_PX, SEEN_PX, N_WORDS, LAST_LAYERS = 256, 224, 299, 97, 4
# `attention_fn(word, context, 4.0)` and `row_sim.mul_(5.0)` in gloria_model.py.
SHARPNESS, STRETCH = 4.0, 5.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """Embeddings of a prompt: what upstream takes for its words, (width, words), and as a whole, (width,)."""

    words: Tensor
    whole: Tensor


class ImageTower(nn.Module):
    """A ResNet; its last maps pooled and projected for the film, those before them patch by patch for its regions.

    Args:
        state: tensors below "img_encoder.".
        name: the file, for errors.
    """

    def __init__(self, state: _layout.State, name: str) -> None:
        super().__init__()
        self.resnet = _resnet.resnet_of(_layout.below(state, "model."), name)
        width, pooled = _layout.shape(state, "global_embedder.weight", name)
        self.global_embedder = nn.Linear(pooled, width)
        _layout.fill(self.global_embedder, _layout.below(state, "global_embedder."), name)
        self.local_embedder = nn.Conv2d(_layout.shape(state, "local_embedder.weight", name)[1], width, 1, bias=False)
        _layout.fill(self.local_embedder, _layout.below(state, "local_embedder."), name)

    def forward(self, films: Tensor) -> tuple[Tensor, Tensor]:
        """Regions (n, width, height, width) and films (n, width) of pixels (n, 3, height, width), which are enlarged to 299."""
        regions, last = _resnet.maps(self.resnet, interpolate(films, (SEEN_PX, SEEN_PX), mode="bilinear", align_corners=True))
        return self.local_embedder(regions), self.global_embedder(last.mean((2, 3)))


@dataclass(slots=True)
class GloriaScorer:
    """The best of a finding's prompts: mean of its cosine to the film and five times that of its best word to what the word attends to.

    Attributes:
        images: the image tower on `device`.
        prompts: finding -> embedded prompts on `device`.
        reference: finding -> mean and standard deviation of scores on films chosen beforehand, or empty for bare similarities.
    """

    findings: tuple[str, ...]
    images: ImageTower
    prompts: Mapping[str, Sequence[Prompt]]
    reference: Mapping[str, tuple[float, float]]
    device: torch.device
    score_kind: ScoreKind = "cosine"

    def prepare(self, film: npt.NDArray[np.uint8]) -> Tensor:
        """As `Scorer.prepare`."""
        return prepare(film)

    def score(self, films: Tensor) -> Tensor:
        """As `Scorer.score`."""
        with torch.inference_mode():
            regions, whole = self.images(films.to(self.device))
            columns = [self._finding(finding, regions, whole) for finding in self.findings]
        return torch.stack(columns, 1).cpu()

    def _finding(self, finding: str, regions: Tensor, whole: Tensor) -> Tensor:
        likeness = torch.stack([similarity(regions, whole, prompt) for prompt in self.prompts[finding]]).amax(0)
        mean, deviation = self.reference.get(finding, (0.0, 1.0))
        return (likeness - mean) / deviation


def load(path: Path, device: torch.device) -> tuple[ImageTower, nn.Module, BertWordPieceTokenizer]:
    """Image tower, BERT and tokenizer of a checkpoint and the vocab.txt beside it.

    Raises:
        InputError: files are missing or another model's.
    """
    checkpoint = _layout.one_of(path, "*.ckpt")
    loaded = _whole.read(checkpoint, checkpoint.name)
    found = loaded.get("state_dict") if isinstance(loaded, dict) else None
    if not isinstance(found, dict):
        raise InputError(f"{checkpoint.name} holds no state_dict", "give chexpert_resnet50.ckpt as published")
    state = {str(key).split("gloria.")[-1]: tensor for key, tensor in found.items() if isinstance(tensor, Tensor)}
    images = ImageTower(_layout.below(state, "img_encoder."), checkpoint.name).to(device).eval()
    config = checkpoint.parent / "config.json"
    bert = _bert.bert_of(_layout.below(state, "text_encoder.model."), config if config.is_file() else None, checkpoint.name).to(device)
    return images, bert, _bert.tokenizer_of(bert, _layout.beside(path, "vocab.txt"), N_WORDS)


def prepare(film: npt.NDArray[np.uint8]) -> Tensor:
    """Three equal planes, float32 (3, 224, 224), in [-1, 1]: longest side 256, padded with black to a square, its middle."""
    height, width = film.shape
    # Upstream cuts the shorter side to whole pixels.
    size = (int(width * STORED_PX / height) or 1, STORED_PX) if height >= width else (STORED_PX, int(height * STORED_PX / width) or 1)
    small = cv2.resize(film, size, interpolation=cv2.INTER_AREA)
    square = np.zeros((STORED_PX, STORED_PX), np.uint8)
    top, left = (STORED_PX - size[1]) // 2, (STORED_PX - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    margin = (STORED_PX - CROP_PX) // 2
    grey = torch.from_numpy(square[margin : margin + CROP_PX, margin : margin + CROP_PX]).float() / 255
    return ((grey - 0.5) / 0.5).expand(3, CROP_PX, CROP_PX)


def sentence(prompt: str) -> str:
    """What upstream makes of a prompt: words in lower case, sentences of one word left out."""
    parts = [part for numbered in re.split(r"[0-9]+\.", prompt.replace("\n", " ")) for part in numbered.split(".")]
    words = [re.findall(r"\w+", part.lower()) for part in parts]
    return " ".join(word.encode("ascii", "ignore").decode("ascii") for some in words if len(some) > 1 for word in some).strip()


def embed(bert: nn.Module, tokenizer: BertWordPieceTokenizer, prompts: Sequence[str], device: torch.device) -> list[Prompt]:
    """Words and whole of each prompt; pieces of a word are summed, and so are BERT's last four layers.

    Upstream counts the characters of a prompt for its words, so that padding enters among them; here as there.
    """
    ids, mask = _bert.tokens(tokenizer, [sentence(prompt) for prompt in prompts], N_WORDS, device)
    with torch.inference_mode():
        hidden = bert(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        layers = torch.stack(hidden[-LAST_LAYERS:]).sum(0)
    found: list[Prompt] = []
    for prompt, row, length in zip(prompts, layers, mask.sum(1).tolist(), strict=True):
        joined = _join(row[:length], [tokenizer.id_to_token(one) for one in ids[len(found), :length].tolist()])
        padded = nn.functional.pad(joined, (0, 0, 0, N_WORDS - len(joined)))
        taken = len(prompt.replace("[", ""))
        found.append(Prompt(padded[1 : taken + 1].T, padded.mean(0)))
    return found


def similarity(regions: Tensor, whole: Tensor, prompt: Prompt) -> Tensor:
    """Likeness (n,) of films to a prompt: the mean of the cosine to the whole and five times the cosine of the best word.

    Args:
        regions: (n, width, height, width).
        whole: (n, width).
        prompt: embedded.
    """
    overall = normalize(whole, dim=1) @ normalize(prompt.whole, dim=0)
    context = regions.flatten(2)
    # Each region shares its attention among the words, then each word among the regions.
    attention = (context.transpose(1, 2) @ prompt.words).softmax(2).transpose(1, 2)
    attended = context @ (attention * SHARPNESS).softmax(2).transpose(1, 2)
    words = prompt.words.expand_as(attended)
    likeness = (words * attended).sum(1) / (words.norm(dim=1) * attended.norm(dim=1)).clamp(min=1e-8)
    found: Tensor = (STRETCH * likeness.amax(1) + overall) / 2
    return found


def _join(pieces: Tensor, tokens: Sequence[str]) -> Tensor:
    """Word pieces summed to words, (words, width); [CLS] and [SEP] are words."""
    starts = torch.tensor([not token.startswith("##") for token in tokens], device=pieces.device)
    word = starts.cumsum(0) - 1
    joined = torch.zeros(int(starts.sum()), pieces.shape[1], device=pieces.device)
    return joined.index_add_(0, word, pieces)
