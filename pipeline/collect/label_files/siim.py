"""SIIM-ACR Pneumothorax Segmentation (2019): radiologists outlined every pneumothorax; -1 where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.base.labels import LabelState
from pipeline.collect.films import stem

_ANNOTATOR = "published:siim"
_FINDING = "Pneumothorax"


@LABEL_FILES.add("siim")
class Siim:
    """SIIM-ACR Pneumothorax: `EncodedPixels` beside `ImageId` (the SOPInstanceUID); -1 denies, a mask affirms."""

    human: ClassVar[Mapping[str, str]] = {_ANNOTATOR: "film"}
    example: ClassVar[tuple[str, str]] = (
        "train-rle.csv",
        "ImageId, EncodedPixels\n1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819, -1\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """train-rle.csv and stage_2_train.csv; the sample submission has their columns, and -1 for films nobody has read."""
        return None not in (table.column("ImageId"), table.column("EncodedPixels")) and "submission" not in table.name

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One mask a row: a film with several masks comes several times, each time alike."""
        for line, (name, mask) in table.rows(table.column("ImageId") or "", table.column("EncodedPixels") or ""):
            if mask != "-1" and not mask.replace(" ", "").isdigit():
                raise table.wrong(line, "holds neither -1 nor a run-length mask")
            state = LabelState.NEGATIVE if mask == "-1" else LabelState.POSITIVE
            yield FileLabels((("image", name), ("path", stem(name))), _ANNOTATOR, {_FINDING: state})
