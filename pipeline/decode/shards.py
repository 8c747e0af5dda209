"""One shard: what is kept, what is decoded, and which of several files of one film is the film."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from pipeline.base.storage import Home, atomic_bytes
from pipeline.decode.film import Decoded
from pipeline.decode.workers import decode_all

# These failures may be the machine's or its memory's and not the file's: the next run tries again.
_RETRY = ("decode_timeout", "decoder_crashed", "too_large", "unreadable_now")
# So many files do not crash a decoder in a row; the machine does.
_SUSPICIOUS = 4
_MOST_BYTES = 64 * 2**20
_GROUP = 256
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
    """Decode what is new in a shard and write its parts; finished batches survive an interruption, and leave no trace in the parts.

    Returns:
        Counts of outcomes, and of films decoded by this call (`new`).
    """
    settled = _settled(home, shard)
    known = _known(home, shard, candidates)
    # Rows without a valid outcome go first, so that an interruption anywhere leaves no film twice.
    settled = _keep_films(home, shard, {row["file_id"] for row in known.values() if row["outcome"] == "decoded"}, settled)
    _write_decodings(home, shard, list(known.values()))
    was_cut_short = any(part.name not in settled for part in home.parts("images", shard))
    waiting = [candidate for candidate in candidates if candidate.file_id not in known]
    results = decode_all(pool, [(candidate.path, candidate.in_full) for candidate in waiting], settings)
    for films, outcomes in _batches(zip(waiting, results, strict=True), settings, shard, known, home.pseudonyms()):
        if films:
            home.write_part("images", shard, _table("images", films))
        home.write_part("decodings", shard, _table("decodings", outcomes))
        known |= {row["file_id"]: row for row in outcomes}
    _write_decodings(home, shard, list(known.values()))
    if was_cut_short:
        _cut_anew(home, shard, settled, {candidate.file_id: at for at, candidate in enumerate(candidates)}, settings.batch)
    _settle(home, shard)
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


def _batches(
    results: Iterable[Result], settings: Decode, shard: int, known: Mapping[str, Row], names: Pseudonyms
) -> Iterator[tuple[list[Row], list[Row]]]:
    """Rows of `images` and of `decodings`, so many films at a time, or as many as are `_MOST_BYTES`, so that memory does not grow.

    Failures do not count, unless nothing but failures comes: a file that fails again must not move the films behind it to other parts.
    """
    digests = {row["image_id"]: row["pixel_digest"] for row in known.values() if row["outcome"] == "decoded"}
    films: list[Row] = []
    outcomes: list[Row] = []
    n_bytes = 0
    for candidate, result in results:
        film, outcome = _rows(candidate, result, settings, shard, digests, names)
        outcomes.append(outcome)
        if film:
            films.append(film)
            n_bytes += len(film["pixels"])
        if _is_full(len(films), n_bytes, settings.batch) or (not films and len(outcomes) == settings.batch):
            yield films, _checked(outcomes, digests)
            films, outcomes, n_bytes = [], [], 0
    if outcomes:
        yield films, _checked(outcomes, digests)


def _is_full(n_films: int, n_bytes: int, batch: int) -> bool:
    return n_films == batch or n_bytes > _MOST_BYTES


def _checked(outcomes: list[Row], digests: Mapping[str, str]) -> list[Row]:
    """The outcomes, unless nothing but crashes came and no film of the shard was ever decoded: then it is not the files' fault."""
    if not digests and len(outcomes) >= _SUSPICIOUS and all(row.get("reason") == "decoder_crashed" for row in outcomes):
        raise HomeError("every decoding process died, whatever the file", "raise decode.memory_mb or lower decode.workers, and run again")
    return outcomes


def _rows(
    candidate: Candidate, result: Decoded | str, settings: Decode, shard: int, digests: dict[str, str], names: Pseudonyms
) -> tuple[Row | None, Row]:
    """A row of `images`, if the file is a film, and one of `decodings`; `digests` are those of the films so far."""
    row: Row = {
        "file_id": candidate.file_id,
        "image_id": candidate.image_id,
        "shard": shard,
        "content_digest": candidate.content_digest,
        "decode_fingerprint": candidate.fingerprint,
    }
    if isinstance(result, str):
        return None, row | {"outcome": "failed", "reason": result}
    digest = names.digest(result.pixel_digest)
    is_film = candidate.image_id not in digests
    first = digests.setdefault(candidate.image_id, digest)
    outcome = "decoded" if is_film else "resent" if digest == first else "conflicting"
    film = _film_row(candidate, shard, result, digest, settings) if is_film else None
    return film, row | {"outcome": outcome, "pixel_digest": digest}


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


def _write_decodings(home: Home, shard: int, rows: list[Row]) -> None:
    """The shard's outcomes as one part. Films are stored before, so that a film without an outcome is one that no outcome speaks of."""
    part = home.write_part("decodings", shard, _table("decodings", rows))
    for old in home.parts("decodings", shard):
        if old != part:
            _unlink(old)


def _keep_films(home: Home, shard: int, wanted: set[str], settled: set[str]) -> set[str]:
    """Drop films whose file left the export or changed, and those stored twice; parts without such films are not touched.

    Returns:
        Names of the parts that are settled now.
    """
    seen: set[str] = set()
    written: set[str] = set()
    for part in sorted(home.parts("images", shard), key=lambda part: (part.name not in settled, part.name)):
        if part.name in written:  # by a run that was killed before it came to drop the part that this one stands for
            continue
        here = _file_ids(part)
        keep = [file_id in wanted and file_id not in seen for file_id in here]
        seen.update(here)
        if all(keep):
            continue
        rest = pq.read_table(part, partitioning=None).filter(pa.array(keep, pa.bool_()))
        names = {home.write_part("images", shard, rest).name} if rest.num_rows else set()
        written |= names
        if part.name in settled:
            settled = settled - {part.name} | names
            _save_settled(home, shard, settled)
        _unlink(part)
    return settled


def _unlink(part: Path) -> None:
    part.unlink()


def _file_ids(part: Path) -> list[str]:
    found: list[str] = pq.read_table(part, columns=["file_id"], partitioning=None)["file_id"].to_pylist()
    return found


def _settled_path(home: Home, shard: int) -> Path:
    return home.work / "decode" / f"shard-{shard:03d}.json"


def _settled(home: Home, shard: int) -> set[str]:
    """Parts of `images` as the last run that came to the shard's end left them. Others are of runs that were cut short."""
    path = _settled_path(home, shard)
    return set(json.loads(path.read_text())) if path.exists() else set()


def _save_settled(home: Home, shard: int, names: set[str]) -> None:
    path = _settled_path(home, shard)
    path.parent.mkdir(exist_ok=True)
    atomic_bytes(path, json.dumps(sorted(names)).encode())


def _settle(home: Home, shard: int) -> None:
    names = {part.name for part in home.parts("images", shard)}
    if names != _settled(home, shard):
        _save_settled(home, shard, names)


def _cut_anew(home: Home, shard: int, settled: set[str], place: Mapping[str, int], batch: int) -> None:
    """Cut the parts that are not settled as one undisturbed run would have cut them; those that are already so stay.

    Args:
        home: where the shard lies.
        shard: its number.
        settled: names of parts to leave alone.
        place: file_id -> place in the order of decoding.
        batch: films to a part.
    """
    loose = {part: _file_ids(part) for part in home.parts("images", shard) if part.name not in settled}
    right = {tuple(sorted(cut)) for cut in _cuts(loose, place, batch)}
    here = {part: tuple(sorted(file_ids)) for part, file_ids in loose.items()}
    wrong = [part for part, file_ids in here.items() if file_ids not in right]
    for cut in sorted(right - set(here.values())):
        chosen = pa.array(cut, pa.string())
        pieces = [
            pq.read_table(part, partitioning=None, filters=pc.is_in(pc.field("file_id"), chosen))
            for part in wrong
            if not set(cut).isdisjoint(here[part])
        ]
        home.write_part("images", shard, pa.concat_tables(pieces))
    for part in wrong:
        _unlink(part)


def _cuts(parts: Iterable[Path], place: Mapping[str, int], batch: int) -> Iterator[list[str]]:
    """The file_ids of each part as `_batches` fills them."""
    lengths: dict[str, int] = {}
    for part in parts:
        for group in pq.ParquetFile(part).iter_batches(_GROUP, columns=["file_id", "pixels"]):
            lengths |= zip(group["file_id"].to_pylist(), pc.binary_length(group["pixels"]).to_pylist(), strict=True)
    cut: list[str] = []
    n_bytes = 0
    for file_id in sorted(lengths, key=place.__getitem__):
        cut.append(file_id)
        n_bytes += lengths[file_id]
        if _is_full(len(cut), n_bytes, batch):
            yield cut
            cut, n_bytes = [], 0
    if cut:
        yield cut


def _table(name: str, rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=tables.BY_NAME[name].types)
