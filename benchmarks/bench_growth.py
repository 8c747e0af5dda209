"""How `collect` grows: header-only instances in zip archives made on the fly, then a second run, one per cent more, and catalogue queries.

    python benchmarks/bench_growth.py [--sizes 1000 10000 100000 1000000]

Time is CPU seconds of a process of its own, memory its largest resident set. Archives hold 10,000 instances each, so that a million take
a hundred files and about 1 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record

PER_ARCHIVE = 10_000
PER_PATIENT = 5
QUERIES = {
    "count": "SELECT modality, view_position, count(*) FROM instances GROUP BY ALL",
    "patients": "SELECT count(*) FROM (SELECT patient_id, count(*) AS n FROM instances GROUP BY 1 HAVING n > 1)",
    "join": "SELECT f.file_kind, avg(i.patient_age_years) FROM instances i JOIN files f USING (file_id) GROUP BY 1",
}


def instances(first: int, last: int) -> list[tuple[str, bytes]]:
    """Header-only digital radiographs, five to a patient, by one template whose numbers are replaced."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.7777777777"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.5.7777777777", "1.2.3.6.7777777777"
    dataset.PatientID, dataset.AccessionNumber, dataset.PatientName = "P8888888888", "A7777777777", "Made^Up"
    dataset.PatientAge, dataset.PatientSex, dataset.StudyDate, dataset.Modality = "050Y", "F", "20200101", "DX"
    dataset.ViewPosition, dataset.BodyPartExamined, dataset.PhotometricInterpretation = "PA", "CHEST", "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.BitsAllocated, dataset.BitsStored, dataset.SamplesPerPixel = 2500, 2000, 16, 12, 1
    dataset.PixelRepresentation = 0
    held = BytesIO()
    dataset.save_as(held, enforce_file_format=True)
    template = held.getvalue()
    return [
        (f"{n:010d}.dcm", template.replace(b"7777777777", b"%010d" % n).replace(b"8888888888", b"%010d" % (n // PER_PATIENT)))
        for n in range(first, last)
    ]


def pack(folder: Path, first: int, last: int) -> None:
    """Archives of the instances from `first` to `last`."""
    folder.mkdir(exist_ok=True)
    for start in range(first, last, PER_ARCHIVE):
        with zipfile.ZipFile(folder / f"batch-{start:010d}.zip", "w") as archive:
            for name, content in instances(start, min(start + PER_ARCHIVE, last)):
                archive.writestr(name, content)


def collect(export: str, home: str) -> None:
    """One run in this process; tells its cost on standard output."""
    from pipeline.base import settings, stages
    from pipeline.base.storage import Home

    stages.execute("collect", Home(Path(home)).create(), settings.load(), Path(export))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_s": round(used.ru_utime + used.ru_stime, 2), "peak_mb": round(used.ru_maxrss / 1024)}))


def cost(export: Path, home: Path) -> dict[str, float]:
    """A run in a process of its own."""
    command = [sys.executable, __file__, "--collect", str(export), str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def queries(home: Path) -> dict[str, float]:
    """Seconds of each query, the second time it is asked."""
    from pipeline.base.storage import Home

    found = {}
    for name, query in QUERIES.items():
        Home(home).sql(query)
        started = time.perf_counter()
        Home(home).sql(query)
        found[f"query_{name}_s"] = round(time.perf_counter() - started, 3)
    return found


def measure(n: int, run: str) -> None:
    """Everything for one number of instances."""
    with tempfile.TemporaryDirectory() as folder:
        export, home = Path(folder) / "export", Path(folder) / "home"
        pack(export, 0, n)
        first, again = cost(export, home), cost(export, home)
        pack(export, n, n + n // 100)
        more = cost(export, home)
        record(
            "growth",
            {
                "run": run,
                "instances": n,
                "first_cpu_s": first["cpu_s"],
                "first_peak_mb": first["peak_mb"],
                "again_cpu_s": again["cpu_s"],
                "one_percent_cpu_s": more["cpu_s"],
                "ledger_mb": round((home / "private" / "ledger.sqlite").stat().st_size / 2**20, 1),
                "tables_mb": round(sum(path.stat().st_size for path in (home / "tables").rglob("*.parquet")) / 2**20, 1),
                "home_files": sum(path.is_file() for path in home.rglob("*")),
                **queries(home),
            },
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--collect", nargs=2, metavar=("EXPORT", "HOME"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.collect:
        collect(*chosen.collect)
        return
    run = datetime.now(UTC).isoformat(timespec="seconds")
    for n in chosen.sizes:
        measure(n, run)


if __name__ == "__main__":
    main()
