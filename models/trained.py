"""A network trained here, as one file: weights, calibration, and a card that says what it answers and what it was made from.

A safetensors file holds tensors and text, so that reading it runs nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.calibration import Calibration, Isotonic, Platt
from models.checkpoints import read_safetensors
from models.networks import FilmNetwork
from pipeline.base.errors import InputError
from pipeline.base.interfaces import MODELS
from pipeline.base.storage import atomic_bytes

FORMAT = "cxr-curator trained network 1"


@dataclass(frozen=True, slots=True)
class Card:
    """What a trained network is.

    Attributes:
        model: registered architecture.
        findings: what it answers, in the order of its outputs.
        size_px: side of a film as it sees it.
        channels: planes of a film as it sees it.
        made_from: recipe, seeds, digests of films and targets, commit, versions of libraries.
    """

    model: str
    findings: tuple[str, ...]
    size_px: int
    channels: int
    made_from: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with its calibration and its card."""

    network: FilmNetwork
    calibration: Calibration
    card: Card


def save(path: Path, trained: Trained) -> None:
    """Write the file, whole or not at all."""
    from safetensors.torch import save as packed

    tensors = {f"network.{key}": value.detach().cpu().contiguous() for key, value in trained.network.state_dict().items()}
    tensors |= {f"calibration.{key}": torch.as_tensor(value) for key, value in _arrays(trained.calibration).items()}
    card = {"format": FORMAT, **{name: getattr(trained.card, name) for name in Card.__slots__}}
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_bytes(path, packed(tensors, {"card": json.dumps(card, sort_keys=True, default=str)}))


def load(path: Path) -> Trained:
    """Read the file; the network is in evaluation mode on the CPU.

    Raises:
        InputError: it is another kind of file, or damaged.
    """
    tensors, text = read_safetensors(path)
    # One text alone: the library writes several in no fixed order.
    told = json.loads(text.get("card", "{}"))
    if told.get("format") != FORMAT:
        raise InputError(f"{path.name} was not written by cxr train", "give the .safetensors file that cxr train wrote")
    card = Card(told["model"], tuple(told["findings"]), told["size_px"], told["channels"], told["made_from"])
    network: FilmNetwork = MODELS.get(card.model)(len(card.findings), card.channels)
    network.load_state_dict(_below("network.", tensors))
    return Trained(network.eval(), _calibration(_below("calibration.", tensors)), card)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _arrays(calibration: Calibration) -> dict[str, np.ndarray[Any, Any]]:
    platt = calibration.platt if isinstance(calibration, Isotonic) else calibration
    assert isinstance(platt, Platt)
    found = {"slope": platt.slope, "intercept": platt.intercept}
    if isinstance(calibration, Isotonic):
        for column, (thresholds, values) in calibration.steps.items():
            found |= {f"steps.{column}.thresholds": thresholds, f"steps.{column}.values": values}
    return found


def _calibration(tensors: dict[str, Tensor]) -> Calibration:
    arrays = {key: value.numpy() for key, value in tensors.items()}
    platt = Platt(arrays["slope"], arrays["intercept"])
    columns = sorted({int(key.split(".")[1]) for key in arrays if key.startswith("steps.")})
    if not columns:
        return platt
    return Isotonic(platt, {column: (arrays[f"steps.{column}.thresholds"], arrays[f"steps.{column}.values"]) for column in columns})
