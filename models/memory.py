"""Results of finished trainings in HOME/work, so that an interrupted run goes on where it stopped. They may be deleted."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.base.storage import atomic_bytes, disk_errors

Arrays = dict[str, npt.NDArray[np.generic]]


def remembered(folder: Path, key: str, make: Callable[[], Arrays]) -> tuple[Arrays, bool]:
    """The arrays stored under `key`, made and stored when there are none.

    Args:
        folder: of one stage.
        key: digest of everything the arrays follow from.
        make: the long work.

    Returns:
        The arrays, and whether they were found rather than made.
    """
    path = folder / f"{key}.npz"
    if (found := _read(path)) is not None:
        return found, True
    with disk_errors(folder.parent):
        folder.mkdir(parents=True, exist_ok=True)
    made = make()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **made)
    atomic_bytes(path, buffer.getvalue())
    return made, False


def array_file(path: Path, make: Callable[[], npt.NDArray[np.generic]]) -> Path:
    """A .npy file that is made when it is not there, whole or not at all."""
    if not path.exists():
        with disk_errors(path.parent.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.save(buffer, make(), allow_pickle=False)
        atomic_bytes(path, buffer.getvalue())
    return path


def array_digest(*arrays: npt.NDArray[np.generic]) -> str:
    """SHA-256, hexadecimal, of shapes, types and values."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def forget_others(folder: Path, keys: Iterable[str]) -> None:
    """Remove what is stored under other keys: it follows from inputs that are gone."""
    kept = set(keys)
    for path in folder.glob("*"):
        if path.suffix in (".npz", ".pt", ".state") and path.stem not in kept:
            path.unlink()


def _read(path: Path) -> Arrays | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError):
        # Written atomically, so only a damaged disk gets here; the training is repeated.
        return None
