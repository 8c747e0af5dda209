"""The report as a letter: letterhead, history, headings in several styles or none, findings, impression, signature.

Here belongs the form. The words about findings come from `report_grammar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from pipeline.sample.people import Study, hospital
from pipeline.sample.reading import read
from pipeline.sample.report_grammar import Wording, findings_text, impression_text, phrases, sentence

STYLES: dict[str, tuple[str, str, str, str, str]] = {
    "capitals": ("EXAMINATION:", "INDICATION:", "COMPARISON:", "FINDINGS:", "IMPRESSION:"),
    "plain": ("Exam:", "Clinical history:", "Comparison:", "Findings:", "Impression:"),
    "history": ("STUDY:", "HISTORY:", "PRIOR STUDIES:", "FINDINGS:", "CONCLUSION:"),
    "conclusion": ("Examination:", "Reason for exam:", "Comparison:", "Report:", "Conclusion:"),
    "bare": ("EXAM", "CLINICAL INFORMATION", "COMPARISON", "FINDINGS", "IMPRESSION"),
}
_STYLE_SHARES = (0.45, 0.25, 0.12, 0.10, 0.08)


@dataclass(frozen=True, slots=True)
class Letter:
    """A report.

    Attributes:
        body: its words, without letterhead.
        says: what they say of each finding.
        doctors: invented doctors it names.
        text: letterhead and words.
    """

    body: str
    says: Mapping[str, str]
    doctors: tuple[str, ...]
    text: str

    def under(self, study: Study) -> str:
        """The same words under the letterhead of another study."""
        return f"{letterhead(study)}\n{self.body}"


def write_letter(study: Study, has_headings: bool = True) -> Letter:
    """The report of a study, the same for the same study.

    Args:
        study: what was examined.
        has_headings: False for a letter of running text alone.
    """
    rng = np.random.default_rng([study.seed, 4])
    plan = read(study.present, rng)
    wording = Wording(rng)
    findings = findings_text(study, plan, wording)
    impression = impression_text(study, plan, wording) if rng.random() < 0.93 or not findings else []
    if has_headings:
        body = _with_headings(study, findings, impression, rng)
    else:
        body = " ".join(findings) + ("\n\n" if rng.random() < 0.5 else " ") + " ".join(impression)
    signature, doctors = _signature(study, rng)
    body = f"{body.strip()}\n\n{signature}\n"
    return Letter(body, dict(wording.says), doctors, f"{letterhead(study)}\n{body}")


def empty_letter(study: Study) -> Letter:
    """Letterhead and signature with nothing between them."""
    signature, doctors = _signature(study, np.random.default_rng([study.seed, 5]))
    body = f"{signature}\n"
    return Letter(body, {}, doctors, f"{letterhead(study)}\n{body}")


def letterhead(study: Study) -> str:
    """The lines that name hospital, patient and examination."""
    patient = study.patient
    return (
        f"{hospital(patient)} - DEPARTMENT OF RADIOLOGY\n"
        f"Patient: {patient.family}, {patient.given}   MRN: {patient.mrn}   DOB: {patient.birth:%m/%d/%Y}\n"
        f"Accession: {study.accession}   Date of exam: {study.day:%m/%d/%Y}\n"
    )


def _with_headings(study: Study, findings: list[str], impression: list[str], rng: np.random.Generator) -> str:
    front = phrases()["front"]
    exam, history, comparison, found, conclusion = list(STYLES.values())[int(rng.choice(len(STYLES), p=_STYLE_SHARES))]
    gender = "female" if study.patient.body.is_female else "male"
    slots = {"age": str(study.age), "gender": gender, "prior": f"{study.day - timedelta(days=int(rng.integers(3, 400))):%m/%d/%Y}"}

    def pick(kind: str) -> str:
        return sentence(str(rng.choice(front[kind])), slots, rng)

    parts = [(exam, pick("exam_ap" if study.technique.view == "AP" else "exam_pa")), (history, pick("indication"))]
    if study.before is not None or rng.random() < 0.6:
        parts.append((comparison, pick("no_prior" if study.before is None else "prior")))
    parts.append((found, " ".join(findings)))
    if impression:
        parts.append((conclusion, _items(impression, rng)))
    between = " " if rng.random() < 0.3 and exam.endswith(":") else "\n"
    return "\n\n".join(f"{heading}{between}{text}" for heading, text in parts)


def _items(items: list[str], rng: np.random.Generator) -> str:
    if len(items) == 1 and rng.random() < 0.7:
        return items[0]
    if rng.random() < 0.75:
        items = [f"{number}. {item}" for number, item in enumerate(items, start=1)]
    return ("\n" if rng.random() < 0.6 else " ").join(items)


def _signature(study: Study, rng: np.random.Generator) -> tuple[str, tuple[str, ...]]:
    lines, doctors = [f"Dictated by Dr. {study.radiologist} on {study.day:%m/%d/%Y}."], (study.radiologist, study.referrer)
    if rng.random() < 0.3:
        phone = f"(555) 01{rng.integers(10)}-{rng.integers(10_000):04d}"
        lines.insert(0, f"Findings were discussed with Dr. {study.referrer} by telephone at {phone}.")
    return "\n".join(lines), doctors
