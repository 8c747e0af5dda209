"""Lists of words that lie as text files beside the code: words between blanks, lines that start with # are comments."""

from __future__ import annotations

from pathlib import Path


def words_of(path: Path) -> frozenset[str]:
    """The words of a list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
