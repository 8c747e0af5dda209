"""Work in processes with the answers in order and little of it in flight, so that memory stays constant."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from pipeline.base.errors import CxrError

In = TypeVar("In")
Out = TypeVar("Out")
_AHEAD = 2  # items in flight for each process


class ProcessError(CxrError):
    """A process died."""


def ordered(make: Callable[[], Callable[[In], Out]], items: Iterable[In], jobs: int, preload: str) -> Iterator[Out]:
    """The answers of a worker to each item, in order.

    Args:
        make: called once in each process, makes the worker; picklable.
        items: may be endless.
        jobs: processes.
        preload: a module that processes need; loaded once and shared where the system can.

    Raises:
        ProcessError: a process died.
        Exception: whatever the worker raised.
    """
    running: deque[Future[Out]] = deque()
    pool = ProcessPoolExecutor(jobs, _context(preload), _start, (make,))
    try:
        for item in items:
            running.append(pool.submit(_work, item))
            if len(running) > _AHEAD * jobs:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except BrokenProcessPool as error:
        raise ProcessError("a process died, perhaps for want of memory", "run again with fewer --jobs") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _context(preload: str) -> Any:
    """Processes forked from a small clean server share its modules and never inherit threads; where there is no fork, fresh ones."""
    is_unix = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if is_unix else "spawn")
    if is_unix:
        context.set_forkserver_preload(["__main__", preload])
    return context


_worker: Callable[[Any], Any]


def _start(make: Callable[[], Callable[[Any], Any]]) -> None:
    """In a new process: an interrupt is the parent's to handle."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = make()


def _work(item: Any) -> Any:
    return _worker(item)
