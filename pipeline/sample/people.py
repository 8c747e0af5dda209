"""Patients, their identities and their studies: who is filmed when, of what, and under which numbers.

Here belongs everything about a study but its words and its pixels. All names are invented.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from pipeline.sample.anatomy import Anatomy, draw_anatomy
from pipeline.sample.disease import draw_profile, first_study, next_study, severities
from pipeline.sample.film import Technique, draw_technique
from pipeline.sample.lesions import Lesion

FIRST_DAY = date(2012, 1, 3)
STUDIES, STUDY_SHARES = (1, 2, 3), (0.58, 0.27, 0.15)


@dataclass(frozen=True, slots=True)
class Patient:
    """A person: family and given name, medical record number, birth date, and the body."""

    family: str
    given: str
    mrn: str
    birth: date
    body: Anatomy

    @property
    def name(self) -> str:
        """Family name, space, given name: as the ledger of identities writes it."""
        return f"{self.family} {self.given}"


@dataclass(frozen=True, slots=True)
class Study:
    """One examination with its one frontal film.

    Attributes:
        patient: who.
        number: 0 the patient's first.
        accession, study_uid, series_uid, sop_uid: its identifiers.
        day: when.
        lesions: what is there.
        before: what was there in the patient's last study; None in the first.
        technique: how it was filmed.
        radiologist, referrer: invented doctors, family name first.
        seed: of its words.
    """

    patient: Patient
    number: int
    accession: str
    study_uid: str
    series_uid: str
    sop_uid: str
    day: date
    lesions: tuple[Lesion, ...]
    before: tuple[Lesion, ...] | None
    technique: Technique
    radiologist: str
    referrer: str
    seed: int

    @property
    def folder(self) -> str:
        """Folder of its films, relative to the export."""
        return f"dicom/{self.patient.mrn}/{self.accession}"

    @property
    def path(self) -> str:
        """Its film, relative to the export."""
        return f"{self.folder}/{self.sop_uid}.dcm"

    @property
    def present(self) -> dict[str, float]:
        """Findings that are there, with severity."""
        return severities(self.lesions)

    @property
    def age(self) -> int:
        """Age of the patient on the day, in years."""
        born = self.patient.birth
        return self.day.year - born.year - ((self.day.month, self.day.day) < (born.month, born.day))


@cache
def names() -> dict[str, Any]:
    """The lists of invented names."""
    return tomllib.loads(files("pipeline.sample").joinpath("names.toml").read_text(encoding="utf-8"))


def hospital(patient: Patient) -> str:
    """The house a person goes to, in capitals."""
    houses: list[str] = names()["hospitals"]
    return houses[int(patient.mrn) % len(houses)]


def new_uid(rng: np.random.Generator) -> str:
    """A UID from a random UUID (PS3.5 B.2): 2.25. and the number."""
    number = int.from_bytes(rng.bytes(16), "big")
    number = number & ~(0xF << 76) | (4 << 76)
    return f"2.25.{number & ~(0x3 << 62) | (0x2 << 62)}"


class Numbers:
    """Draws eight-digit numbers, none twice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._used = rng, set[int]()

    def reserve(self, numbers: list[str]) -> None:
        """Mark numbers as used."""
        self._used.update(map(int, numbers))

    def draw(self) -> str:
        """The next number."""
        while (number := int(self._rng.integers(10_000_000, 99_999_999))) in self._used:
            pass
        self._used.add(number)
        return str(number)


def doctor(rng: np.random.Generator) -> str:
    """An invented doctor, family name first."""
    lists = names()
    return f"{rng.choice(lists['doctors_surnames'])} {rng.choice(lists['doctors_given'])}"


def draw_patient(rng: np.random.Generator, numbers: Numbers, first_film: date, age: int) -> Patient:
    """A person of `age` on the day of the first film."""
    is_female = bool(rng.random() < 0.47)
    lists = names()
    birth = date(first_film.year - age, 1, 1) - timedelta(days=int(rng.integers(1, 360)))
    return Patient(
        family=str(rng.choice(lists["surnames"])),
        given=str(rng.choice(lists["women" if is_female else "men"])),
        mrn=numbers.draw(),
        birth=birth,
        body=draw_anatomy(rng, is_female, age),
    )


def draw_studies(seed: int, patients: int) -> list[Study]:
    """Every study of the hospital, patient by patient, in the order of time. Patient k is the same for any number of patients."""
    numbers = Numbers(np.random.default_rng([seed, 1]))
    return [study for index in range(patients) for study in _studies_of(np.random.default_rng([seed, 2, index]), numbers)]


def _studies_of(rng: np.random.Generator, numbers: Numbers) -> list[Study]:
    day = FIRST_DAY + timedelta(days=int(rng.integers(0, 1800)))
    profile = draw_profile(rng)
    patient = draw_patient(rng, numbers, day, age=int(np.clip(rng.normal(58, 17), 19, 93)))
    found: list[Study] = []
    for number in range(int(rng.choice(STUDIES, p=STUDY_SHARES))):
        before = found[-1].lesions if found else None
        lesions = first_study(profile, rng) if before is None else next_study(before, profile, rng)
        view = "AP" if rng.random() < profile.portable else "PA"
        found.append(
            Study(
                patient, number, f"SH{numbers.draw()}", new_uid(rng), new_uid(rng), new_uid(rng), day, lesions, before,
                draw_technique(rng, view), doctor(rng), doctor(rng), int(rng.integers(2**31)),
            )
        )  # fmt: skip
        day += timedelta(days=int(np.ceil(rng.exponential(60))))
    return found
