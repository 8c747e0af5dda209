"""Every odd DICOM file of ../shared/data/dicom: does it end as an image equal to the oracle's, or as an exclusion, and with which reason?

    python benchmarks/bench_oracle.py [--all]

Two questions a file. What the path makes of it: collect, decode and exclude run over the folder with every Modality allowed, so that pixels
decide. And whether its pixels are right: stored values, then modality values, against pydicom with its own decoders, and against GDCM
alone where pydicom has none (12-bit JPEG). --all prints every file and not the summary alone.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.pixels.processing import apply_modality_lut

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record
from pipeline import collect, decode, exclude
from pipeline.base import settings as settings_module
from pipeline.base.storage import Home
from pipeline.decode.greyscale import modality_values
from pipeline.decode.stored import FilmError, read_source

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "dicom"
MAX_MEGAPIXELS = 100
Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Compared:
    """One file: its ending on the path, and its pixels beside the oracle's."""

    path: str
    ending: str
    pixels: str


def endings(export: Path) -> dict[str, str]:
    """Path -> image, or the reason of its exclusion, when no Modality is refused."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home").create()
        settings = settings_module.load()
        collect.run(home, settings, export)
        found = sorted({value for value in home.read("instances", ["modality"]).column("modality").to_pylist() if value})
        settings = settings_module.load(overrides=(f"exclude.modalities={found}", "exclude.lateral_views=[]"))
        decode.run(home, settings)
        exclude.run(home, settings)
        rows = home.read("private_files").to_pylist()
    return {row["path"]: row["reason"] or row["disposition"] for row in rows}


def oracle(path: Path) -> tuple[Pixels | None, str]:
    """Stored values and the name of who decoded them; None and nobody where no one can."""
    try:
        dataset = pydicom.dcmread(path, force=True)
        return np.asarray(dataset.pixel_array), "pydicom"
    except Exception:  # damaged, or no decoder; GDCM alone may have one
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        if not reader.Read() or reader.GetImage().GetNumberOfDimensions() != 2:
            return None, "nobody"
        image = reader.GetImage()
        columns, rows = image.GetDimensions()[:2]
        values = np.frombuffer((image.GetBuffer() or "").encode("utf-8", "surrogateescape"), np.uint8)
        if image.GetPixelFormat().GetSamplesPerPixel() != 1 or values.size != 2 * rows * columns:
            return None, "nobody"
        return values.view("<i2" if image.GetPixelFormat().GetPixelRepresentation() else "<u2").reshape(rows, columns), "GDCM"


def compare(path: Path) -> str:
    """How the pixels of one single-frame greyscale file compare."""
    expected, who = oracle(path)
    try:
        source = read_source(path, MAX_MEGAPIXELS)
    except FilmError as error:
        return f"refused: {error.reason}; {who} decodes it" if expected is not None else f"refused: {error.reason}; so does the oracle"
    except Exception as error:  # what decode_film turns into undecodable_pixels
        return f"refused: {type(error).__name__}"
    if expected is None:
        return "an image; no oracle"
    if expected.shape != source.stored.shape or not np.array_equal(expected, source.stored):
        return (
            f"differs from {who} in {np.mean(expected != source.stored):.1e} of pixels"
            if expected.shape == source.stored.shape
            else "other shape"
        )
    theirs = np.asarray(apply_modality_lut(expected, pydicom.dcmread(path, force=True)), float)
    lowest = int(source.stored.min())
    ours = modality_values(source.header, lowest, int(source.stored.max()))[source.stored.astype(int) - lowest]
    return f"identical to {who}" if np.array_equal(ours, theirs) else f"modality values differ from {who}'s"


def compared() -> list[Compared]:
    """All files, by path."""
    facts = {row["file"]: row for row in csv.DictReader((DATA / "dicom.csv").open(encoding="utf-8"))}
    ended, found = endings(DATA), []
    for name, row in sorted(facts.items()):
        single = row["samples"] in ("", "1.0") and row["frames"] in ("", "1") and row["rows"] != ""
        has_pixels = row["pixels"] in ("decoded", "error")
        found.append(Compared(name, ended.get(name, "NOT SEEN"), compare(DATA / name) if single and has_pixels else ""))
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="print every file")
    arguments = parser.parse_args()
    if not DATA.exists():
        print("oracle: the files are not here; they belong into ../shared/data/dicom")
        return
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    found = compared()
    if arguments.all:
        for one in found:
            print(f"{one.path[-58:]:58}  {one.ending:28} {one.pixels}")
    told = Counter(one.ending for one in found), Counter(one.pixels for one in found if one.pixels)
    for counts in told:
        print("\n".join(f"{count:5}  {name}" for name, count in counts.most_common()), end="\n\n")
    identical = sum(one.pixels.startswith("identical") for one in found)
    record("oracle", {"files": len(found), "images": told[0]["image"], "identical to the oracle": identical})


if __name__ == "__main__":
    main()
