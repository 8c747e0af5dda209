"""How `exclude` grows: homes made on the fly as `decode` leaves them, half of the files films and half reports.

    python benchmarks/bench_exclude.py [--files 10000 100000 1000000 2000000]

Time is CPU seconds of a process of its own, memory its largest resident set. Thumbnails are phantoms of the sample hospital with noise, the
stored pixels a few bytes, so that the digests of films, which are kept from run to run, cost nothing. Scratch is the most that
lay in the home's temporary folders.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record
from pipeline.base import settings, stages, tables
from pipeline.base.storage import Home, copy_batches

PER_PATIENT, SHARDS, PER_PART = 5, 8, 2_048
REPORT = "The heart is normal in size. The lungs are clear. There is no pleural effusion or pneumothorax. " * 5
PATHS = pa.schema([("file_id", pa.string()), ("path", pa.string())])
# Scratch is looked at so often.
_LOOK_S = 0.2


def ids(letter: str, numbers: np.ndarray) -> pa.Array:
    """Names in the form of pseudonyms, in another order than the numbers."""
    mixed = (numbers.astype(np.uint64) + 1) * np.uint64(0x9E3779B97F4A7C15)
    return pa.array([f"{letter}{value:016x}" for value in mixed.tolist()], pa.string())


def home_of(path: Path, n_files: int, rng: np.random.Generator) -> Home:
    """A home with that many files."""
    from benchmarks.train_film_checks import phantoms  # what it needs is not of the measured process

    home, n = Home(path).create(), n_files // 2
    home.pseudonyms()
    number = np.arange(n)
    file_id, image_id, study_id, report_id = (ids(letter, number) for letter in "fisr")
    report_file = ids("f", number + n)
    films = {"file_id": file_id, "image_id": image_id, "file_kind": _all("dicom", n)}
    reports = {"file_id": report_file, "report_id": report_id, "file_kind": _all("report", n)}
    common = {"size_bytes": _all(1000, n, pa.int64()), "content_digest": _all("made", n)}
    home.write("files", pa.concat_tables([_filled("files", n, {**common, **kind}) for kind in (films, reports)]))
    home.write("instances", _instances(file_id, image_id, study_id, number // PER_PATIENT, rng))
    home.write("reports", _reports(report_id, study_id, rng))
    usual = phantoms(50, seed=5)[0].astype(np.int16)
    for start in range(0, n, PER_PART):
        part = slice(start, min(start + PER_PART, n))
        chosen = usual[rng.integers(0, len(usual), part.stop - start)]
        noisy = np.clip(chosen + rng.normal(0, 12, chosen.shape), 0, 255).astype(np.uint8)
        _film_part(home, (start // PER_PART) % SHARDS, file_id[part], image_id[part], noisy)
    named = pa.table({"file_id": pa.concat_arrays([file_id, report_file])}).sort_by("file_id")
    paths = named.append_column("path", pa.array([f"{name[-2:]}/{name}.dcm" for name in named["file_id"].to_pylist()]))
    copy_batches([paths], PATHS, home.private / "paths.parquet")
    return home


def _filled(name: str, n: int, columns: dict[str, pa.Array]) -> pa.Table:
    """A table with nulls in the columns that are not given."""
    schema = tables.BY_NAME[name].types
    return pa.table({field.name: columns.get(field.name, pa.nulls(n, field.type)) for field in schema}, schema=schema)


def _all(value: object, n: int, type_: pa.DataType | None = None) -> pa.Array:
    return pa.repeat(pa.scalar(value, type_), n)


def _instances(file_id: pa.Array, image_id: pa.Array, study_id: pa.Array, patient: np.ndarray, rng: np.random.Generator) -> pa.Table:
    n = len(file_id)
    columns = {
        "file_id": file_id,
        "image_id": image_id,
        "series_id": study_id,
        "study_id": study_id,
        "patient_id": ids("p", patient),
        "shard": _all(0, n, pa.int16()),
        "modality": pa.array(rng.choice(["DX", "CR", "CT"], n, p=[0.7, 0.28, 0.02])),
        "body_part_examined": _all("CHEST", n),
        "view_position": pa.array(rng.choice(["PA", "AP", "LL"], n, p=[0.5, 0.4, 0.1])),
        "patient_sex": pa.array(rng.choice(["F", "M"], n)),
        "patient_age_years": pa.array(rng.integers(1, 90, n), pa.int16()),
        "manufacturer": _all("Made up", n),
        "photometric_interpretation": _all("MONOCHROME2", n),
        "rows": _all(2500, n, pa.int64()),
        "columns": _all(2000, n, pa.int64()),
        "number_of_frames": _all(1, n, pa.int64()),
        "has_pixel_data": _all(True, n),
    }
    return _filled("instances", n, columns)


def _reports(report_id: pa.Array, study_id: pa.Array, rng: np.random.Generator) -> pa.Table:
    n = len(report_id)
    ends = np.where(rng.random(n) < 0.01, 0, len(REPORT))
    section = pa.StructArray.from_arrays(
        [_all("findings", n), pa.array(np.zeros(n, np.int32)), pa.array(ends, pa.int32())], ["name", "start", "end"]
    )
    sections = pa.ListArray.from_arrays(pa.array(np.arange(n + 1), pa.int32()), section)
    columns = {"report_id": report_id, "study_id": study_id, "text": _all(REPORT, n), "sections": sections}
    return _filled("reports", n, {**columns, "n_redactions": _all(0, n, pa.int32())})


def _film_part(home: Home, shard: int, file_id: pa.Array, image_id: pa.Array, thumbnails: np.ndarray) -> None:
    n = len(file_id)
    own = {"file_id": file_id, "image_id": image_id, "shard": _all(shard, n, pa.int16()), "pixel_digest": _all("made", n)}
    outcomes = {**own, "outcome": _all("decoded", n), "content_digest": _all("made", n), "decode_fingerprint": _all("made", n)}
    home.write_part("decodings", shard, _filled("decodings", n, outcomes))
    numbers = {
        field.name: _all(200, n, field.type)
        for field in tables.BY_NAME["images"].types
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    }
    edges = {"field_left": 0, "field_top": 0, "field_right": 1, "field_bottom": 1}
    films = {
        **numbers,
        **own,
        **{edge: _all(value, n, pa.float64()) for edge, value in edges.items()},
        "pixels": _all(b"made", n, pa.binary()),
        "codec": _all("png", n),
        "intensity": _all("robust", n),
        "range_from": _all("window", n),
        "n_text_lines": _all(0, n, pa.int32()),
        "thumbnail": pa.FixedSizeBinaryArray.from_buffers(pa.binary(1024), n, [None, pa.py_buffer(thumbnails.tobytes())]),
    }
    home.write_part("images", shard, _filled("images", n, films))


def exclude(home: str) -> None:
    """One run in this process; tells its cost on standard output."""
    started = resource.getrusage(resource.RUSAGE_SELF)
    most = [0]
    threading.Thread(target=_watch, args=(Path(home) / "private", most), daemon=True).start()
    done = stages.execute("exclude", Home(Path(home)), settings.load())
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = used.ru_utime + used.ru_stime - started.ru_utime - started.ru_stime
    print(json.dumps({"cpu_s": round(cpu_s, 1), "peak_mb": _peak_mb(), "scratch_mb": most[0] // 2**20, **done.result.counts}))


def _peak_mb() -> int:
    """Largest resident set of this process; getrusage's is never below that of the process that started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def _watch(folder: Path, most: list[int]) -> None:
    pause = threading.Event()
    while not pause.wait(_LOOK_S):
        most[0] = max(most[0], sum(_sizes(folder)))


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.glob(".*.tmp/**/*"):
        try:
            yield path.stat().st_size
        except FileNotFoundError:
            continue


def measure(n_files: int, run: str) -> None:
    """One size."""
    with tempfile.TemporaryDirectory() as folder:
        home = home_of(Path(folder) / "home", n_files, np.random.default_rng(0))
        command = [sys.executable, __file__, "--exclude", str(home.root)]
        done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        record("exclude", {"run": run, "files": n_files, **{name: done[name] for name in ("cpu_s", "peak_mb", "scratch_mb", "kept_films")}})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 2_000_000])
    parser.add_argument("--exclude", metavar="HOME", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.exclude:
        exclude(chosen.exclude)
        return
    run = datetime.now(UTC).isoformat(timespec="seconds")
    for n_files in chosen.files:
        measure(n_files, run)


if __name__ == "__main__":
    main()
