"""PadChest (Bustos et al. 2020): terms of a hierarchy, by physicians for 27 % of the reports and by a network for the rest."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base import findings
from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.base.labels import LabelState
from pipeline.collect.films import stem
from pipeline.collect.label_files._common import crosswalk, positives

_METHODS = {"Physician": "published:padchest-manual", "RNN_model": "published:padchest"}
_LONGEST_LIST = 10_000
_KEPT = 50_000
# Said of the study, not of what is seen.
_NO_TERMS = {"", "unchanged", "exclude", "suboptimal study"}


@LABEL_FILES.add("padchest")
class PadChest:
    """PadChest: a list of terms in `Labels`, read by a physician or a network (`MethodLabel`); silence is UNMENTIONED."""

    human: ClassVar[Mapping[str, str]] = {"published:padchest-manual": "report"}
    example: ClassVar[tuple[str, str]] = (
        "PADCHEST.csv",
        "ImageID,MethodLabel,Labels\n2053_k6ga29.png,Physician,\"['nodule', ' pleural effusion']\"\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """`Labels` and `MethodLabel` beside `ImageID`."""
        return None not in (table.column("ImageID"), table.column("MethodLabel"), table.column("Labels"))

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One film a row; a row whose list was lost (nan) says nothing and is passed over."""
        reader = _Reader()
        columns = [table.column(name) or "" for name in ("ImageID", "MethodLabel", "Labels")]
        for line, (image, method, cell) in table.rows(*columns):
            if cell in ("", "nan"):
                continue
            said = reader.read(cell)
            if said is None or method not in _METHODS:
                raise table.wrong(line, "holds no list of labels" if said is None else "says neither Physician nor RNN_model")
            states, unknown = said
            table.unknown.update(unknown)
            name = stem(image)
            yield FileLabels((("path", name), ("image", name)), _METHODS[method], states)


class _Reader:
    """Reads cells of `Labels`; one cell in five is met for the first time, so what was read is kept."""

    def __init__(self) -> None:
        self._terms = _terms()
        self._asked = tuple(dict.fromkeys(finding for found in self._terms.values() for finding in found))
        self._seen: dict[str, tuple[dict[str, LabelState], tuple[str, ...]] | None] = {}

    def read(self, cell: str) -> tuple[dict[str, LabelState], tuple[str, ...]] | None:
        """States, and terms that no finding covers; None when the cell is no list of texts."""
        if cell not in self._seen:
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen[cell] = None if (said := _list(cell)) is None else self._states(said)
        return self._seen[cell]

    def _states(self, said: tuple[str, ...]) -> tuple[dict[str, LabelState], tuple[str, ...]]:
        found = {finding for term in said for finding in self._terms.get(term, ())}
        return positives(found, self._asked), tuple(term for term in said if term not in self._terms and term not in _NO_TERMS)


def _list(cell: str) -> tuple[str, ...] | None:
    """Terms of a cell such as "['nodule', ' pneumonia']", each once; None when it is no list of texts."""
    try:
        found = ast.literal_eval(cell) if len(cell) <= _LONGEST_LIST else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(term, str) for term in found):
        return None
    return tuple(dict.fromkeys(" ".join(term.split()) for term in found))


def _terms() -> dict[str, tuple[str, ...]]:
    """Term -> findings: the names of `findings`, and terms below them in PadChest's tree."""
    found: dict[str, tuple[str, ...]] = {one.padchest: (one.name,) for one in findings.FINDINGS if one.padchest}
    for term, finding in crosswalk("padchest_terms.csv"):
        found[term] = (*found.get(term, ()), finding)
    return found
