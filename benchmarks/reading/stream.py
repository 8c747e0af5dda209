"""Time and peak memory of `cxr label` over a file of any length, as a user runs it: processes, files, start-up and all. Linux only."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from pipeline.base.errors import PluginError

PROC = Path("/proc")
_POLL_S = 0.02
_FULL_STOP = re.compile(r"\.(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command.

    Attributes:
        seconds: on the wall clock, start-up included.
        cpu_s: of all its processes together.
        peak_mb: resident set of its largest process, in MB.
        sum_mb: the peaks of all its processes; pages that they share count in each.
    """

    rows: int
    jobs: int
    seconds: float
    cpu_s: float
    peak_mb: float
    sum_mb: float


def measure(texts: Sequence[str], rows: int, jobs: int, folder: Path) -> Run:
    """Label a file of `rows` reports, the texts again and again under ids of their own.

    Raises:
        PluginError: the command failed.
    """
    reports, out = folder / "reports.csv", folder / "labels.csv"
    write(reports, texts, rows)
    command = [sys.executable, "-m", "pipeline.cli", "label", str(reports), "-o", str(out), "--jobs", str(jobs)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        used = watch(process)
    seconds = time.perf_counter() - started
    if process.returncode:
        message = f"cxr label ended with code {process.returncode} on {rows} rows"
        raise PluginError(message, f"run it by hand: cxr label FILE -o OUT --jobs {jobs}")
    peaks = [peak for peak, _ in used]
    return Run(rows, jobs, seconds, sum(cpu_s for _, cpu_s in used), max(peaks, default=0.0), sum(peaks))


def write(path: Path, texts: Sequence[str], rows: int) -> None:
    """A CSV of reports, written row by row."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("report_id", "text"))
        writer.writerows((f"R{number}", text) for number, text in enumerate(distinct(texts, rows)))


def distinct(texts: Sequence[str], rows: int) -> Iterator[str]:
    """The texts again and again, each sentence with a word of its report's own: the labeler, which remembers sentences, has met none."""
    for number, text in enumerate(islice(cycle(texts), rows)):
        word = "zq" + "".join(chr(97 + int(digit)) for digit in str(number))
        yield _FULL_STOP.sub(f" {word}.", text)


def watch(process: subprocess.Popen[bytes]) -> list[tuple[float, float]]:
    """Wait for a process; peak MB and CPU seconds of it and of each process that it started, as last seen before they ended."""
    used: dict[int, tuple[float, float]] = {}
    while process.poll() is None:
        for number in family(process.pid):
            used[number] = usage(number) or used.get(number, (0.0, 0.0))
        time.sleep(_POLL_S)
    return list(used.values())


def family(process: int) -> list[int]:
    """A process and all that it started, as far as they still run."""
    try:
        children = [int(child) for task in (PROC / str(process) / "task").iterdir() for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [process, *(one for child in children for one in family(child))]


def usage(process: int) -> tuple[float, float] | None:
    """Peak resident set of one process so far, in MB, and its CPU seconds; None when it has ended.

    The kernel's VmHWM starts anew with each program, where ru_maxrss would begin with what the parent held; and the ticks of
    /proc/PID/stat (fields 14 and 15, proc(5)) count processes that nobody waits for, where RUSAGE_CHILDREN would not.
    """
    try:
        status, stat = ((PROC / str(process) / name).read_text() for name in ("status", "stat"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    peak_kb = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), None)
    if peak_kb is None:  # ended, and not yet waited for
        return None
    ticks = stat.rpartition(")")[2].split()[11:13]
    return peak_kb / 1024, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
