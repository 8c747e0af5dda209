"""Report text without identities, and dates that keep their intervals. What is removed leaves `___`, as in MIMIC-CXR.

Three layers: letterhead and signature lines, the identifiers this export is known to hold (from headers and file names), and patterns for
those it is not. Dates go entirely, years included; ages over 89 go (HIPAA 164.514(b)(2)(i)). Why rules, and what they miss: docs/adr/0004.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from importlib import resources

MARK = "___"

# Parts of names. A name starts with a capital, so that the words after "Dr. Smith" stay.
_CAPITAL = r"[^\W\d_a-zß-ÿ]"
_WORD = rf"{_CAPITAL}[\w'’-]*"
_INITIALS = rf"(?:{_CAPITAL}\.[ \t]?){{0,3}}"
_PARTICLES = r"(?:(?:van|von|de|del|der|den|la|le|di|da|dos|bin|al|el)[ \t]+){0,2}"
_NAME = rf"{_INITIALS}{_PARTICLES}{_WORD}"
_NAMES = rf"{_NAME}(?:,?[ \t]+{_NAME}){{0,2}}"
_GAP = r"(?:[ \t]+|[ \t]*\n[ \t]*)"

_MONTH = (
    r"(?:[Jj]an(?:uary)?|JAN(?:UARY)?|[Ff]eb(?:ruary)?|FEB(?:RUARY)?|[Mm]ar(?:ch)?|MAR(?:CH)?|[Aa]pr(?:il)?|APR(?:IL)?|May|MAY|"
    r"[Jj]une?|JUNE?|[Jj]uly?|JULY?|[Aa]ug(?:ust)?|AUG(?:UST)?|[Ss]ept?(?:ember)?|SEPT?(?:EMBER)?|[Oo]ct(?:ober)?|OCT(?:OBER)?|"
    r"[Nn]ov(?:ember)?|NOV(?:EMBER)?|"
    r"[Dd]ec(?:ember)?|DEC(?:EMBER)?)\.?"
)
_DAY = r"(?:[0-2]?\d|3[01])(?:st|nd|rd|th|ST|ND|RD|TH)?"

_LABEL = re.compile(
    r"(?i)\b(?:patient|name|mrn|medical record|dob|d\.o\.b|date of birth|birth ?date|accession|exam date|date of (?:exam|service|study)|"
    r"patient id|ssn|account|address|phone|fax|physician|ordering|attending|referring|radiologist|technologist|resident|facility|"
    r"report date|e-?mail)\s*(?:name|number|no\.?|#|id|md|physician)?\s*:"
)
_INSTITUTION_LINE = re.compile(
    r"(?i)\b(?:hospital|infirmary|clinic|medical cent(?:er|re)|department of|health system|radiology (?:dept|associates))\b"
)
_SIGNATURE = re.compile(
    r"(?im)^[ \t]*(?:dictated|transcribed|signed|electronically signed|read|reported|interpreted|approved|verified|finali[sz]ed)"
    r"(?:[ \t]+and[ \t]+\w+)?[ \t]+(?:by|on)\b.*$"
)
_INLINE_HEADING = re.compile(r"(?i)\b(?:findings?|impressions?|indications?|technique|comparison|conclusions?|history)\s*:")

# Somebody was told: what follows "with" or "to" is a person, unless it is a ward or a team.
_TOLD = re.compile(
    r"(?i:\b(?:discussed|communicated|relayed|conveyed|telephoned|called|paged|notified|informed|spoke|spoken|reviewed|signed|dictated|"
    rf"interpreted|approved|verified|read)\b)(?i:[^.\n]{{0,60}}?\b(?:with|to|by)\b:?[ \t]+(?:the[ \t]+)?)(?P<who>{_NAMES})"
)
_TOLD_DIRECTLY = re.compile(rf"(?i:\b(?:paged|notified|informed|telephoned)[ \t]+)(?P<who>{_NAMES})")
_NO_PERSON = re.compile(
    r"(?:(?i:drs?|doctor|prof|mrs?|ms|miss|nurse|emergency|clinical|ordering|referring|primary|intensive|nursing|surgical|medical|trauma|"
    r"the|house|team|department)|[A-Z]{2,5})(?!\w)"
)

# A sentence that says nothing but who was told, how and when, once the names are out of it. One that names a finding stays.
_TELLING = re.compile(
    r"(?im)(?:^|(?<=[.!?]))[ \t]*(?:(?:the|these|this|above|critical|important|preliminary|results?|findings?|report|impression|"
    r"case|exam(?:ination)?|were|was|have|has|been|and|also|verbally|directly|all|of)[ \t]+)*"
    r"(?:discussed|communicated|relayed|conveyed|telephoned|called|reported)[ \t]+"
    rf"(?:verbally[ \t]+|directly[ \t]+)?(?:with|to|by)[ \t]+(?:the[ \t]+)?{MARK}"
    r"(?:[ \t,]+(?:by|via|at|on|over|in|and|the|telephone|phone|pager?|person|approximately|about|of|hours?|hrs|[ap]\.?m|"
    rf"minutes?|same|day|today|immediately|time|{MARK}|[\d:]+))*[ \t]*(?:\.|$)"
)
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:[Dd]rs?|DRS?(?=\.)|[Dd]octor|[Pp]rof(?:essor)?|[Mm]rs?|M(?:RS|R)(?=\.)|[Mm]s|[Mm]iss|[Nn]urse)\b\.?{_GAP}{_NAMES}",
        r"\bdrs?\.[ \t]+[a-z][\w'’-]+",
        rf"{_NAME}(?:[ \t]+{_NAME}){{0,2}}(?:,[ \t]*(?:D\.?O\.?|R\.?N\.?|N\.?P\.?|PA-C|Ph\.?D\.?|MBBS|FRCR|FACR)|,?[ \t]+M\.?D\.?)(?!\w)",
        r"\bhttps?://\S+|\bwww\.\S+",
        r"[\w.+-]+@[\w-]+\.[\w.]*\w",
        # Streets, towns, boxes.
        rf"\b\d{{1,5}}[ \t]+(?:[NSEW]\.?[ \t]+)?(?:{_WORD}[ \t]+){{1,3}}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|"
        r"Dr|Way|Court|Ct|Place|Pl|Highway|Hwy|Parkway|Pkwy|Square|Terrace)\b\.?",
        rf"(?:{_WORD}[ \t]+){{0,2}}{_WORD},[ \t]*[A-Z]{{2}}[ \t]+\d{{5}}(?:-\d{{4}})?\b",
        r"\bP\.?[ ]?O\.?[ ]Box[ \t]+\d+",
        rf"(?:(?!(?:Outside|The|This|Our|An?|Another|Referring|Emergency)\b){_WORD}[ \t]+(?:of[ \t]+)?){{1,4}}"
        r"(?:Hospital|Infirmary|Clinic|Medical[ \t]+Cent(?:er|re)|Health[ \t]+System|Imaging[ \t]+Cent(?:er|re)|"
        r"Radiology[ \t]+Associates)\b",
        # Telephones: North American, international, and what a telephone word announces.
        r"(?:\+?\d{1,2}[ .-])?\(?\b\d{3}\)?[ .-]?\d{3}[ .-]\d{4}\b(?:[ \t]*(?:x|ext\.?)[ \t]*\d{1,6})?",
        r"\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}\b",
        r"(?i)\b(?:phone|tel(?:ephone)?|pager|beeper|ext(?:ension)?|fax|cell)\b[.:# \t]*(?:number[ \t]*)?\d{3,5}(?:-\d{4})?\b",
        r"\b\d{3}-\d{2}-\d{4}\b",
        # Dates, whole and in part.
        r"\b\d{1,4}([/.-])\d{1,2}\1\d{2,4}\b",
        r"\b(?:0?[1-9]|1[0-2])/(?:19|20)\d{2}\b",
        r"(?i)\b(?<=on )(?:0?[1-9]|1[0-2])[/-](?:[0-2]?\d|3[01])\b(?![/.-]?\d|[ \t]*[cm]m)",
        r"(?i)(?<=\bdated )(?:0?[1-9]|1[0-2])[/-](?:[0-2]?\d|3[01])\b(?![/.-]?\d|[ \t]*[cm]m)",
        r"(?i)(?<=\bfrom )(?:0?[1-9]|1[0-2])[/-](?:[0-2]?\d|3[01])\b(?![/.-]?\d|[ \t]*[cm]m)",
        rf"\b{_MONTH}[ \t]+{_DAY}(?:,?[ \t]+\d{{4}})?\b(?![ \t]*[cm]m)",
        rf"\b{_DAY}[ \t]+(?:of[ \t]+)?{_MONTH},?(?:[ \t]+\d{{4}})?(?!\w)",
        rf"\b{_MONTH},?[ \t]+(?:19|20)\d{{2}}\b",
        r"\b(?:9\d|1[01]\d)(?=[ \t-]*(?:years?|yrs?|y\.?/?o)\b)",
        # Numbers: those a label announces, and any run of six digits.
        r"(?i)\b(?:mrn|mr[ ]?#|medical record(?: number| no\.?)?|acc(?:ession)?(?: number| no\.?)?|case (?:number|no\.?)|account|visit|"
        r"encounter|ssn|patient id|hospital number|study id)[ \t]*[:#]?[ \t]*(?=[a-z-]*\d)[\w-]{3,}",
        r"\b[A-Z]{0,4}-?\d{6,}\b",
    )
)
_SHORTEST_NAME = 3
_PARTS = re.compile(r"[^\W_]+")
_SENTENCE_END = ".!?:;\n"


def scrub(text: str, identifiers: Iterable[str], institutions: Iterable[str] = ()) -> tuple[str, int]:
    """Remove letterhead, signatures, known identifiers and whatever looks like one.

    Args:
        text: the report as filed.
        identifiers: names, numbers and dates known for this report's patient and staff, in any spelling.
        institutions: names of the houses its films were taken in. They go whole: "General" and "Chest" are no names alone.

    Returns:
        The text that may be published, and how many pieces were removed.
    """
    text, removed = _drop_letterhead(text.replace("\r\n", "\n").replace("\ufeff", ""))
    text, count = _SIGNATURE.subn("", text)
    removed += count
    for remove, known in ((_houses, institutions), (_known, identifiers)):
        text, count = remove(text, known)
        removed += count
    for told in (_TOLD, _TOLD_DIRECTLY):
        text, count = _without_listeners(text, told)
        removed += count
    for pattern in _PATTERNS:
        text, count = pattern.subn(MARK, text)
        removed += count
    text = _TELLING.sub("", re.sub(rf"{MARK}(?:[ \t,.]{{1,2}}{MARK})+", MARK, text))
    return re.sub(r"\n{3,}", "\n\n", text).strip(), removed


def _drop_letterhead(text: str) -> tuple[str, int]:
    """Labelled lines (`MRN: ...`) are dropped wherever they stand, an institution's only at the head of the page.

    An institution's line is one that is no sentence. Where a section opens on the same line, only what stands before its heading goes;
    where a sentence ended before the label, it stays.
    """
    kept, dropped, at_head = [], 0, True
    for line in text.split("\n"):
        label = _LABEL.search(line)
        if label or (at_head and _INSTITUTION_LINE.search(line) and not line.rstrip().endswith(".")):
            dropped += 1
            before, heading = line[: label.start() if label else 0], _INLINE_HEADING.search(line, label.end() if label else 0)
            kept += [before.rstrip()] if before.rstrip().endswith(".") else []
            kept += [line[heading.start() :]] if heading else []
            continue
        at_head = at_head and not line.strip()
        kept.append(line)
    return "\n".join(kept), dropped


def _without_listeners(text: str, told: re.Pattern[str]) -> tuple[str, int]:
    """Who was told, without the words around the name; a ward ("the ED", "Emergency Department") is nobody."""
    removed = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal removed
        who = found["who"]
        if _NO_PERSON.match(who):
            return found[0]
        removed += 1
        return found[0][: found.start("who") - found.start()] + MARK

    return told.sub(mark, text), removed


def _known(text: str, identifiers: Iterable[str]) -> tuple[str, int]:
    """Identifiers of this patient, whole and in parts.

    A part that is an everyday word ("Small", "Young") is a name where it is written as one.
    """
    words: set[str] = set()
    for identifier in identifiers:
        parts = [part for part in re.split(r"[\^=,\s]+", identifier) if len(part) >= _SHORTEST_NAME]
        words.update(parts, [identifier.strip()] if len(identifier.strip()) >= _SHORTEST_NAME else [])
    ordinary = {word for word in words if word.lower() in _ordinary_words()}
    removed = 0
    for pattern, is_ordinary in ((_any_of(words - ordinary), False), (_any_of(ordinary), True)):
        if pattern:
            hits = [found for found in pattern.finditer(text) if not is_ordinary or _written_as_name(text, found)]
            removed += len(hits)
            for found in reversed(hits):
                text = text[: found.start()] + MARK + text[found.end() :]
    return text, removed


def _houses(text: str, names: Iterable[str]) -> tuple[str, int]:
    """Names of institutions, whatever stands between their words; one that is a single word where it is written as a name ("RADIOLOGY")."""
    removed = 0
    for words in sorted({tuple(_PARTS.findall(name)) for name in names} - {()}, key=lambda words: (-len(words), words)):
        spelt = r"[\W_]+".join(map(re.escape, words))
        for found in reversed(list(re.finditer(rf"(?<!\w){spelt}(?!\w)", text, re.IGNORECASE))):
            if len(words) > 1 or _written_as_name(text, found):
                text, removed = text[: found.start()] + MARK + text[found.end() :], removed + 1
    return text, removed


def _any_of(words: set[str]) -> re.Pattern[str] | None:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE) if words else None


def _written_as_name(text: str, found: re.Match[str]) -> bool:
    before, after = text[: found.start()].rstrip(" \t,"), text[found.end() :].lstrip(" \t,")
    if before.endswith(MARK) or after.startswith(MARK) or re.search(r"(?i)\b(?:drs?|mrs?|ms|miss|prof|nurse)\.?$", before):
        return True
    # In a report all in capitals, and at the start of a sentence, capitals tell nothing.
    return found[0].istitle() and bool(before) and before[-1] not in _SENTENCE_END


@cache
def _ordinary_words() -> frozenset[str]:
    lines = resources.files("pipeline.collect").joinpath("ordinary_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def shifted(day: date | None, days: int) -> date | None:
    """A date moved back by the patient's secret number of days; None stays None."""
    return None if day is None else day - timedelta(days=days)
