"""Scores of a model that writes text: how probable "Yes" is as the next word after a question, against "No".

How a film and a question are put to a model belongs to its adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.base.errors import InputError
from pipeline.base.interfaces import ScoreKind

Precision = Literal["auto", "float32", "bfloat16"]
# Prepared films (n, ...) and the row of a question to the logits of the next token, (n, words).
Ask = Callable[[Tensor, int], Tensor]


@dataclass(slots=True)
class YesNoScorer:
    """P(yes | yes or no), of the next token alone; nothing is written.

    Attributes:
        pixels: what `prepare` is.
        ask: puts one finding's question about films.
        yes, no: tokens that say so.
    """

    findings: tuple[str, ...]
    pixels: Callable[[npt.NDArray[np.uint8]], Tensor]
    ask: Ask
    yes: tuple[int, ...]
    no: tuple[int, ...]
    score_kind: ScoreKind = "yes_no"

    def prepare(self, film: npt.NDArray[np.uint8]) -> Tensor:
        """As `Scorer.prepare`."""
        return self.pixels(film)

    def score(self, films: Tensor) -> Tensor:
        """As `Scorer.score`."""
        with torch.inference_mode():
            columns = [self._probability(self.ask(films, row).float()) for row in range(len(self.findings))]
        return torch.stack(columns, 1).cpu()

    def _probability(self, logits: Tensor) -> Tensor:
        for_it, against = (logits[:, list(words)].logsumexp(1) for words in (self.yes, self.no))
        return (for_it - against).sigmoid()


def answers(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tokens for yes and for no, in either case, with and without the blank before.

    Raises:
        InputError: the tokenizer has no single token for one of them.
    """
    yes, no = _single(tokenizer, "yes"), _single(tokenizer, "no")
    if not yes or not no or set(yes) & set(no):
        raise InputError("the tokenizer has no token of its own for yes and for no", "give the tokenizer published with the model")
    return yes, no


def dtype_of(precision: Precision, device: torch.device) -> torch.dtype:
    """As published on a GPU, bfloat16; float32 on a CPU, where bfloat16 saves little."""
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def ask_by_tokens(network: Any, questions: Sequence[dict[str, Tensor]], image_key: str, device: torch.device, dtype: torch.dtype) -> Ask:
    """Puts questions whose tokens do not depend on the film.

    Film by film: in bfloat16 the same film beside others would be rounded otherwise, and a question of some hundred tokens fills a GPU.

    Args:
        network: a causal model with `logits`.
        questions: inputs of each question beside the film, one row each.
        image_key: name of the film among the inputs.
        device: where it runs.
        dtype: of the film.
    """
    settled = [{key: tensor.to(device) for key, tensor in question.items()} for question in questions]

    def ask(films: Tensor, row: int) -> Tensor:
        shown = films.to(device, dtype)
        return torch.cat([network(**settled[row], **{image_key: one[None]}).logits[:, -1] for one in shown])

    return ask


def _single(tokenizer: Any, word: str) -> tuple[int, ...]:
    found = {
        ids[0]
        for text in (word, word.capitalize(), f" {word}", f" {word.capitalize()}")
        if len(ids := tokenizer.encode(text, add_special_tokens=False)) == 1 and ids[0] != tokenizer.unk_token_id
    }
    return tuple(sorted(found))
