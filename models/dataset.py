"""Films of a Parquet export as a PyTorch dataset. Training inside the path reads tables and has its own loading."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import Dataset

from pipeline.base.errors import InputError
from pipeline.base.images import decode_eight_bits, resize_square

_CACHED_ROW_GROUPS = 8


class CuratedFilms(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """One split of a folder made by `cxr export parquet`.

    An item is (image, target): image float32 of shape (1, size_px, size_px) in 0-1, target float32 of shape (findings,)
    with 1, 0, a value between, or NaN where the cell is masked out. Workers open the files themselves.

    Args:
        folder: the export.
        split: train, validate or test.
        labels: "cleaned" targets, or "given" to train on the labels as they came.
        findings: findings wanted, in that order; all of the export when None.
        size_px: side the film is stretched to; None keeps its own size, which a batch of several films does not allow.

    Attributes:
        findings: names of the targets, in order.
        targets: float32 array of shape (films, findings).
        image_ids, patient_ids: one a film.

    Raises:
        InputError: the folder is no such export, or lacks the split or a finding.
    """

    def __init__(
        self,
        folder: str | Path,
        split: str = "train",
        *,
        labels: Literal["cleaned", "given"] = "cleaned",
        findings: Sequence[str] | None = None,
        size_px: int | None = 224,
    ) -> None:
        self._paths = sorted((Path(folder) / split).glob("films-*.parquet"))
        if not self._paths:
            raise InputError(
                f"no {split} films in this folder", "make it with: cxr export parquet --to FOLDER; splits are train, validate, test"
            )
        columns = _columns(pq.read_schema(self._paths[0]), labels)
        self.findings = tuple(columns) if findings is None else tuple(findings)
        if missing := [name for name in self.findings if name not in columns]:
            raise InputError(f"the export has no {labels} target for {missing}", f"choose from: {', '.join(columns)}")
        self._read_facts([columns[name] for name in self.findings])
        self.size_px = size_px
        self._forget()

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        film = decode_eight_bits(self._pixels(index))
        if self.size_px is not None:
            film = resize_square(film, self.size_px)
        image = torch.from_numpy(film.astype(np.float32) / 255.0).unsqueeze(0)
        return image, torch.from_numpy(self.targets[index].copy())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_readers": {}, "_cache": OrderedDict()}

    def _read_facts(self, columns: list[str]) -> None:
        tables = [pq.read_table(path, columns=["image_id", "patient_id", *columns], partitioning=None) for path in self._paths]
        table = pa.concat_tables(tables)
        self.image_ids: list[str] = table.column("image_id").to_pylist()
        self.patient_ids: list[str] = table.column("patient_id").to_pylist()
        cells = [table.column(name).to_numpy(zero_copy_only=False) for name in columns]
        self.targets: npt.NDArray[np.float32] = np.stack(cells, 1).astype(np.float32) if cells else np.empty((len(table), 0), np.float32)
        footers = [pq.read_metadata(path) for path in self._paths]
        self._groups = [(file, group) for file, footer in enumerate(footers) for group in range(footer.num_row_groups)]
        self._ends = list(accumulate(footers[file].row_group(group).num_rows for file, group in self._groups))

    def _forget(self) -> None:
        self._readers: dict[int, pq.ParquetFile] = {}
        self._cache: OrderedDict[int, pa.ChunkedArray] = OrderedDict()
        self._process = os.getpid()

    def _pixels(self, index: int) -> bytes:
        if self._process != os.getpid():
            self._forget()  # a forked worker must not share file positions with its parent
        place = bisect_right(self._ends, index)
        if place not in self._cache:
            self._cache[place] = self._read(*self._groups[place])
            if len(self._cache) > _CACHED_ROW_GROUPS:
                self._cache.popitem(last=False)
        start = self._ends[place - 1] if place else 0
        pixels: bytes = self._cache[place][index - start].as_py()
        return pixels

    def _read(self, file: int, group: int) -> pa.ChunkedArray:
        if file not in self._readers:
            self._readers[file] = pq.ParquetFile(self._paths[file], memory_map=True)
        return self._readers[file].read_row_group(group, columns=["pixels"]).column("pixels")


def _columns(schema: pa.Schema, kind: str) -> dict[str, str]:
    """Finding -> column of one kind, by the metadata of the columns and never by their position."""
    found = {}
    for field in schema:
        metadata = field.metadata or {}
        if metadata.get(b"kind") == kind.encode():
            found[metadata[b"finding"].decode()] = field.name
    return found
