"""Open-I, the Indiana University collection (Demner-Fushman et al. 2016): MeSH terms by which people coded each report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.collect.label_files._common import crosswalk, positives

_ANNOTATOR = "published:openi-mesh"
_NOT_CODED = "no indexing"
_Rules = tuple[tuple[str, frozenset[str], str], ...]


@LABEL_FILES.add("openi_mesh")
class OpeniMesh:
    """Open-I, MeSH terms of a report from its XML (`MeSH/major`) or from indiana_reports.csv (`MeSH`); silence is UNMENTIONED."""

    human: ClassVar[Mapping[str, str]] = {_ANNOTATOR: "report"}
    example: ClassVar[tuple[str, str]] = (
        "indiana_reports.csv",
        "uid,MeSH,Problems,image,indication,comparison,findings,impression\n"
        "2,Cardiomegaly/borderline;Pulmonary Artery/enlarged,Cardiomegaly;Pulmonary Artery,,,,,\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """A record of the XML release, or a table of them."""
        xml = table.column("uId@id") and table.column("MeSH/major")
        return bool(xml or (table.column("uid") and table.column("MeSH") and table.column("Problems")))

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One report a row, for every film of the report; a report that was not coded is passed over."""
        rules = _rules()
        asked = tuple(dict.fromkeys(finding for _, _, finding in rules))
        columns = [table.column("uId@id", "uid") or "", table.column("MeSH/major", "MeSH") or ""]
        images = table.column("parentImage@id")
        for _, (report, cell, *listed) in table.rows(*columns, *((images,) if images else ())):
            terms = [term.strip().lower() for term in re.split(r"[|;]", cell) if term.strip()]
            if not terms or terms == [_NOT_CODED]:
                continue
            coded = {term: _findings(term, rules) for term in terms}
            table.unknown.update(term.split("/")[0] for term, found in coded.items() if not found)
            states = positives(set().union(*coded.values()), asked)
            films = listed[0].split("|") if listed and listed[0] else []
            for names in [_film(image) for image in films] or [_report(report)]:
                yield FileLabels(names, _ANNOTATOR, states)


def _film(image: str) -> tuple[tuple[str, str], ...]:
    """The film "CXR1_1_IM-0001-3001" lies in CXR1_1_IM-0001-3001.png or in 1_IM-0001-3001.dcm."""
    return ("path", image), ("path", re.sub(r"^CXR(\d+_(?=\d+_))?", "", image))


def _report(uid: str) -> tuple[tuple[str, str], ...]:
    number = uid.removeprefix("CXR")
    return ("prefix", number), ("prefix", f"CXR{number}"), ("accession", f"CXR{number}")


def _findings(term: str, rules: _Rules) -> set[str]:
    head, *qualifiers = (part.strip() for part in term.split("/"))
    return {finding for start, needed, finding in rules if start == head and needed <= set(qualifiers)}


def _rules() -> _Rules:
    """(heading, qualifiers it needs, finding): "opacity/lung" holds for "opacity/lung/base/left"."""
    return tuple((term.split("/")[0], frozenset(term.split("/")[1:]), finding) for term, finding in crosswalk("openi_terms.csv"))
