"""Markdown of tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table; whole numbers are written with thousands separators, a pipe in a cell is escaped."""
    names = list(heads)
    lines = [f"| {' | '.join(names)} |", f"|{'|'.join('---' for _ in names)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows)])


def _text(cell: Any) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|")
