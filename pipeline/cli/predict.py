"""`cxr predict`: a published model's scores of a home's films or of a folder of films. How films are scored lives in `models`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO
from pipeline.cli.models import Checkpoint, Device, Options, chosen_options, registered

if TYPE_CHECKING:
    import pandas as pd

    from models.published import Loaded
    from pipeline.base.images import Film
    from pipeline.base.settings import Decode
    from pipeline.base.storage import Home

console = Console(highlight=False)
KINDS = (".csv", ".parquet")
_SUFFIXES = (".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", "")
_SHOWN = 5


@dataclass(slots=True)
class _Films:
    """Films to score, in order, and what was left out on the way: path -> reason code."""

    films: Iterator[tuple[str, Film]]
    total: int
    unreadable: dict[str, str] = field(default_factory=dict)


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
    """
    from models import published
    from pipeline.base import settings
    from pipeline.base.progress import track
    from pipeline.base.storage import MARKER, Home, require_writable

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
    films = _of_home(Home(data)) if is_home else _of_folder(data, chosen.decode)
    tracked = track(films.films, f"score with {name}", films.total, " films")
    _write(loaded, list(published.score(loaded, tracked, batch_size)), output)
    _tell(loaded, films, output)


def _of_home(home: Home) -> _Films:
    import pyarrow.parquet as pq

    from pipeline.base.images import decode_eight_bits

    kept = frozenset(home.read("groups", ["image_id"])["image_id"].to_pylist())

    def films() -> Iterator[tuple[str, Film]]:
        for part in home.parts("images"):
            table = pq.read_table(part, columns=["image_id", "pixels"], partitioning=None)
            for image_id, pixels in zip(table["image_id"].to_pylist(), table["pixels"], strict=True):
                if image_id in kept:
                    yield image_id, decode_eight_bits(pixels.as_py())

    return _Films(films(), len(kept))


def _of_folder(folder: Path, decode: Decode) -> _Films:
    """Files by their path below the folder; links are not followed."""
    from pipeline.decode.film import FilmError, read_film

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.is_symlink())
    if not paths:
        raise InputError(f"{folder} holds no DICOM, PNG or JPEG file", "give a folder of films")
    found = _Films(iter(()), len(paths))

    def films() -> Iterator[tuple[str, Film]]:
        for path in paths:
            name = path.relative_to(folder).as_posix()
            try:
                film = read_film(path, decode)
            except FilmError as error:
                found.unreadable[name] = error.reason
                continue
            yield name, film

    found.films = films()
    return found


def _write(loaded: Loaded, batches: list[tuple[list[str], Any]], output: Path) -> None:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from pipeline.base.storage import atomic_bytes, copy_parquet

    if not batches:
        raise InputError("no film could be read", "the folder should hold chest films as DICOM, PNG or JPEG")
    ids = pd.Index([one for names, _ in batches for one in names], name="id")
    wide = pd.DataFrame(np.concatenate([scores for _, scores in batches]), index=ids, columns=list(loaded.scorer.findings))
    if output.suffix == ".csv":
        # Nine digits bring a float32 back unchanged.
        atomic_bytes(output, wide.to_csv(float_format="%.9g").encode())
    else:
        copy_parquet(pa.Table.from_pandas(_long(wide, loaded), preserve_index=False), output)


def _long(wide: pd.DataFrame, loaded: Loaded) -> pd.DataFrame:
    long = wide.reset_index().melt("id", var_name="finding", value_name="score")
    facts = {"model": loaded.name, "score_kind": loaded.scorer.score_kind, "checkpoint_sha256": loaded.checkpoint_sha256}
    return long.assign(**facts)[["id", "finding", "model", "score", "score_kind", "checkpoint_sha256"]]


def _tell(loaded: Loaded, films: _Films, output: Path) -> None:
    card = ZOO.get(loaded.name).card
    scorer = loaded.scorer
    done = films.total - len(films.unreadable)
    console.print(f"{done} films scored for {len(scorer.findings)} findings by {loaded.name}: {output}", markup=False, soft_wrap=True)
    console.print(f"A score is: {scorer.score_kind}. Licence: {card.licence}. Trained on: {card.trained_on}.", markup=False, soft_wrap=True)
    for note in loaded.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    if films.unreadable:
        shown = ", ".join(f"{name} ({reason})" for name, reason in list(films.unreadable.items())[:_SHOWN])
        console.print(f"note: {len(films.unreadable)} files could not be read as films: {shown}", markup=False, soft_wrap=True)
