"""Which films an item of a label file speaks of.

Kinds of names:

- `accession`, `study`, `image`: AccessionNumber, StudyInstanceUID, SOPInstanceUID;
- `path`: the end of the film's path without suffix ("patient00001/study1/view1_frontal", "00000001_000"), one film;
- `folder`: the end of the path of the folder it lies in ("s50414267"), and `prefix`: its file name before the first "_"; one patient.

A file name that fits two films, or a folder that fits two patients, names nobody: labels are never put on a guess.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from pipeline.base.interfaces import TextTable
from pipeline.collect.scan import Instance, Scan

IDENTIFIERS = (
    ("accession", ("AccessionNumber", "Accession", "AccessionNo")),
    ("image", ("SOPInstanceUID",)),
    ("study", ("StudyInstanceUID",)),
)
_SUFFIXES = re.compile(r"(\.(?:dcm|dicom|ima|png|jpe?g))+$", re.IGNORECASE)
_AMBIGUOUS: tuple[int, ...] = (-1,)


def stem(name: str) -> str:
    """A film's file name or path without the suffixes of image files; dots of a UID stay."""
    return _SUFFIXES.sub("", name)


def identifier(table: TextTable) -> tuple[str, str] | None:
    """Kind and column of the DICOM identifier that a table names its items by, as hospital exports do; None without one."""
    return next(((kind, column) for kind, names in IDENTIFIERS if (column := table.column(*names))), None)


class Films:
    """Films of a scan by every name a label file may use; codes are positions in `image_ids`. Nothing is read before it is asked for.

    Attributes:
        strangers: items asked for that name no film.
        ambiguous: items asked for whose name fits several films.
    """

    def __init__(self, found: Scan) -> None:
        self._instances = found.instances
        self.strangers = 0
        self.ambiguous = 0
        self._indexes: dict[tuple[str, int], dict[str, tuple[int, ...]]] = {}

    @cached_property
    def image_ids(self) -> list[str]:
        """Films by position."""
        return list(dict.fromkeys(instance.image_id for instance in self._instances()))

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {image_id: code for code, image_id in enumerate(self.image_ids)}

    def find(self, names: Sequence[tuple[str, str]]) -> tuple[int, ...]:
        """Codes of the films under the first of these names that fits any; none for a name that fits too many."""
        for kind, value in names:
            films = self._index(kind, value.count("/")).get(value) if value else None
            if films is _AMBIGUOUS:
                self.ambiguous += 1
                return ()
            if films:
                return films
        self.strangers += 1
        return ()

    def _index(self, kind: str, depth: int) -> dict[str, tuple[int, ...]]:
        if (kind, depth) not in self._indexes:
            self._indexes[kind, depth] = self._build(kind, depth + 1)
        return self._indexes[kind, depth]

    def _build(self, kind: str, n_parts: int) -> dict[str, tuple[int, ...]]:
        films: dict[str, dict[int, None]] = defaultdict(dict)
        owners: dict[str, set[object]] = defaultdict(set)
        name, owner = _NAMES[kind], _OWNERS.get(kind)
        for instance in self._instances():
            parts = tuple(stem(instance.relative).split("/"))
            if value := name(instance, parts, n_parts):
                films[value][self._codes[instance.image_id]] = None
                if owner:
                    owners[value].add(owner(instance))
        return {value: _AMBIGUOUS if len(owners.get(value, ())) > 1 else tuple(codes) for value, codes in films.items()}

    def warnings(self) -> Iterator[str]:
        """What could not be joined."""
        if self.strangers:
            yield f"{self.strangers} rows of published labels belong to no film of this export"
        if self.ambiguous:
            yield f"{self.ambiguous} rows of published labels name their film by a file name that several films bear, and are left out"


def _trailing(parts: Sequence[str], n_parts: int) -> str | None:
    return "/".join(parts[-n_parts:]) if len(parts) >= n_parts else None


_NAMES: dict[str, Callable[[Instance, tuple[str, ...], int], str | None]] = {
    "accession": lambda instance, parts, n: instance.header.accession_number,
    "study": lambda instance, parts, n: instance.header.study_instance_uid,
    "image": lambda instance, parts, n: instance.header.sop_instance_uid,
    "path": lambda instance, parts, n: _trailing(parts, n),
    "folder": lambda instance, parts, n: _trailing(parts[:-1], n),
    "prefix": lambda instance, parts, n: parts[-1].partition("_")[0] if "_" in parts[-1] else None,
}
_OWNERS: dict[str, Callable[[Instance], object]] = {
    "path": lambda instance: instance.image_id,
    "folder": lambda instance: instance.patient_id or instance.study_id,
    "prefix": lambda instance: instance.patient_id or instance.study_id,
}
KINDS = tuple(_NAMES)
