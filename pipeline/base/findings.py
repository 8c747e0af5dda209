"""One spelling for each finding, and the crosswalk between the label sets of the public archives.

Here belongs what a finding is called and how findings relate. The words that reports use for them belong to a labeler.
Sources: CheXpert (Irvin et al. 2019, figure 1), ChestX-ray14 (Wang et al. 2017), VinDr-CXR (Nguyen et al. 2022),
PadChest (Bustos et al. 2020), RSNA Pneumonia Challenge (Shih et al. 2019).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.base.errors import InputError


@dataclass(frozen=True, slots=True)
class Finding:
    """A radiographic finding.

    Attributes:
        name: our spelling, CheXpert's where CheXpert has the finding.
        parents: findings that this one implies when present.
        chexpert, nih, vindr, padchest, rsna: its name in that label set, None where the set lacks it.
        aliases: further spellings met in label files.
        is_lasting: once there it does not go and come again within a season.
    """

    name: str
    parents: tuple[str, ...] = ()
    chexpert: str | None = None
    nih: str | None = None
    vindr: str | None = None
    padchest: str | None = None
    rsna: str | None = None
    aliases: tuple[str, ...] = ()
    is_lasting: bool = False


NO_FINDING = "No Finding"
SUPPORT_DEVICES = "Support Devices"

FINDINGS: tuple[Finding, ...] = (
    Finding(NO_FINDING, (), "No Finding", "No Finding", "No finding", "normal", "Normal"),
    Finding("Enlarged Cardiomediastinum", (), "Enlarged Cardiomediastinum", aliases=("Enlarged Cardiom.",)),
    Finding(
        "Cardiomegaly", ("Enlarged Cardiomediastinum",), "Cardiomegaly", "Cardiomegaly", "Cardiomegaly", "cardiomegaly", is_lasting=True
    ),
    Finding("Lung Opacity", (), "Lung Opacity", None, "Lung Opacity", None, "Lung Opacity", ("Airspace Opacity",)),
    Finding("Lung Lesion", ("Lung Opacity",), "Lung Lesion", None, "Nodule/Mass"),
    Finding("Edema", ("Lung Opacity",), "Edema", "Edema", "Edema", "pulmonary edema", aliases=("Pulmonary Edema", "Oedema")),
    Finding("Consolidation", ("Lung Opacity",), "Consolidation", "Consolidation", "Consolidation", "consolidation"),
    Finding("Pneumonia", ("Lung Opacity",), "Pneumonia", "Pneumonia", "Pneumonia", "pneumonia"),
    Finding("Atelectasis", ("Lung Opacity",), "Atelectasis", "Atelectasis", "Atelectasis", "atelectasis"),
    Finding("Pneumothorax", (), "Pneumothorax", "Pneumothorax", "Pneumothorax", "pneumothorax"),
    Finding("Pleural Effusion", (), "Pleural Effusion", "Effusion", "Pleural effusion", "pleural effusion"),
    Finding("Pleural Other", (), "Pleural Other"),
    Finding("Fracture", (), "Fracture", None, "Rib fracture", "fracture"),
    Finding(SUPPORT_DEVICES, (), "Support Devices", aliases=("Devices",)),
    Finding("Infiltration", ("Lung Opacity",), None, "Infiltration", "Infiltration", "infiltrates", aliases=("Infiltrate",)),
    Finding("Nodule", ("Lung Lesion",), None, "Nodule", None, "nodule"),
    Finding("Mass", ("Lung Lesion",), None, "Mass", None, "mass"),
    Finding("Emphysema", (), None, "Emphysema", "Emphysema", "emphysema", is_lasting=True),
    Finding("Fibrosis", (), None, "Fibrosis", "Pulmonary fibrosis", "pulmonary fibrosis", is_lasting=True),
    Finding(
        "Pleural Thickening", ("Pleural Other",), None, "Pleural_Thickening", "Pleural thickening", "pleural thickening", is_lasting=True
    ),
    Finding("Hernia", (), None, "Hernia", None, "hiatal hernia", is_lasting=True),
    Finding("Granuloma", ("Lung Lesion",), padchest="granuloma", aliases=("Calcified Granuloma",), is_lasting=True),
    Finding("Hyperinflation", padchest="air trapping", aliases=("Hyperexpansion",)),
    Finding("Bronchiectasis", padchest="bronchiectasis", is_lasting=True),
    Finding("Scoliosis", padchest="scoliosis", is_lasting=True),
    Finding("Lymphadenopathy", padchest="adenopathy", aliases=("Adenopathy", "Lymph Node Enlargement")),
    Finding("Elevated Hemidiaphragm", padchest="hemidiaphragm elevation"),
    Finding("Tortuous Aorta", padchest="aortic elongation", is_lasting=True),
    Finding("Calcification of the Aorta", padchest="aortic atheromatosis", aliases=("Aortic Calcification",), is_lasting=True),
    Finding("Pneumomediastinum", padchest="pneumomediastinum"),
    Finding("Pneumoperitoneum", padchest="pneumoperitoneo"),
    Finding("Subcutaneous Emphysema", padchest="subcutaneous emphysema"),
)

NAMES: tuple[str, ...] = tuple(finding.name for finding in FINDINGS)
DATASET: tuple[str, ...] = tuple(finding.name for finding in FINDINGS if finding.chexpert or finding.nih)
CHEXPERT_14: tuple[str, ...] = tuple(finding.name for finding in FINDINGS if finding.chexpert)
NIH_14: tuple[str, ...] = tuple(finding.name for finding in FINDINGS if finding.nih and finding.name != NO_FINDING)
BY_NAME: dict[str, Finding] = {finding.name: finding for finding in FINDINGS}


def _key(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name).strip().casefold()


_ALIASES: dict[str, str] = {
    _key(alias): finding.name
    for finding in FINDINGS
    for alias in (finding.name, finding.chexpert, finding.nih, finding.vindr, finding.padchest, finding.rsna, *finding.aliases)
    if alias
}


def find(name: str) -> str | None:
    """Our spelling of a finding written in any archive's way, or None: `find("Pleural_Thickening")` is "Pleural Thickening"."""
    return _ALIASES.get(_key(name))


def canonical(name: str) -> str:
    """As `find`, but an unknown name is an error.

    Raises:
        InputError: no label set knows the name.
    """
    found = find(name)
    if found is None:
        raise InputError(f"no finding is called {name!r}", f"use one of: {', '.join(NAMES)}")
    return found


def ancestors(name: str) -> tuple[str, ...]:
    """Every finding implied by `name`, nearest first."""
    found: list[str] = []
    queue = list(BY_NAME[name].parents)
    while queue:
        parent = queue.pop(0)
        if parent not in found:
            found.append(parent)
            queue.extend(BY_NAME[parent].parents)
    return tuple(found)
