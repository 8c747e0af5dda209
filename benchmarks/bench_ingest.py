"""One film to a 512 px PNG, ours and others side by side, in each transfer syntax; then two workers, memory, and what JPEG 2000 loses.

    python benchmarks/bench_ingest.py [--make-environment] [--rounds 5] [--megapixels 5.1 7.5]

Films are made here. The peers run in an environment of their own, made by --make-environment from benchmarks/environments/dicom.txt
(8 GB, as two of them need torch); without it they are left out. Systems take turns within a round; the fastest round is told, in CPU
milliseconds, one thread each:

    floor      read, parse, and the fastest library's decoder of the same run; lossless JPEG-LS alone is decoded faster, by our own
    ours       decode_film as the stage calls it: grey scale, resize, search for letters, PNG, digest, thumbnail, hash
    letters    the search for letters alone, which is a part of ours
    peers      see benchmarks/peers/dicom.py
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pydicom

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.ingest.films import SIZES, SYNTAXES, phantom, write
from benchmarks.record import record
from pipeline.base.images import decode, eight_bits
from pipeline.base.settings import Decode
from pipeline.decode import wording
from pipeline.decode.film import Decoded, decode_film
from pipeline.decode.workers import decode_all, open_pool

HERE = Path(__file__).parent
PYTHON = HERE / ".venv-ingest" / "dicom" / "bin" / "python"
PEERS = ("typical", "naive", "SimpleITK", "dicomsdl", "torchxrayvision", "MONAI")
OURS = Decode()
FILMS = 24
IN_FULL = Decode(reduced_resolution=False)
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1")
_FASTEST: dict[str, Callable[[bytes], Any]] = {
    "JPEG lossless": imagecodecs.jpeg8_decode,
    "JPEG-LS": imagecodecs.jpegls_decode,
    "JPEG 2000 lossless": imagecodecs.jpeg2k_decode,
    "HTJ2K lossless": imagecodecs.htj2k_decode,
    "JPEG 8-bit": imagecodecs.jpeg8_decode,
    "RLE": lambda frame: imagecodecs.dicomrle_decode(frame, "<u2"),
}


class Peers:
    """All peers in one process, which answers one request at a time and waits meanwhile."""

    def __init__(self) -> None:
        command = [str(PYTHON), str(HERE / "peers" / "dicom.py")]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, env=os.environ | _ONE_THREAD, stderr=subprocess.DEVNULL, **pipes)

    def ask(self, system: str, path: Path) -> dict[str, Any]:
        """CPU milliseconds and mean level of one film, or why there is none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"system": system, "path": str(path)}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of one call."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def floor(path: Path, name: str) -> None:
    """Read, parse and decode, and nothing else."""
    dataset = pydicom.dcmread(path)
    if name == "raw":
        np.frombuffer(dataset.PixelData, np.uint16)
        return
    _FASTEST[name](pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1))


def own(path: Path, name: str) -> dict[str, Callable[[], object]]:
    """What is measured in this process."""
    letters = eight_bits(decode(decode_film(path, Decode(size_px=2 * OURS.size_px, depth_bits=16)).pixels))
    work: dict[str, Callable[[], object]] = {
        "floor": lambda: floor(path, name),
        "ours": lambda: decode_film(path, OURS),
        "letters": lambda: wording.unwanted_lines(letters),
    }
    if "2000" in name or "HTJ2K" in name:
        work |= {"ours, in full": lambda: decode_film(path, IN_FULL)}
    return work


def side_by_side(path: Path, name: str, peers: Peers | None, rounds: int) -> dict[str, float]:
    """The least CPU milliseconds of each system over the rounds; a peer that cannot read the film is left out, and said."""
    work = own(path, name)
    spent: dict[str, list[float]] = {}
    for turn in range(rounds + 1):  # the first only warms up
        for system, call in work.items():
            spent.setdefault(system, []).append(cpu_ms(call))
        for system in PEERS if peers else ():
            answer = peers.ask(system, path) if peers else {}
            if "error" in answer:
                if turn == 0:
                    print(f"  {system} cannot read {name}: {answer['error']}")
                continue
            spent.setdefault(system, []).append(answer["cpu_ms"])
    return {system: min(values[1:]) for system, values in spent.items()}


def tell(name: str, megapixels: float, found: dict[str, float], run: str, rounds: int) -> None:
    """Record one line."""
    figures: dict[str, float | int | str] = {"run": run, "syntax": name, "megapixels": megapixels, "rounds": rounds}
    record("ingest", figures | {f"{system} ms": round(value, 1) for system, value in found.items()})


def differences(path: Path) -> dict[str, float]:
    """8-bit levels by which a film decoded at lower resolution differs from one decoded in full."""
    half, whole = (decode(decode_film(path, settings).pixels).astype(int) for settings in (OURS, IN_FULL))
    apart = np.abs(half - whole)
    names = {"mean": apart.mean(), "p99": np.percentile(apart, 99), "largest": apart.max()}
    return {f"levels apart, {name}": round(float(value), 2) for name, value in names.items()}


@contextmanager
def peak_memory() -> Iterator[dict[str, float]]:
    """Largest sum of proportional set sizes of this process and its children, in MB, sampled every 20 ms."""
    found, stop = {"peak MB": 0.0}, threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            found["peak MB"] = max(found["peak MB"], sum(map(_pss_mb, [os.getpid(), *_children(os.getpid())])))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def _children(process: int) -> list[int]:
    found = [int(number) for task in Path(f"/proc/{process}/task").glob("*/children") for number in task.read_text().split()]
    return [*found, *(grandchild for child in found for grandchild in _children(child))]


def _pss_mb(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it ended meanwhile
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def throughput(path: Path, workers: int) -> dict[str, float]:
    """Films a second of wall time by so many workers that have started, and CPU milliseconds a film in them and in what feeds them."""
    settings, jobs = Decode(workers=workers), [(path, False)] * FILMS
    with open_pool(settings) as pool:
        list(decode_all(pool, jobs[: 2 * workers], settings))
        wall, fed, worked = time.perf_counter(), time.process_time(), _children_cpu_s()
        results = list(decode_all(pool, jobs, settings))
        wall, fed, worked = time.perf_counter() - wall, time.process_time() - fed, _children_cpu_s() - worked
    assert all(isinstance(result, Decoded) for result in results)
    return {"films/s": FILMS / wall, "CPU ms": 1000 * worked / FILMS, "feeding CPU ms": 1000 * fed / FILMS}


def _children_cpu_s() -> float:
    """User and system time of all children that live."""
    fields = (Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split() for child in _children(os.getpid()))
    return sum(int(found[11]) + int(found[12]) for found in fields) / os.sysconf("SC_CLK_TCK")


def scaling(path: Path, rounds: int, run: str) -> None:
    """One worker against two, in turns; the best round of each. On a busy machine CPU time tells more than the clock."""
    found: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, told in found.items():
            told.append(throughput(path, workers))
    for workers, told in found.items():
        best = {"films/s": max(one["films/s"] for one in told)}
        best |= {name: min(one[name] for one in told) for name in ("CPU ms", "feeding CPU ms")}
        load = round(os.getloadavg()[0], 1)
        record("ingest_workers", {"run": run, "workers": workers, "load": load, **{name: round(value, 1) for name, value in best.items()}})


def memory(folder: Path, run: str) -> None:
    """Peak of two workers and this process over films of 60 megapixels, and over many small ones."""
    large = phantom(*SIZES[60.0])
    for name in ("raw", "JPEG-LS", "JPEG 2000 lossless"):
        path = write(folder / "large.dcm", large, name)
        _peak(f"60 megapixels, {name}", [path] * 6, run)
    small = write(folder / "small.dcm", phantom(512, 420), "raw")
    for count in (200, 2000):
        _peak(f"{count} films of 0.2 megapixels", [small] * count, run)


def _peak(what: str, paths: list[Path], run: str) -> None:
    settings = Decode(workers=2)
    with peak_memory() as found, open_pool(settings) as pool:
        failed = sum(isinstance(result, str) for result in decode_all(pool, [(path, False) for path in paths], settings))
    record("ingest_memory", {"run": run, "films": what, "failed": failed, **{name: round(value) for name, value in found.items()}})


def make_environment() -> None:
    """Create the peers' environment, or bring it to the versions that are written down.

    Raises:
        SystemExit: a package cannot be had.
    """
    requirements = HERE / "environments" / "dicom.txt"
    for command in (
        [sys.executable, "-m", "venv", str(PYTHON.parents[1])],
        [str(PYTHON), "-m", "pip", "install", "-q", "-r", str(requirements)],
    ):
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(f"the peers' environment could not be made: see the message above and {requirements}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make-environment", action="store_true", help="make or renew the peers' environment first")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement (5)")
    parser.add_argument(
        "--megapixels", type=float, nargs="*", choices=sorted(SIZES), default=[5.1, 7.5], help="sizes of the films (5.1 7.5)"
    )
    arguments = parser.parse_args()
    if arguments.make_environment:
        make_environment()
    cv2.setNumThreads(1)
    run = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        memory(folder, run)  # before this process has grown, and while it has no peers
        scaling(write(folder / "film.dcm", phantom(*SIZES[5.1]), "JPEG-LS"), arguments.rounds, run)
        peers = Peers() if PYTHON.exists() else None
        if peers is None:
            print("the peers are left out: they have no environment here; --make-environment makes it")
        for megapixels in arguments.megapixels:
            pixels = phantom(*SIZES[megapixels])
            for syntax in SYNTAXES:
                path = write(folder / "film.dcm", pixels, syntax)
                found = side_by_side(path, syntax, peers, arguments.rounds)
                tell(syntax, megapixels, found, run, arguments.rounds)
                if "ours, in full" in found:
                    apart = {"run": run, "syntax": syntax, "megapixels": megapixels, **differences(path)}
                    record("ingest_reduced", apart)
        if peers:
            peers.close()


if __name__ == "__main__":
    main()
