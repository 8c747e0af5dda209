"""Pixels of a home's films at training size: decoded once, kept in HOME/work as one array that is mapped, not loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import xxhash

from pipeline.base.errors import InputError
from pipeline.base.images import decode_eight_bits, resize_square
from pipeline.base.progress import track
from pipeline.base.provenance import digest
from pipeline.base.storage import Home, atomic_bytes, disk_errors, temporary_of

_BLOCK = 1 << 24


class Films(Protocol):
    """Films by row: an array (n, size, size), one mapped from disk, or a `Subset` of one."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: npt.NDArray[np.int64], /) -> npt.NDArray[Any]: ...


class Subset:
    """Some rows of films, copied into memory only when asked for, a batch at a time.

    Args:
        films: (n, size, size).
        chosen: (n,) booleans.
    """

    def __init__(self, films: Films, chosen: npt.NDArray[np.bool_]) -> None:
        self._films = films
        self._rows = np.flatnonzero(chosen)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: npt.NDArray[np.int64], /) -> npt.NDArray[Any]:
        return self._films[self._rows[rows]]


class StoredFilms:
    """Films, or vectors of films, in a .npy file, mapped: rows are read when used, and another process is sent the path alone.

    Args:
        path: of an array (n, size, size) or (n, width).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._films: npt.NDArray[Any] = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._films)

    def __getitem__(self, rows: npt.NDArray[np.int64], /) -> npt.NDArray[Any]:
        return np.asarray(self._films[rows])

    def __reduce__(self) -> tuple[type[StoredFilms], tuple[Path]]:
        return StoredFilms, (self._path,)


def load_films(home: Home, image_ids: Sequence[str], size_px: int) -> StoredFilms:
    """Films as uint8, (n, size_px, size_px), in the order of `image_ids`.

    Args:
        home: its table `images` is read file by file, a few hundred films at a time.
        image_ids: films wanted, each once, at least one.
        size_px: side in pixels.

    Raises:
        InputError: a film wanted is not in `images`.
    """
    folder = home.work / "films"
    made_of = digest([home.table_digest("images"), list(image_ids), size_px])
    path = folder / f"{size_px}px-{made_of[:24]}.npy"
    if not _is_whole(path):
        with disk_errors(home.root):
            folder.mkdir(parents=True, exist_ok=True)
            _decode(home, list(image_ids), size_px, path)
            atomic_bytes(_checksum_file(path), _checksum(path).encode())
            for old in folder.glob(f"{size_px}px-*"):
                if old not in (path, _checksum_file(path)):
                    old.unlink()
    return StoredFilms(path)


def _is_whole(path: Path) -> bool:
    """Whether the films are there as they were written: a disk that lost a page would train on noise."""
    noted = _checksum_file(path)
    return path.exists() and noted.exists() and noted.read_text() == _checksum(path)


def _checksum_file(path: Path) -> Path:
    return path.with_suffix(".xxh3")


def _checksum(path: Path) -> str:
    found = xxhash.xxh3_128()
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _decode(home: Home, image_ids: list[str], size_px: int, path: Path) -> None:
    row = {image_id: index for index, image_id in enumerate(image_ids)}
    temporary = temporary_of(path)
    try:
        films = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(len(row), size_px, size_px))
        _fill(home, row, films)
        films.flush()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _fill(home: Home, row: dict[str, int], films: npt.NDArray[np.uint8]) -> None:
    missing = set(row)
    for part in track(home.parts("images"), "load films", unit=" files"):
        table = pq.read_table(part, columns=["image_id", "pixels"], partitioning=None)
        for image_id, pixels in zip(table["image_id"].to_pylist(), table["pixels"], strict=True):
            if image_id in missing:
                films[row[image_id]] = resize_square(decode_eight_bits(pixels.as_py()), films.shape[1])
                missing.discard(image_id)
    if missing:
        raise InputError(f"{len(missing)} kept films have no pixels in table images", "run the path again from decode: --until predict")
