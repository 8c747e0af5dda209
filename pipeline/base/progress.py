"""Progress on long work: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], what: str, total: int | None = None, unit: str = "") -> Iterator[T]:
    """Iterate with progress on standard error.

    Args:
        items: what to go through.
        what: said before the bar, for example "decode".
        total: number of items when `items` cannot tell.
        unit: what one item is, for example " films".
    """
    interval = 0.2 if sys.stderr.isatty() else 10.0
    yield from tqdm(items, desc=what, total=total, unit=unit or " items", mininterval=interval, leave=sys.stderr.isatty(), file=sys.stderr)
