"""What lies in the folder of a published model, and whether its tensors are the network's. Sizes are read from shapes, never assumed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.checkpoints import UNREADABLE, mismatch
from pipeline.base.errors import InputError

State = dict[str, Tensor]
_SHOWN = 3


def one_of(folder: Path, *patterns: str) -> Path:
    """The file of a folder that fits the first pattern that any fits; the file itself where a file is given.

    Raises:
        InputError: none fits, or several.
    """
    if folder.is_file():
        return folder
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"{folder.name} holds {len(found)} files {pattern}, expected one", "leave only the checkpoint to load there")
    raise InputError(
        f"{folder.name} holds no {' or '.join(patterns)}", "give the folder as published; `cxr models` says what belongs there"
    )


def beside(checkpoint: Path, name: str) -> Path:
    """A file of the folder that was given, or beside the file that was given.

    Raises:
        InputError: it is not there.
    """
    path = (checkpoint if checkpoint.is_dir() else checkpoint.parent) / name
    if not path.is_file():
        raise InputError(f"{path.parent.name} holds no {name}", f"put the {name} published with the model there")
    return path


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: it is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} is no JSON that can be read", "give the file as published") from error
    if not isinstance(found, dict):
        raise InputError(f"{path.name} holds a {type(found).__name__}, expected an object", "give the file as published")
    return found


def below(state: Mapping[str, Tensor], prefix: str) -> State:
    """The tensors whose names start with a prefix, without it."""
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}


def count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered parts follow a prefix: layers of "layer." are in "layer.0.weight", "layer.1.weight"."""
    numbers = {int(key.removeprefix(prefix).split(".")[0]) for key in state if key.startswith(prefix)}
    return max(numbers, default=-1) + 1


def shape(state: Mapping[str, Tensor], key: str, name: str) -> tuple[int, ...]:
    """The shape of a tensor that must be there.

    Raises:
        InputError: it is not.
    """
    if key not in state:
        raise InputError(
            f"{name} holds no tensor {key!r}; it starts with {', '.join(sorted(state)[:_SHOWN]) or 'nothing'}",
            "give the checkpoint as published; it may be another model's",
        )
    return tuple(state[key].shape)


def fill(network: nn.Module, state: Mapping[str, Tensor], name: str, unread: Sequence[str] = ()) -> None:
    """Load tensors into a network of the same names and shapes, all of them.

    Args:
        network: what is filled.
        state: tensors by name.
        name: the file, for errors.
        unread: starts of names that upstream stores and its scores do not use.

    Raises:
        InputError: names or shapes differ; the message says which.
    """
    wanted = network.state_dict()
    given = {key: tensor for key, tensor in state.items() if key in wanted or not key.startswith(tuple(unread))}
    missing, unknown, reshaped = mismatch(given, wanted)
    shapes = [f"{key} {tuple(given[key].shape)} for {tuple(wanted[key].shape)}" for key in reshaped]
    faults = (("missing", missing), ("unknown", unknown), ("of another shape", shapes))
    if told := [f"{len(keys)} tensors {what} (such as {', '.join(keys[:_SHOWN])})" for what, keys in faults if keys]:
        raise InputError(
            f"{name} does not fit the network: {'; '.join(told)}", "give the checkpoint as published; it may be another model's"
        )
    network.load_state_dict({key: given.get(key, tensor) for key, tensor in wanted.items()})


def read(path: Path) -> State:
    """The tensors of a file by their upstream names, out of the wrapper "state_dict" where there is one. Nothing but tensors is read.

    Raises:
        InputError: it cannot be read, or holds more than tensors.
    """
    try:
        loaded = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, *UNREADABLE) as error:
        raise InputError(
            f"{path.name} is not a file of tensors that can be read safely: {str(error).strip().splitlines()[0][:200]}",
            "check that it is there and was copied whole; a file with a program inside is not loaded",
        ) from error
    while isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(tensor, Tensor) for tensor in loaded.values()):
        raise InputError(f"{path.name} is not a mapping from names to tensors", "give the checkpoint as published")
    return {str(key): tensor for key, tensor in loaded.items()}
