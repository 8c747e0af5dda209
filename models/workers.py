"""Several trainings side by side, one a core or one a GPU. What a training is, `experiments` knows; what is kept of it, `memory`."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import Any, TypeVar

import torch

from models import devices
from models.networks import is_small
from models.recipes import Recipe
from pipeline.base.errors import CxrError
from pipeline.base.interfaces import MODELS
from pipeline.base.progress import track

T = TypeVar("T")

# About a minute of one core. Below that, starting the processes costs what they save.
_LEAST_MEGAPIXELS = 60.0


def processes(recipe: Recipe, n_films: int, size_px: int, n_jobs: int) -> int:
    """How many processes pay for these trainings; 1 means here, one after the other, with the same numbers.

    A small network gains next to nothing from a second thread, so each training gets one core; a large one fills the machine by itself.
    Where there are several GPUs each takes trainings of its own.
    """
    if recipe.frozen or recipe.processes > 1:
        return 1
    if devices.choose(recipe.device).type == "cuda":
        return min(n_jobs, torch.cuda.device_count())
    megapixels = n_films * recipe.epochs * size_px**2 / 1e6
    if megapixels < _LEAST_MEGAPIXELS or not is_small(MODELS.get(recipe.model)(1, 1)):
        return 1
    return min(n_jobs, devices.cores())


def run_all(jobs: Sequence[Callable[[], T]], n_processes: int, what: str) -> list[T]:
    """The results of all jobs in their order.

    Args:
        jobs: picklable where `n_processes` is above 1.
        n_processes: from `processes`.
        what: said on the progress bar.

    Raises:
        CxrError: a process was killed; what a job raises is raised here, and the others are stopped.
    """
    if n_processes == 1:
        return [job() for job in jobs]
    from pebble import ProcessExpired, ProcessPool

    context = multiprocessing.get_context("spawn")
    places = context.Queue()
    for place in range(n_processes):
        places.put(place)
    pool: Any = ProcessPool(max_workers=n_processes, context=context, initializer=_take_gpu, initargs=(places,))
    try:
        futures = [pool.schedule(job) for job in jobs]
        for future in track(as_completed(futures), what, total=len(jobs), unit=" trainings"):
            future.result()
        pool.close()
        return [future.result() for future in futures]
    except ProcessExpired as error:
        raise CxrError(
            "a training process was killed, most likely for memory", "set predict.batch_size or predict.size_px lower"
        ) from error
    finally:
        pool.stop()
        pool.join()


def _take_gpu(places: Any) -> None:
    """A process sees one GPU of those that this one sees; on a CPU nothing changes."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    known = seen.split(",") if seen else [str(number) for number in range(torch.cuda.device_count())]
    if known:
        os.environ["CUDA_VISIBLE_DEVICES"] = known[places.get() % len(known)]
