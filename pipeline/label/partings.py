"""Where label files part: the cells that differ, and the sentences of the report behind each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.base.labels import STATES, LabelState
from pipeline.base.reports import Report
from pipeline.label import reading
from pipeline.label.contingency import NEGATIVE, POSITIVE, Codes
from pipeline.label.given import BadRow, Given
from pipeline.label.state_files import UNSETTLED, States


@dataclass(frozen=True, slots=True)
class Parting:
    """One cell where files differ; `said` is the state in each file, None where the gold standard left it open."""

    report_id: str
    finding: str
    said: tuple[LabelState | None, ...]
    sentence: str = ""


def find(ids: pd.Index[str], names: Sequence[str], codes: Sequence[Codes], gold: States | None) -> list[Parting]:
    """Cells where two files, or a file and a settled gold standard, differ; as far as the gold standard can tell states apart."""
    told = [np.where((one == POSITIVE) | (one == UNSETTLED), one, NEGATIVE) for one in codes] if gold and gold.is_binary else list(codes)
    differ = np.zeros(codes[0].shape, bool)
    for one in told[1:]:
        differ |= (one != told[0]) & (one != UNSETTLED)
    if gold and len(told) > 2:
        differ |= (told[1] != told[2]) & (told[2] != UNSETTLED)
    return [
        Parting(str(ids[row]), names[column], tuple(None if one[row, column] < 0 else STATES[one[row, column]] for one in codes))
        for row, column in np.argwhere(differ)
    ]


def explain(parted: Sequence[Parting], reports: Iterable[Given | BadRow]) -> tuple[Parting, ...]:
    """The same with the sentences in which the rule labeler reads each finding; empty where it reads nothing of it."""
    wanted: dict[str, set[str]] = {}
    for one in parted:
        wanted.setdefault(one.report_id, set()).add(one.finding)
    given = (Report.of(row.report_id, row.text) for row in reports if isinstance(row, Given) and row.report_id in wanted)
    sentences: dict[tuple[str, str], str] = {}
    for report, read in reading.read_all(reading.reader("rules", {}), given):
        for label in read.labels:
            if label.finding in wanted[report.report_id]:
                mentions = [read.mentions[index] for index in label.evidence]
                mentions = mentions or [one for one in read.mentions if one.finding == label.finding]
                spans = dict.fromkeys((one.sentence_start, one.sentence_end) for one in mentions)
                sentences[report.report_id, label.finding] = reading.joined(report.text, spans)
    return tuple(replace(one, sentence=sentences.get((one.report_id, one.finding), "")) for one in parted)
