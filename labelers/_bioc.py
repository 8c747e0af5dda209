"""BioC XML (Comeau et al. 2013), written and read with the library `bioc`.

Here belongs the file: what goes into a document, and that every document comes back once. What its annotations mean belongs to
`negbio.py`, how places in a changed text are found again to `_offsets.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labelers._process import ToolError
from pipeline.base.reports import Report, Section

if TYPE_CHECKING:
    from bioc import BioCAnnotation, BioCCollection, BioCDocument, BioCPassage

SECTION = "section"
# XML 1.0, section 2.2, knows no other characters; a carriage return would come back as a line feed (section 2.11).
_NOT_XML = re.compile("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_REMEDY = "let the last step of the tool write its BioC XML to {output}, a file or a folder of .xml files"


def xml_text(text: str) -> str:
    """The text of the same length with blanks for what XML cannot hold."""
    return _NOT_XML.sub(" ", text)


def collection(batch: Sequence[tuple[Report, Sequence[Section]]]) -> BioCCollection:
    """One document a report, its place in the batch as id; one passage a section, with offsets into the report's text."""
    import bioc

    made = bioc.BioCCollection()
    made.source, made.date, made.key = "reports", "", ""
    for index, (report, sections) in enumerate(batch):
        document = bioc.BioCDocument()
        document.id = str(index)
        for section in sections:
            document.add_passage(_passage(report, section))
        made.add_document(document)
    return made


def _passage(report: Report, section: Section) -> BioCPassage:
    import bioc

    passage = bioc.BioCPassage()
    passage.offset = section.start
    passage.infons[SECTION] = section.name
    passage.text = xml_text(report.text[section.start : section.end])
    return passage


def write(path: Path, made: BioCCollection) -> None:
    """The collection as XML in UTF-8."""
    from bioc import biocxml

    path.write_text(biocxml.dumps(made), encoding="utf-8")


def read(path: Path, count: int) -> list[BioCDocument]:
    """The documents 0 to `count` - 1, in order.

    Args:
        path: a file, or a folder of .xml files.
        count: how many documents the tool was given.

    Raises:
        ToolError: not BioC XML, or a document is missing, foreign or there twice.
    """
    documents: dict[str, BioCDocument] = {}
    for document in _documents(sorted(path.glob("*.xml")) if path.is_dir() else [path]):
        if document.id in documents:
            raise ToolError("the tool's answer holds a document twice", _REMEDY)
        documents[str(document.id)] = document
    wanted = [str(index) for index in range(count)]
    if lost := sum(name not in documents for name in wanted):
        raise ToolError(f"the tool's answer lacks {lost} of the {count} documents that it was given", _REMEDY)
    if foreign := len(documents) - count:
        raise ToolError(f"the tool's answer holds {foreign} documents that it was not given", _REMEDY)
    return [documents[name] for name in wanted]


def _documents(files: Iterable[Path]) -> Iterable[BioCDocument]:
    from bioc import biocxml
    from lxml.etree import XMLSyntaxError

    for number, file in enumerate(files, start=1):
        try:
            with file.open("rb") as stream:
                yield from biocxml.load(stream).documents
        # A missing tag is a TypeError, a missing attribute a KeyError, a number that is none a ValueError.
        except (XMLSyntaxError, TypeError, KeyError, ValueError) as error:
            raise ToolError(f"file {number} of the tool's answer is no BioC XML ({type(error).__name__})", _REMEDY) from None


def annotations_of(passage: BioCPassage) -> list[BioCAnnotation]:
    """Those of the passage and of its sentences."""
    return [*passage.annotations, *(one for sentence in passage.sentences for one in sentence.annotations)]
