"""Decoding in processes that may hang or die: a time limit and a memory limit for each file, and the run goes on.

Pebble is used because a worker that dies or overruns costs its own file alone; the pool of the standard library breaks whole.
"""

from __future__ import annotations

import logging
import multiprocessing
import resource
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any, TypeVar

import cv2
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from pipeline.base.images import Film
from pipeline.base.progress import track
from pipeline.base.settings import Decode
from pipeline.decode.film import Decoded, FilmError, decode_film, read_film

T = TypeVar("T")

# Films in work or waiting for each worker, so that none is idle behind a slow one.
_AHEAD = 8


def open_pool(settings: Decode) -> ProcessPool:
    """A pool of decoding processes, to be closed by `with`; they start with the first file."""
    context = multiprocessing.get_context("spawn")
    return ProcessPool(max_workers=settings.workers, context=context, initializer=_limit, initargs=(settings.memory_mb,))


def decode_all(pool: ProcessPool, jobs: Sequence[tuple[Path, bool]], settings: Decode) -> Iterator[Decoded | str]:
    """Decode files side by side; a few films wait at a time, whatever the number of files.

    Args:
        pool: from `open_pool`.
        jobs: path of each file, and whether JPEG 2000 is decoded in full.
        settings: limits, size and grey scale.

    Yields:
        The film, or the reason code of its failure; in the order of `jobs`.
    """
    tasks = ((path, settings, in_full) for path, in_full in track(jobs, "decode", len(jobs), " films"))
    return _in_order(pool, decode_film, tasks, settings)


def read_all(pool: ProcessPool, paths: Iterable[Path], settings: Decode) -> Iterator[Film | str]:
    """Films at their full size (`film.read_film`), side by side under the same limits.

    Yields:
        The film, or the reason code of its failure; in the order of `paths`.
    """
    return _in_order(pool, read_film, ((path, settings) for path in paths), settings)


def _in_order(pool: ProcessPool, work: Callable[..., T], tasks: Iterable[tuple[Any, ...]], settings: Decode) -> Iterator[T | str]:
    waiting: deque[ProcessFuture[T]] = deque()
    for task in tasks:
        waiting.append(pool.schedule(work, args=task, timeout=settings.timeout_s))
        if len(waiting) > _AHEAD * settings.workers:
            done = _outcome(waiting.popleft())
            yield done
    while waiting:
        done = _outcome(waiting.popleft())
        yield done


def _outcome(future: ProcessFuture[T]) -> T | str:
    try:
        done: T = future.result()
    except FilmError as error:
        return error.reason
    except (FutureTimeout, TimeoutError):
        return "decode_timeout"
    except ProcessExpired:
        return "decoder_crashed"
    return done


def _limit(memory_mb: int) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if Path("/proc/self/statm").exists() else 0
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    cv2.setNumThreads(1)  # parallel work is by film
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)  # its warnings quote header values
