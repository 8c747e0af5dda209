"""The words archives use for view, sex, age and day, as DICOM has them. What a word does not say stays None: nothing is guessed."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache

# ViewPosition (0018,5101). A lateral film whose side the archive does not tell is LATERAL, as MIMIC-CXR's headers have it.
_VIEWS = {
    **dict.fromkeys(("POSTEROANTERIOR", "PA ERECT"), "PA"),
    **dict.fromkeys(("ANTEROPOSTERIOR", "AP HORIZONTAL", "AP SUPINE", "AP ERECT", "AP SEMI ERECT", "AP AXIAL"), "AP"),
    **dict.fromkeys(("L", "LAT", "LATERAL", "XTABLE LATERAL"), "LATERAL"),
    **dict.fromkeys(("AP LLD", "PA LLD"), "LLD"),
    **dict.fromkeys(("AP RLD", "PA RLD"), "RLD"),
}
_NO_VIEW = ("", "NAN", "NONE", "UNK", "UNKNOWN", "EXCLUDE", "FRONTAL", "GENERICA")
_SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "O": "O"}
_AGE = re.compile(r"(\d{1,3})(?:\.\d+)?([DWMY]?)", re.IGNORECASE)
_IN_A_YEAR = {"D": 365, "W": 52, "M": 12, "Y": 1, "": 1}
# The longest life known lasted 122 years.
_OLDEST = 122
_DAYS = ("%Y%m%d", "%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%m/%d/%Y")


@lru_cache(1024)
def view_position(word: str) -> str | None:
    """View Position of an archive's word: "AP_horizontal" and "ANTEROPOSTERIOR" are AP; a word of its own stays."""
    plain = " ".join(word.replace("_", " ").upper().split())
    return None if plain in _NO_VIEW or not re.fullmatch(r"[A-Z ]{1,16}", plain) else _VIEWS.get(plain, plain)


def sex(word: str) -> str | None:
    """Patient's Sex (0010,0040): M, F or O; None for "Unknown"."""
    return _SEXES.get(word.strip().upper())


def age_years(word: str) -> int | None:
    """Whole years of "065Y", "65", "65.0" or "018M" (PS3.5 section 6.2, AS); None for what no person reaches, such as 414."""
    match = _AGE.fullmatch(word.strip())
    years = int(match[1]) // _IN_A_YEAR[match[2].upper()] if match else None
    return years if years is None or years <= _OLDEST else None


@lru_cache(16_384)
def day(word: str) -> date | None:
    """A whole date; None for a year or a month alone."""
    for form in _DAYS:
        try:
            return datetime.strptime(word.strip(), form).date()
        except ValueError:
            continue
    return None
