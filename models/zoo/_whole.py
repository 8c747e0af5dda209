"""Tensors out of pickled objects, such as a whole network, none of which comes to life.

`torch.load` builds the classes that a pickle names, and so runs what the file says. Here every class but tensors and plain containers is a
`Husk` that holds attributes and does nothing: neither upstream's package nor the file's own code runs, and the package need not be there.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import torch
from torch import Tensor

from models.checkpoints import UNREADABLE
from pipeline.base.errors import InputError

# What `torch.save` needs for tensors, parameters and the containers around them, today and in the files of 2017.
_ALIVE = {
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("torch", "Size"): torch.Size,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}
_UNREADABLE = (*UNREADABLE, AttributeError, TypeError, IndexError)


class Husk:
    """Stands for any object: keeps the attributes it is given, takes anything else, does nothing."""

    # Files of torch 0.x carry the source of their classes; torch compares it, and asks this.
    dump_patches = False

    def __new__(cls, *_: Any, **__: Any) -> Husk:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update({str(key): value for key, value in state.items()})

    def __setitem__(self, _: Any, __: Any) -> None: ...

    def append(self, _: Any) -> None:
        """Part of a list of a class of its own."""

    def extend(self, _: Any) -> None:
        """Parts of such a list."""

    def add(self, _: Any) -> None:
        """Part of a set of a class of its own."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _ALIVE.get((module, name), Husk)


def read(file: Path | IO[bytes], name: str) -> object:
    """What a file of `torch.save` holds, every foreign object a husk.

    Args:
        file: where it is.
        name: of it, for errors.

    Raises:
        InputError: it is no such file.
    """
    if zipfile.is_zipfile(file) and any(member.endswith("/constants.pkl") for member in zipfile.ZipFile(file).namelist()):
        raise InputError(f"{name} is a TorchScript program, not a checkpoint", "give the checkpoint as published")
    if not isinstance(file, Path):
        file.seek(0)
    module = SimpleNamespace(Unpickler=_Unpickler, load=lambda handle, **options: _Unpickler(handle, **options).load(), __name__="husks")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a husk's source is not the class's
            return torch.load(file, map_location="cpu", pickle_module=module, weights_only=False)
    except _UNREADABLE as error:
        raise InputError(f"{name} is not a checkpoint of torch", "check that it was copied whole") from error


def network_in(loaded: object, name: str) -> dict[str, Tensor]:
    """The tensors of the network that a file holds as a whole, bare or in a mapping beside other things.

    Raises:
        InputError: there is none.
    """
    held = loaded.values() if isinstance(loaded, dict) else [loaded]
    found = next((value for value in held if isinstance(value, Husk) and _is_network(value)), None)
    if found is None:
        raise InputError(f"{name} holds neither tensors by name nor a network", "give the checkpoint as published")
    return dict(_tensors(found, ""))


def _is_network(husk: Husk) -> bool:
    return all(isinstance(husk.__dict__.get(part), dict) for part in ("_parameters", "_buffers", "_modules"))


def _tensors(husk: Husk, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """As `nn.Module.state_dict` walks."""
    for part in ("_parameters", "_buffers"):
        for key, value in husk.__dict__[part].items():
            if isinstance(value, Tensor):
                yield f"{prefix}{key}", value.detach()
    for key, child in husk.__dict__["_modules"].items():
        if isinstance(child, Husk) and _is_network(child):
            yield from _tensors(child, f"{prefix}{key}.")
