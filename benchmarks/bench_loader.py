"""Images a second from disk to batches: the training cache against other ways to keep films, side by side.

    python benchmarks/bench_loader.py [--films 2000] [--size 224] [--batch 64] [--rounds 3]

The same made films, shuffled but for WebDataset, which reads its tar in order; no worker processes; a batch is a uint8 tensor
(batch, size, size), and every way starts with warm files. Rounds go over the ways in turn, the best round counts.

    cache           ours: one mapped raw array, a batch of rows at once
    cache, step     ours with what a training does to a batch: standardise and augment, on the CPU
    memmap          the same array, film by film through torch's DataLoader
    parquet png     `CuratedFilms` on an export, film by film through torch's DataLoader
    webdataset      PNG in a tar
    imagefolder     PNG files, torchvision
"""

from __future__ import annotations

import argparse
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record
from models.augmentation import augment, changes, standardise
from models.dataset import CuratedFilms
from models.films import StoredFilms
from models.sampling import batches

Way = Callable[[], Iterator[torch.Tensor]]


def films(n: int, size: int) -> np.ndarray:
    """Films with the grain and the smooth ground of radiographs: PNG shrinks them as it shrinks real ones, to about half."""
    rng = np.random.default_rng(0)
    ground = rng.normal(0, 1, (n, 8, 8)).astype(np.float32)
    smooth = torch.nn.functional.interpolate(torch.from_numpy(ground)[:, None], (size, size), mode="bicubic")[:, 0].numpy()
    return np.clip(128 + 50 * smooth + rng.normal(0, 3, (n, size, size)), 0, 255).astype(np.uint8)


class Rows(Dataset[torch.Tensor]):
    """A mapped array film by film."""

    def __init__(self, path: Path) -> None:
        self._films = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._films)

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.from_numpy(np.array(self._films[row]))


class Planes(Dataset[torch.Tensor]):
    """Another dataset's image alone, as uint8 (size, size)."""

    def __init__(self, whole: Dataset[tuple[torch.Tensor, object]]) -> None:
        self._whole = whole

    def __len__(self) -> int:
        return len(self._whole)  # type: ignore[arg-type]

    def __getitem__(self, row: int) -> torch.Tensor:
        image = self._whole[row][0]
        return (image * 255).to(torch.uint8)[0] if isinstance(image, torch.Tensor) else torch.from_numpy(np.array(image))


def write(folder: Path, made: np.ndarray) -> None:
    """The films in every form."""
    np.save(folder / "films.npy", made)
    coded = [_png(film) for film in made]
    (folder / "folder" / "all").mkdir(parents=True)
    (folder / "export" / "train").mkdir(parents=True)
    with tarfile.open(folder / "films.tar", "w") as tar:
        for row, content in enumerate(coded):
            (folder / "folder" / "all" / f"{row:06d}.png").write_bytes(content)
            member = tarfile.TarInfo(f"{row:06d}.png")
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    target = pa.field("target", pa.float64(), metadata={"kind": "cleaned", "finding": "Edema"})
    schema = pa.schema([("image_id", pa.string()), ("patient_id", pa.string()), target, ("pixels", pa.binary())])
    names = [f"{row:06d}" for row in range(len(made))]
    table = pa.table([names, names, [0.0] * len(made), coded], schema=schema)
    pq.write_table(table, folder / "export" / "train" / "films-000.parquet", row_group_size=256)


def _png(film: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(film).save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def ways(folder: Path, size: int, batch: int) -> dict[str, Way]:
    """How each answers one epoch of batches."""
    import webdataset
    from torchvision.datasets import ImageFolder

    stored = StoredFilms(folder / "films.npy")
    draw = torch.Generator().manual_seed(0)

    def cache() -> Iterator[torch.Tensor]:
        for rows in batches(torch.randperm(len(stored), generator=draw), batch):
            yield torch.from_numpy(stored[rows.numpy()])

    def step() -> Iterator[torch.Tensor]:
        for one in cache():
            yield augment(standardise(one), changes(len(one), draw))

    def loaded(data: Dataset[torch.Tensor]) -> Way:
        return lambda: iter(DataLoader(data, batch_size=batch, shuffle=True, generator=draw))

    def streamed() -> Iterator[torch.Tensor]:
        films = webdataset.WebDataset(str(folder / "films.tar"), shardshuffle=False).decode("l8").to_tuple("png")
        return iter(DataLoader(films.map(lambda one: torch.from_numpy(np.array(one[0]))), batch_size=batch))

    image_folder = ImageFolder(str(folder / "folder"), loader=lambda path: np.array(Image.open(path)))
    return {
        "cache": cache,
        "cache, step": step,
        "memmap": loaded(Rows(folder / "films.npy")),
        "parquet png": loaded(Planes(CuratedFilms(folder / "export", size_px=size))),
        "webdataset": streamed,
        "imagefolder": loaded(Planes(image_folder)),
    }


def rate(way: Way) -> float:
    """Images a second of one epoch."""
    started, n = time.perf_counter(), 0
    for one in way():
        n += len(one)
    return n / (time.perf_counter() - started)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=2000)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, films(asked.films, asked.size))
        compared = ways(folder, asked.size, asked.batch)
        best = dict.fromkeys(compared, 0.0)
        for _ in range(asked.rounds):
            best = {kind: max(best[kind], rate(way)) for kind, way in compared.items()}
    run = datetime.now(UTC).isoformat(timespec="seconds")
    shape = {"films": asked.films, "size_px": asked.size, "batch": asked.batch}
    for kind, found in best.items():
        record("loader", {"run": run, "way": kind, "images_per_s": round(found), **shape, "ratio": round(best["cache"] / found, 1)})


if __name__ == "__main__":
    main()
