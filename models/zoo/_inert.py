"""Tensors out of a checkpoint that holds other objects beside them, none of which comes to life.

torch's own `weights_only=True` refuses such a file whole. Here the unpickler knows tensors and plain containers; whatever else is named
becomes an object that keeps nothing and does nothing, so that no code of the file or of a package that it names runs.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from pipeline.base.errors import InputError

# What `torch.save` needs to write tensors, parameters and the mapping around them.
_ALIVE = {
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("collections", "OrderedDict"): OrderedDict,
}


class Inert:
    """Takes anything, keeps nothing."""

    def __new__(cls, *_: Any, **__: Any) -> Inert:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...

    def __setitem__(self, _: Any, __: Any) -> None: ...

    def append(self, _: Any) -> None:
        """Part of a list that is left out."""

    def extend(self, _: Any) -> None:
        """Parts of a list that is left out."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _ALIVE.get((module, name), Inert)


def read(path: Path) -> object:
    """What the file holds, foreign objects inert.

    Raises:
        InputError: it is no checkpoint of torch.
    """
    if zipfile.is_zipfile(path) and any(name.endswith("/constants.pkl") for name in zipfile.ZipFile(path).namelist()):
        raise InputError(f"{path.name} is a TorchScript program, not a checkpoint", "give the checkpoint as published")
    module = SimpleNamespace(Unpickler=_Unpickler, load=lambda file, **options: _Unpickler(file, **options).load(), __name__="inert")
    try:
        return torch.load(path, map_location="cpu", pickle_module=module, weights_only=False)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError, AttributeError, TypeError) as error:
        raise InputError(f"{path.name} is not a checkpoint of torch", "check that it was copied whole") from error
