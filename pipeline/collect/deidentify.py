"""Report text without identities, and dates that keep their intervals. What is removed leaves `___`, as in MIMIC-CXR.

Two layers: the identifiers this export is known to hold (from headers and file names), and patterns for those it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

MARK = "___"
# A name starts with a capital, so that the words after "Dr. Smith" stay.
_NAME = r"[^\W\d_a-zß-ÿ][\w'’-]*"
_NAMES = rf"{_NAME}(?:,?[ \t]+{_NAME}){{0,2}}"
_LETTERHEAD = re.compile(
    r"(?i)\b(?:patient|name|mrn|medical record|dob|d\.o\.b|date of birth|birth ?date|accession|exam date|date of (?:exam|service|study)|"
    r"patient id|ssn|account|address|phone|fax|physician|ordering|attending)\s*(?:name|number|no\.?|#|id)?\s*:"
)
_INSTITUTION = re.compile(
    r"(?i)\b(?:hospital|infirmary|clinic|medical cent(?:er|re)|department of|health system|radiology (?:dept|associates))\b"
)
_SIGNATURE = re.compile(
    r"(?im)^[ \t]*(?:dictated|transcribed|signed|electronically signed|read|reported|interpreted|approved|verified|finali[sz]ed)"
    r"(?:[ \t]+and[ \t]+\w+)?[ \t]+(?:by|on)\b.*$|"
    r"^[^\n.]{0,80}\b(?:discussed|communicated|relayed|conveyed|telephoned)\b[^\n.]{0,40}"
    r"\b(?:with|to)[ \t]+(?:the[ \t]+)?(?:dr|doctor|nurse)\b.*$"
)
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:[Dd]rs?|[Dd]octor|[Pp]rof(?:essor)?|[Mm]rs?|[Mm]s|[Nn]urse)\b\.?[ \t]+{_NAMES}",
        rf"{_NAME}(?:[ \t]+{_NAME})?(?:,[ \t]*(?:D\.?O\.?|R\.?N\.?|PA-C)|,?[ \t]+M\.?D\.?)(?!\w)",
        r"[\w.+-]+@[\w-]+\.[\w.]+",
        r"(?:\+?\d{1,2}[ .-])?\(?\b\d{3}\)?[ .-]?\d{3}[ .-]\d{4}\b",
        r"\b\d{1,4}([/.-])\d{1,2}\1\d{2,4}\b",
        r"(?i)\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[ \t]+\d{1,2}(?:st|nd|rd|th)?,?[ \t]+\d{4}\b",
        r"(?i)\b\d{1,2}(?:st|nd|rd|th)?[ \t]+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,?[ \t]+\d{4}\b",
        r"\b[A-Z]{0,4}\d{6,}\b",
    )
)
_INLINE_HEADING = re.compile(r"(?i)\b(?:findings?|impressions?|indications?|technique|comparison|conclusions?|history)\s*:")
_SHORTEST_NAME = 3


def scrub(text: str, identifiers: Iterable[str]) -> tuple[str, int]:
    """Remove letterhead, signatures, known identifiers and whatever looks like one.

    Args:
        text: the report as filed.
        identifiers: names, numbers and dates known for this report's patient and staff, in any spelling.

    Returns:
        The text that may be published, and how many pieces were removed.
    """
    text, heads = _drop_letterhead(text.replace("\r\n", "\n").replace("\ufeff", ""))
    text, removed = _SIGNATURE.subn("", text)
    removed += heads
    for pattern in (*_PATTERNS, *_known(identifiers)):
        text, count = pattern.subn(MARK, text)
        removed += count
    return re.sub(r"\n{3,}", "\n\n", text).strip(), removed


def _drop_letterhead(text: str) -> tuple[str, int]:
    """Labelled lines (`MRN: ...`) are dropped wherever they stand, an institution's only at the head of the page.

    An institution's line is one that is no sentence. Where a section opens on the same line, only what stands before its heading goes.
    """
    kept, dropped, at_head = [], 0, True
    for line in text.split("\n"):
        if _LETTERHEAD.search(line) or (at_head and _INSTITUTION.search(line) and not line.rstrip().endswith(".")):
            dropped += 1
            heading = _INLINE_HEADING.search(line)
            kept += [line[heading.start() :]] if heading else []
            continue
        at_head = at_head and not line.strip()
        kept.append(line)
    return "\n".join(kept), dropped


def _known(identifiers: Iterable[str]) -> list[re.Pattern[str]]:
    words: set[str] = set()
    for identifier in identifiers:
        parts = [part for part in re.split(r"[\^=,\s]+", identifier) if len(part) >= _SHORTEST_NAME]
        words.update(parts, [identifier.strip()] if len(identifier.strip()) >= _SHORTEST_NAME else [])
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return [re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)] if longest_first else []


def shifted(day: date | None, days: int) -> date | None:
    """A date moved back by the patient's secret number of days; None stays None."""
    return None if day is None else day - timedelta(days=days)
