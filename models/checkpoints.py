"""Weights on disk: start from a given state_dict with the head replaced, and keep what was trained.

Only tensors are read (`weights_only=True`, safetensors): a checkpoint cannot run code.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.networks import FilmNetwork, first_convolution
from pipeline.base.errors import InputError
from pipeline.base.storage import atomic_bytes

# What torch raises for a file that is no checkpoint, or a damaged one.
UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError)
_SHOWN = 3
_DINOV2 = "embeddings.patch_embeddings.projection.weight"
_DINOV2_NAMES = (
    ("embeddings.patch_embeddings.projection", "patch_embed.proj"),
    ("embeddings.cls_token", "cls_token"),
    ("embeddings.position_embeddings", "pos_embed"),
    ("layer.", "blocks."),
    ("attention.output.dense", "attn.proj"),
    ("layer_scale1.lambda1", "ls1.gamma"),
    ("layer_scale2.lambda1", "ls2.gamma"),
    ("layernorm.", "norm."),
)
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = re.compile(r"^(?:module|model|_orig_mod|backbone|encoder|net|densenet121)\.(?=.)")
# torchvision's own loader renames the DenseNet keys of 2017 ("norm.1") in the same way.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)")


@dataclass(frozen=True, slots=True)
class Start:
    """What was taken from a checkpoint: weights used, keys of its own head left behind, whether colour planes were summed."""

    n_used: int
    left_out: tuple[str, ...]
    is_colour_summed: bool


def start_from(network: FilmNetwork, path: Path) -> Start:
    """Fill the trunk of a network from a checkpoint; the head stays as drawn, since its findings are others.

    A first convolution of three colour planes becomes one of grey by summing: a grey film shown in three equal planes has the same answer.

    Raises:
        InputError: the file is no checkpoint, or its trunk is another architecture's.
    """
    given, wanted = read_state(path), network.features.state_dict()
    if _DINOV2 in given:
        given = from_dinov2(given)
    trunk = {key.removeprefix("features."): tensor for key, tensor in given.items() if key.startswith("features.")}
    # Networks whose trunk has no name of its own in their file, as torchvision's ResNet and timm's transformers.
    trunk = trunk or {key: tensor for key, tensor in given.items() if key in wanted} or given
    used = {f"features.{key}" for key in trunk} | set(trunk)
    left_out = tuple(sorted(key for key in given if key not in used))
    is_summed = _sum_colours(trunk, network)
    _require_match(trunk, wanted)
    network.features.load_state_dict({key: trunk.get(key, value) for key, value in wanted.items()})
    return Start(len(trunk), left_out, is_summed)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pt, .pth or .safetensors file by name, wrappers and prefixes such as "module." removed.

    Raises:
        InputError: it cannot be read, or holds more than tensors.
    """
    if not path.is_file():
        raise InputError(
            f"the checkpoint {path.name} does not exist", "set predict.checkpoint to a .pt or .safetensors file, or leave it out"
        )
    loaded: object = read_safetensors(path)[0] if path.suffix == ".safetensors" else _read_torch(path)
    while isinstance(loaded, dict) and (inner := next((loaded[key] for key in _WRAPPERS if isinstance(loaded.get(key), dict)), None)):
        loaded = inner
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError(
            f"{path.name} is not a state_dict: a mapping from names to tensors", "save it with torch.save(model.state_dict(), path)"
        )
    return {plain_name(str(key)): value for key, value in loaded.items()}


def from_dinov2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of transformers' `Dinov2Model` under timm's names; query, key and value become one matrix."""
    found: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if ".attention.attention." in key:
            block, name = key.split(".attention.attention.")
            kind = name.rpartition(".")[2]
            if name.startswith("query."):
                parts = [state[f"{block}.attention.attention.{one}.{kind}"] for one in ("query", "key", "value")]
                found[_timm(f"{block}.attn.qkv.{kind}")] = torch.cat(parts)
        elif not key.endswith("mask_token"):
            found[_timm(key)] = tensor
    return found


def _timm(key: str) -> str:
    for old, new in _DINOV2_NAMES:
        key = key.replace(old, new)
    return key


def save(network: FilmNetwork, path: Path, made_from: dict[str, str] | None = None) -> None:
    """Write a network's state_dict, whole or not at all, with what it was made from beside it."""
    buffer = io.BytesIO()
    torch.save({"state_dict": {key: value.cpu() for key, value in network.state_dict().items()}, "made_from": made_from or {}}, buffer)
    atomic_bytes(path, buffer.getvalue())


def _read_torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise InputError(
            f"{path.name} is not a file of tensors that torch can read safely", "save it anew with torch.save(model.state_dict(), path)"
        ) from error


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, and the text beside them, of a .safetensors file.

    Raises:
        InputError: it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as opened:
            return {key: opened.get_tensor(key) for key in opened.keys()}, dict(opened.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path.name} is not a safetensors file", "check that it was copied whole") from error


def plain_name(key: str) -> str:
    """A tensor's name without wrappers such as "module.", DenseNet's of 2017 as today's."""
    while (shorter := _PREFIXES.sub("", key)) != key:
        key = shorter
    return _OLD_DENSENET.sub(r"\1\2", key)


def _sum_colours(trunk: dict[str, Tensor], network: FilmNetwork) -> bool:
    name, convolution = first_convolution(network.features)
    key = f"{name}.weight"
    if key not in trunk or trunk[key].ndim != 4 or trunk[key].shape[1] == convolution.in_channels or convolution.in_channels != 1:
        return False
    trunk[key] = trunk[key].sum(1, keepdim=True)
    return True


def mismatch(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> tuple[list[str], list[str], list[str]]:
    """Names that are missing, unknown, and of another shape."""
    # Checkpoints older than PyTorch 0.4 do not count batches; nothing reads the count.
    missing = [key for key in wanted if key not in given and not key.endswith("num_batches_tracked")]
    unknown = [key for key in given if key not in wanted]
    return missing, unknown, [key for key in wanted if key in given and given[key].shape != wanted[key].shape]


def _require_match(trunk: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    missing, extra, reshaped = mismatch(trunk, wanted)
    shapes = [f"{key} is {tuple(trunk[key].shape)}, expected {tuple(wanted[key].shape)}" for key in reshaped]
    if missing or extra or shapes:
        told = [
            f"{len(keys)} {what} (such as {', '.join(keys[:_SHOWN])})"
            for what, keys in (("weights missing", missing), ("weights unknown to it", extra), ("of another shape", shapes))
            if keys
        ]
        raise InputError(
            f"the checkpoint's trunk does not fit the network: {'; '.join(told)}",
            "set predict.model to the architecture the checkpoint was made with",
        )
