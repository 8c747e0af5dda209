"""`cxr predict`: a published model's scores of a home's films or of a folder of films. How films are scored lives in `models`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO
from pipeline.cli.models import Checkpoint, Device, Options, chosen_options, registered

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from pebble import ProcessPool

    from models.published import Loaded
    from pipeline.base.images import Film
    from pipeline.base.settings import Decode
    from pipeline.base.storage import Home

console = Console(highlight=False)
KINDS = (".csv", ".parquet")
_SUFFIXES = (".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", "")
_SHOWN = 5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some films to score at once: what they are, as JSON, and their pixels by id, or the reason code of a file that is none."""

    made_of: list[Any]
    films: Callable[[], Iterator[tuple[str, Film | str]]]


def predict(
    model: Annotated[str, typer.Option("--model", help="A published model; `cxr models` lists them; trained is one from cxr train.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of a dataset, or any folder of DICOM, PNG and JPEG files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Scores to write: .csv, a column a finding, or .parquet, a row a score.")],
    checkpoint: Checkpoint = None,
    options: Options = None,
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Films at a time.")] = 16,
) -> None:
    """Score films with a published model.

    Of a dataset the kept films are scored; the checkpoint may then stand in its settings.toml, as models.NAME.checkpoint. Of another folder
    every film is, at its full size. A file that is no film, or cannot be read, has no row and is told. `cxr audit` reads the CSV.

    A run that was stopped goes on when the same command is given again: what it scored lies in OUTPUT.parts until the end.
    """
    from models import published
    from pipeline.base import settings
    from pipeline.base.storage import MARKER, Home, require_writable
    from pipeline.decode.workers import open_pool

    name = registered(model)
    ZOO.get(name)
    require_writable(output, KINDS)
    if not data.is_dir():
        raise InputError(f"{data} is no folder", "give the folder of a dataset, or of films")
    is_home = (data / MARKER).exists()
    chosen = settings.load(data if is_home else None)
    configured = chosen.models.get(name)
    path = checkpoint or (configured.checkpoint if configured else None)
    if path is None:
        raise InputError(f"{name} needs its weights", f"add --checkpoint PATH: {ZOO.get(name).card.weights}")
    given: dict[str, Any] = {**(configured.options if configured else {}), **chosen_options(options)}
    loaded = published.load(name, path, given, device)
    parts = output.with_name(f"{output.name}.parts")
    with open_pool(chosen.decode) as pool:
        pieces = list(_of_home(Home(data), batch_size) if is_home else _of_folder(data, chosen.decode, batch_size, pool))
        found = _score(loaded, pieces, batch_size, parts)
    if len(found["id"]):
        _write(loaded, found, output)
    _forget_parts(parts)
    if not len(found["id"]):
        raise InputError("no film could be read", "the folder should hold chest films as DICOM, PNG or JPEG")
    _tell(loaded, found, output)


def _score(loaded: Loaded, pieces: list[_Piece], batch_size: int, folder: Path) -> dict[str, npt.NDArray[Any]]:
    """Scores of all pieces: id, score, and what was left out, unreadable and reason. Those that a killed run left in `folder` are kept.

    A piece is a batch, always of the same films: what stands beside a film moves its score in the last digits.
    """
    import numpy as np

    from models import published
    from models.memory import forget_others, remembered
    from pipeline.base import provenance
    from pipeline.base.progress import track

    def scored(piece: _Piece) -> dict[str, npt.NDArray[Any]]:
        films: list[tuple[str, Film]] = []
        unreadable: list[tuple[str, str]] = []
        for name, film in piece.films():
            if isinstance(film, str):
                unreadable.append((name, film))
            else:
                films.append((name, film))
        batches = [scores for _, scores in published.score(loaded, films, batch_size)]
        return {
            "id": np.array([name for name, _ in films], np.str_),
            "score": np.concatenate([np.empty((0, len(loaded.scorer.findings)), np.float32), *batches]),
            "unreadable": np.array([name for name, _ in unreadable], np.str_),
            "reason": np.array([reason for _, reason in unreadable], np.str_),
        }

    model = [loaded.name, loaded.checkpoint_sha256, loaded.options, str(loaded.device), provenance.code_digest(), provenance.versions()]
    keys = [provenance.digest([*model, batch_size, piece.made_of])[:32] for piece in pieces]
    forget_others(folder, keys)
    places = track(range(len(pieces)), f"score with {loaded.name}", len(pieces), " batches")
    parts = [remembered(folder, keys[place], partial(scored, pieces[place]))[0] for place in places]
    return {name: np.concatenate([part[name] for part in parts]) for name in ("id", "score", "unreadable", "reason")}


def _forget_parts(folder: Path) -> None:
    """Remove what `_score` keeps, half-written files included, and the folder if nothing else is in it."""
    if folder.is_dir():
        for path in (*folder.glob("*.npz"), *folder.glob(".*.npz.*.tmp")):
            path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def _of_home(home: Home, batch_size: int) -> Iterator[_Piece]:
    """The kept films, file by file of `images`, whose name is the digest of what it holds."""
    import pyarrow.parquet as pq

    from pipeline.base.images import decode_eight_bits

    kept = frozenset(home.read("groups", ["image_id"])["image_id"].to_pylist())

    @lru_cache(maxsize=1)
    def pixels(part: Path) -> dict[str, Any]:
        table = pq.read_table(part, columns=["image_id", "pixels"], partitioning=None)
        return dict(zip(table["image_id"].to_pylist(), table["pixels"], strict=True))

    def films(part: Path, image_ids: Sequence[str]) -> Iterator[tuple[str, Film]]:
        return ((image_id, decode_eight_bits(pixels(part)[image_id].as_py())) for image_id in image_ids)

    for part in home.parts("images"):
        here = pq.read_table(part, columns=["image_id"], partitioning=None)["image_id"].to_pylist()
        for image_ids in _batches([image_id for image_id in here if image_id in kept], batch_size):
            yield _Piece([part.name, *image_ids], partial(films, part, image_ids))


def _of_folder(folder: Path, decode: Decode, batch_size: int, pool: ProcessPool) -> Iterator[_Piece]:
    """Files by their path below the folder, decoded in processes under limits; links are not followed."""
    from pipeline.base.provenance import path_stamp
    from pipeline.decode.workers import read_all

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.is_symlink())
    if not paths:
        raise InputError(f"{folder} holds no DICOM, PNG or JPEG file", "give a folder of films")

    def films(some: Sequence[Path]) -> Iterator[tuple[str, Film | str]]:
        names = (path.relative_to(folder).as_posix() for path in some)
        return zip(names, read_all(pool, some, decode), strict=True)

    for some in _batches(paths, batch_size):
        facts = [(path.relative_to(folder).as_posix(), path_stamp(path)) for path in some]
        yield _Piece([decode.model_dump(mode="json"), *facts], partial(films, some))


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _write(loaded: Loaded, found: dict[str, npt.NDArray[Any]], output: Path) -> None:
    import pandas as pd
    import pyarrow as pa

    from pipeline.base.storage import atomic_bytes, copy_parquet

    wide = pd.DataFrame(found["score"], index=pd.Index(found["id"].tolist(), name="id"), columns=list(loaded.scorer.findings))
    if output.suffix == ".csv":
        # Nine digits bring a float32 back unchanged.
        atomic_bytes(output, wide.to_csv(float_format="%.9g").encode())
    else:
        copy_parquet(pa.Table.from_pandas(_long(wide, loaded), preserve_index=False), output)


def _long(wide: pd.DataFrame, loaded: Loaded) -> pd.DataFrame:
    long = wide.reset_index().melt("id", var_name="finding", value_name="score")
    facts = {"model": loaded.name, "score_kind": loaded.scorer.score_kind, "checkpoint_sha256": loaded.checkpoint_sha256}
    return long.assign(**facts)[["id", "finding", "model", "score", "score_kind", "checkpoint_sha256"]]


def _tell(loaded: Loaded, found: dict[str, npt.NDArray[Any]], output: Path) -> None:
    card = ZOO.get(loaded.name).card
    scorer, done, unreadable = loaded.scorer, len(found["id"]), list(zip(found["unreadable"], found["reason"], strict=True))
    console.print(f"{done} films scored for {len(scorer.findings)} findings by {loaded.name}: {output}", markup=False, soft_wrap=True)
    console.print(f"A score is: {scorer.score_kind}. Licence: {card.licence}. Trained on: {card.trained_on}.", markup=False, soft_wrap=True)
    for note in loaded.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    if unreadable:
        shown = ", ".join(f"{name} ({reason})" for name, reason in unreadable[:_SHOWN])
        console.print(f"note: {len(unreadable)} files could not be read as films: {shown}", markup=False, soft_wrap=True)
