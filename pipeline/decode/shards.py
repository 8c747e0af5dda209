"""One shard: what is kept, what is decoded, and which of several files of one film is the film."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pebble import ProcessPool

from pipeline.base import tables
from pipeline.base.errors import HomeError
from pipeline.base.pseudonyms import Pseudonyms
from pipeline.base.settings import Decode
from pipeline.base.storage import Home
from pipeline.decode.film import Decoded
from pipeline.decode.workers import decode_all

# These failures may be the machine's or its memory's and not the file's: the next run tries again.
_RETRY = ("decode_timeout", "decoder_crashed", "too_large")
# So many files do not crash a decoder in a row; the machine does.
_SUSPICIOUS = 4
_MOST_BYTES = 64 * 2**20
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to decode; `relative` orders files and never leaves this process."""

    file_id: str
    image_id: str
    content_digest: str
    relative: str
    path: Path
    in_full: bool
    fingerprint: str


Result = tuple[Candidate, Decoded | str]


def update_shard(home: Home, pool: ProcessPool, settings: Decode, shard: int, candidates: Sequence[Candidate]) -> Counter[str]:
    """Decode what is new in a shard and write its parts; finished batches survive an interruption.

    Returns:
        Counts of outcomes, and of films decoded by this call (`new`).
    """
    known = _known(home, shard, candidates)
    # Films without a valid outcome go first, so that an interruption anywhere leaves no film twice.
    _keep_films(home, shard, {row["file_id"] for row in known.values() if row["outcome"] == "decoded"})
    waiting = [candidate for candidate in candidates if candidate.file_id not in known]
    names = home.pseudonyms()
    results = decode_all(pool, [(candidate.path, candidate.in_full) for candidate in waiting], settings)
    for batch in _batches(zip(waiting, results, strict=True), settings.batch):
        made, outcomes = _rows(batch, settings, shard, known, names)
        known |= {row["file_id"]: row for row in outcomes}
        if made:
            home.write_part("images", shard, _table("images", made))
        _write_decodings(home, shard, known)
    if not waiting:
        _write_decodings(home, shard, known)
    return Counter(row["outcome"] for row in known.values()) + Counter(new=len(waiting))


def _known(home: Home, shard: int, candidates: Sequence[Candidate]) -> dict[str, Row]:
    """Earlier outcomes that still hold: same file, same settings, the film still stored.

    Outcomes of one film depend on each other, so they are kept together or made again together.
    """
    if not home.parts("decodings", shard):
        return {}
    stored = set(home.read("images", ["file_id"], shard=shard).column("file_id").to_pylist()) if home.parts("images", shard) else set()
    wanted = {candidate.file_id: candidate for candidate in candidates}
    rows: list[Row] = home.read("decodings", shard=shard).to_pylist()
    stale = {row["image_id"] for row in rows if not _holds(row, wanted.get(row["file_id"]), stored)}
    return {row["file_id"]: row for row in rows if row["image_id"] not in stale}


def _holds(row: Row, candidate: Candidate | None, stored: set[str]) -> bool:
    if candidate is None or row["content_digest"] != candidate.content_digest or row["decode_fingerprint"] != candidate.fingerprint:
        return False
    if row["outcome"] == "decoded":
        return row["file_id"] in stored
    return row["reason"] not in _RETRY


def _rows(batch: Sequence[Result], settings: Decode, shard: int, known: dict[str, Row], names: Pseudonyms) -> tuple[list[Row], list[Row]]:
    """Rows of `images` and of `decodings`."""
    films = {row["image_id"]: row["pixel_digest"] for row in known.values() if row["outcome"] == "decoded"}
    if len(batch) >= _SUSPICIOUS and all(result == "decoder_crashed" for _, result in batch):
        raise HomeError("every decoding process died, whatever the file", "raise decode.memory_mb or lower decode.workers, and run again")
    made, outcomes = [], []
    for candidate, result in batch:
        row: Row = {
            "file_id": candidate.file_id,
            "image_id": candidate.image_id,
            "shard": shard,
            "content_digest": candidate.content_digest,
            "decode_fingerprint": candidate.fingerprint,
        }
        if isinstance(result, str):
            outcomes.append(row | {"outcome": "failed", "reason": result})
            continue
        digest = names.digest(result.pixel_digest)
        is_film = candidate.image_id not in films
        first = films.setdefault(candidate.image_id, digest)
        outcomes.append(row | {"outcome": "decoded" if is_film else "resent" if digest == first else "conflicting", "pixel_digest": digest})
        if is_film:
            made.append(_film_row(candidate, shard, result, digest, settings))
    return made, outcomes


def _film_row(candidate: Candidate, shard: int, film: Decoded, digest: str, settings: Decode) -> Row:
    return {
        "image_id": candidate.image_id,
        "file_id": candidate.file_id,
        "shard": shard,
        "pixels": film.pixels,
        "codec": settings.codec,
        "depth_bits": settings.depth_bits,
        "width_px": film.width_px,
        "height_px": film.height_px,
        "source_width_px": film.source_width_px,
        "source_height_px": film.source_height_px,
        "pixel_spacing_mm": film.pixel_spacing_mm,
        "intensity": settings.intensity,
        "range_from": film.range_from,
        "halvings": film.halvings,
        "pixel_digest": digest,
        "thumbnail": film.thumbnail,
        "difference_hash": film.difference_hash,
        "mean_level": film.mean_level,
        "std_level": film.std_level,
        "source_levels": film.source_levels,
        "n_text_lines": film.n_text_lines,
        **{f"field_{edge}": value for edge, value in film.field._asdict().items()},
    }


def _write_decodings(home: Home, shard: int, known: dict[str, Row]) -> None:
    part = home.write_part("decodings", shard, _table("decodings", list(known.values())))
    for old in home.parts("decodings", shard):
        if old != part:
            old.unlink()


def _keep_films(home: Home, shard: int, wanted: set[str]) -> None:
    """Drop films whose file left the export or changed; parts without such films are not touched."""
    for part in home.parts("images", shard):
        here = pq.read_table(part, columns=["file_id"], partitioning=None).column("file_id")
        keep = pc.is_in(here, value_set=pa.array(sorted(wanted), pa.string()))
        if pc.all(keep).as_py():
            continue
        rest = pq.read_table(part, partitioning=None).filter(keep)
        if rest.num_rows:
            home.write_part("images", shard, rest)
        part.unlink()


def _table(name: str, rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=tables.BY_NAME[name].types)


def _batches(results: Iterable[Result], size: int) -> Iterator[list[Result]]:
    """So many results, or fewer with so many bytes that memory does not grow with the size of films."""
    batch: list[Result] = []
    n_bytes = 0
    for candidate, result in results:
        batch.append((candidate, result))
        n_bytes += 0 if isinstance(result, str) else len(result.pixels)
        if len(batch) == size or n_bytes > _MOST_BYTES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch
