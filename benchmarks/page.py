"""Writes the measured parts of docs pages from the newest results: `python -m benchmarks.page [PART ...]`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

from benchmarks import pages

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- made by python -m benchmarks.page {}: begin -->", "<!-- made by python -m benchmarks.page {}: end -->"
PARTS = tuple(module.name for module in pkgutil.iter_modules(pages.__path__))


def replaced(page: Path, part: str, text: str) -> str:
    """A page with one measured part anew.

    Raises:
        SystemExit: the page lacks its marks.
    """
    whole, begin, end = page.read_text(encoding="utf-8"), BEGIN.format(part), END.format(part)
    if whole.count(begin) != 1 or whole.count(end) != 1:
        raise SystemExit(f"docs/{page.name} must hold the lines {begin} and {end} once each")
    before, rest = whole.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def main() -> None:
    """Write the parts that are named, or all."""
    for part in sys.argv[1:] or PARTS:
        if part not in PARTS:
            raise SystemExit(f"no part is called {part}; there are: {', '.join(PARTS)}")
        module = importlib.import_module(f"benchmarks.pages.{part}")
        page = DOCS / module.DOC
        page.write_text(replaced(page, part, module.text()), encoding="utf-8")


if __name__ == "__main__":
    main()
