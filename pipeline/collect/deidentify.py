"""Report text without identities, and dates that keep their intervals. What is removed leaves `___`, as in MIMIC-CXR.

Three layers: letterhead and signature lines, the identifiers this export is known to hold (from headers and file names), and patterns for
those it is not. Dates go entirely, years included; ages over 89 go (HIPAA 164.514(b)(2)(i)). Why rules, and what they miss: docs/adr/0004.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from pipeline.collect.known import MARK, remove_houses, remove_identifiers

# Parts of names. A name starts with a capital, so that the words after "Dr. Smith" stay. Lengths are bounded, or a text of one long word
# would take the square of its length.
_CAPITAL = r"[^\W\d_a-zß-ÿ]"
_WORD = rf"{_CAPITAL}[\w'’-]{{0,40}}"
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
    r"(?i)\b(?:patient|name|mrn|mr#|mr #|medical record|dob|d\.o\.b\.?|date of birth|birth ?date|born|accessions?|exam date|"
    r"date of (?:exam|service|study)|patient id|pid|ssn|nhs|chi|hospital|unit|account|address|phone|fax|physician|ordering|attending|"
    r"referring|referrer|radiologist|technologist|radiographer|resident|facility|orc|obr|gp|copy to|copies to|report date|e-?mail|"
    r"(?:requested|referred|ordered|reported|typed|transcribed|dictated|read|reviewed|verified|approved|authori[sz]ed|checked|signed|"
    r"electronically signed|signed electronically|digitally signed|addended)(?: electronically)?(?: by)?)"
    r"\s*(?:name|number|no\.?|#|id|md|physician)?\s*:"
)
_INSTITUTION_LINE = re.compile(
    r"(?i)\b(?:hospital|infirmary|clinic|medical cent(?:er|re)|department of|health system|radiology (?:dept|associates))\b"
)
# A line that says who signed; "Reported on the previous CT" is a sentence.
_SIGNATURE = re.compile(
    r"(?im)^[ \t]*(?:(?:(?:electronically|digitally)[ \t]+)?"
    r"(?:dictated|transcribed|typed|signed|approved|verified|finali[sz]ed|authori[sz]ed|addended|countersigned)"
    r"(?:[ \t]+electronically)?(?:[ \t]+and[ \t]+\w+)?[ \t]+(?:by|on)\b|(?:signed electronically|electronically signed)\b|"
    r"(?:read|reported|interpreted)(?:[ \t]+and[ \t]+\w+)?[ \t]+(?:by|on)\b:?[ \t]+(?:drs?\b|(?-i:[A-Z\d]))).{0,160}$"
)
# A field of more letters has run on into a sentence.
_LONGEST_FIELD = 120
_SENTENCE = re.compile(r"(?<=\w{3})\.[ \t]+(?=[A-Z])")
_ENDS = re.compile(r"[.:](?=\s|$)\s*")
_INLINE_HEADING = re.compile(r"(?i)\b(?:findings?|impressions?|indications?|technique|comparison|conclusions?|history)\s*:")

# A name on a line of its own above the trade of whoever signs, below a greeting, and of who gets a copy; "CC: cough" is a complaint.
_TRADE = r"(?i:\b(?:radiolog(?:ist|y)|registrar|consultant|physician|resident|attending|fellow|sonographer|radiographer)\b)"
_GREETING = r"(?i:yours (?:sincerely|faithfully)|(?:kind|best|with kind) regards|sincerely)"
_SIGNED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?m)^[ \t]*(?:(?:Dr|DR|Prof)\.?[ \t]+)?{_NAMES}[ \t]*(?=\n[^\n.:]*{_TRADE}[^\n.:]{{0,40}}$)",
        rf"(?m)^[ \t]*{_GREETING},?[ \t]*\n\s*{_NAMES}[ \t]*$",
        rf"(?m)^[ \t]*[Cc][Cc]:[ \t]*(?:Dr\.?[ \t]|{_NAMES},[ \t]*\d).*$",
    )
)


def _person_behind(verbs: str, most: int, words: str) -> re.Pattern[str]:
    """Whom one of `words` names, at most so many letters behind one of `verbs`."""
    return re.compile(rf"(?i:\b(?:{verbs})\b)(?i:[^.\n]{{0,{most}}}?\b(?:{words})\b:?[ \t]+(?:the[ \t]+)?)(?P<who>{_NAMES})")


_DONE_BY = _person_behind(
    "seen|examined|referred|requested|admitted|typed|performed|prepared|checked|authori[sz]ed|countersigned|addended|discussion",
    40,
    "by|with",
)
# Somebody was told: what follows "with" or "to" is a person, unless it is a ward or a team.
_TOLD = _person_behind(
    "discussed|communicated|relayed|conveyed|telephoned|called|paged|notified|informed|spoke|spoken|reviewed|signed|dictated|"
    "interpreted|approved|verified|read",
    60,
    "with|to|by",
)
_TOLD_DIRECTLY = re.compile(rf"(?i:\b(?:paged|notified|informed|telephoned)[ \t]+)(?P<who>{_NAMES})")
_NO_PERSON = re.compile(
    r"(?:(?i:drs?|doctor|prof|mrs?|ms|miss|nurse|emergency|clinical|ordering|referring|primary|intensive|nursing|surgical|medical|trauma|"
    r"the|house|team|department|lateral|frontal|prior|previous|comparison|old|older|portable|chest|left|right|inspiration|expiration)|"
    r"[A-Z]{2,5}$)(?!\w)"
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
        rf"\b(?:[Dd]rs?|DRS?(?=\.)|[Dd]octor|[Pp]rof(?:essor)?|[Mm]rs?|M(?:RS|R)(?=\.)|[Mm]s|[Mm]iss|[Nn]urse|Sister)\b(?:\.|\.?{_GAP}){_NAMES}",
        r"\bdrs?\.?[ \t]+[a-z][\w'’-]+",
        rf"(?:\b[Dd]/[Ww]|/s/)[ \t]+{_NAMES}",
        rf"(?:(?<=\bWITH )|(?<=\bBY )|(?<=\bTO )|(?<=\bFROM )|(?<=\bPER ))DRS?\.?[ \t]+{_WORD}",
        rf"(?:\bMRS|\bMISS|\bSIG\.|\bHERR|\bFRAU)[ \t]+{_WORD}",
        rf"{_NAME}(?:[ \t]+{_NAME}){{0,2}}(?:,[ \t]*(?:D\.?O\.?|R\.?N\.?|N\.?P\.?|PA-C|Ph\.?D\.?|MBBS|FRCR|FACR)|,?[ \t]+M\.?D\.?)(?!\w)",
        r"\bhttps?://\S+|\bwww\.\S+",
        r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.]{0,63}\w",
        # Streets, towns, boxes.
        rf"\b\d{{1,5}}[ \t]+(?:[NSEW]\.?[ \t]+)?(?:{_WORD}[ \t]+){{1,3}}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|"
        r"Dr|Way|Court|Ct|Place|Pl|Highway|Hwy|Parkway|Pkwy|Square|Terrace|Close|Crescent|Gardens|Grove|Mews)\b\.?",
        rf"\b{_CAPITAL}\w+(?:straße|strasse|str\.|weg|platz|allee|gasse)[ \t]+\d{{1,4}}[a-z]?\b",
        rf"(?:\b{_WORD},?[ \t]+)?\b[A-Z]{{1,2}}\d[A-Z\d]?[ \t]\d(?!CM|MM|ML|CC|MG|KG|FR)[A-Z]{{2}}\b",
        rf"(?:{_WORD}[ \t]+){{0,2}}{_WORD},[ \t]*[A-Z]{{2}}[ \t]+\d{{5}}(?:-\d{{4}})?\b",
        r"\bP\.?[ ]?O\.?[ ]Box[ \t]+\d+",
        rf"(?:(?!(?:Outside|The|This|Our|An?|Another|Referring|Emergency)\b){_WORD}[ \t]+(?:of[ \t]+)?){{1,4}}"
        r"(?:Hospital|Infirmary|Clinic|Medical[ \t]+Cent(?:er|re)|Health[ \t]+System|Imaging[ \t]+Cent(?:er|re)|"
        r"Radiology[ \t]+Associates)\b",
        r"(?:(?!(?:OUTSIDE|THE|THIS|OUR|AN?|ANOTHER|REFERRING|EMERGENCY|IN|TO|AT|FROM|OF|AND|WAS)\b)"
        r"\b[A-Z][A-Z'’-]{1,40}[ \t]+(?:OF[ \t]+)?){1,4}"
        r"(?:HOSPITAL|INFIRMARY|CLINIC|MEDICAL[ \t]+CENT(?:ER|RE)|HEALTH[ \t]+SYSTEM)\b",
        # Telephones: North American, international, and what a telephone word announces.
        r"(?:\+?\d{1,2}[ .-])?\(?\b\d{3}\)?[ .-]?\d{3}[ .-]\d{4}\b(?:[ \t]*(?:x|ext\.?)[ \t]*\d{1,6})?",
        r"\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}\b",
        r"\(?\b0\d{2,4}\)?[ \t.-]\d{3,4}[ \t.-]?\d{3,4}\b",
        r"(?<![\d-])\d{3}-\d{4}(?![\d-])",
        r"(?i)\b(?:phone|tel(?:ephone)?|pager|beeper|bleep|dect|mobile|ext(?:ension)?|fax|cell)\b[.:# \t]*(?:number[ \t]*)?"
        r"\d{3,6}(?:-\d{4})?\b",
        r"\b\d{3}[ \t]\d{3}[ \t]\d{4}\b",
        r"\b\d{3}-\d{2}-\d{4}\b",
        # Dates, whole and in part.
        r"(?<!ribs )(?<!RIBS )\b\d{1,4}([/.-])\d{1,2}\1\d{2,4}(?!\d)(?:[Tt]\d{2}[\d:.]*[Zz]?)?(?!\w)",
        rf"(?i)\b{_DAY}[ \t./-]?{_MONTH}[ \t./-]?(?:(?:19|20)\d{{2}}|\d{{2}})(?!\w)",
        r"\b(?:0?[1-9]|1[0-2])/(?:19|20)\d{2}\b",
        r"(?i)\b(?<=on )(?:0?[1-9]|1[0-2])[/-](?:[0-2]?\d|3[01])\b(?![/.-]?\d|[ \t]*[cm]m)",
        r"(?i)(?<=\bdated )(?:0?[1-9]|1[0-2])[/-](?:[0-2]?\d|3[01])\b(?![/.-]?\d|[ \t]*[cm]m)",
        r"(?i)(?<=\bfrom )(?:0?[1-9]|1[0-2])[/-](?:[0-2]?\d|3[01])\b(?![/.-]?\d|[ \t]*[cm]m)",
        rf"\b{_MONTH}[ \t]+{_DAY}(?:,?[ \t]+\d{{4}})?\b(?![ \t]*[cm]m)",
        rf"\b{_DAY}[ \t]+(?:of[ \t]+)?{_MONTH},?(?:[ \t]+\d{{4}})?(?!\w)",
        rf"\b{_MONTH}(?:,?[ \t]+|[./-])(?:19|20)\d{{2}}\b",
        r"\b(?:9\d|1[01]\d)(?=[ \t-]*(?:years?|yrs?|y\.?/?o|[MFmf])\b)",
        r"(?i)(?<=\baged )(?:9\d|1[01]\d)\b",
        r"(?i)\b(?:ninety|one hundred)(?:[ -]\w+)?(?=[ -]year)",
        # Numbers: those a label announces, and any run of six digits.
        r"(?i)\b(?:mrn|mr[ ]?#|medical record(?: number| no\.?)?|acc(?:ession)?(?: number| no\.?)?|case (?:number|no\.?)|account|visit|"
        r"encounter|ssn|nhs|patient id|hosp(?:ital)?\.? (?:number|no\.?)|unit no\.?|study id)[ \t]*[:#]?[ \t]*"
        r"(?:\d{2}(?:[ -]\d{2}){2,4}\b|(?=[a-z-]*\d)[\w/-]{3,})",
        r"\b[A-Z]{0,4}-?\d{6,}\b",
    )
)


# A first name that was left before a name.
_FIRST_NAME = re.compile(rf"(?<=[a-z,] ){_CAPITAL}[a-zß-ÿ'’-]{{2,}}(?:[ \t]+{_CAPITAL}\.)?[ \t]+{MARK}")


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
    for signature in (_SIGNATURE, *_SIGNED):
        text, count = signature.subn("", text)
        removed += count
    for remove, known in ((remove_houses, institutions), (remove_identifiers, identifiers)):
        text, count = remove(text, known)
        removed += count
    for told in (_TOLD, _TOLD_DIRECTLY, _DONE_BY):
        text, count = _without_listeners(text, told)
        removed += count
    for pattern in _PATTERNS:
        text, count = pattern.subn(MARK, text)
        removed += count
    text = _FIRST_NAME.sub(MARK, text)
    text = _TELLING.sub("", re.sub(rf"{MARK}(?:[ \t,.]{{1,2}}{MARK})+", MARK, text))
    return re.sub(r"\n{3,}", "\n\n", text).strip(), removed


def _drop_letterhead(text: str) -> tuple[str, int]:
    """What follows a label (`MRN: ...`) is dropped wherever it stands, an institution's line only at the head of the page.

    An institution's line is one that is no sentence.
    """
    kept, dropped, at_head = [], 0, True
    for line in text.split("\n"):
        if at_head and _INSTITUTION_LINE.search(line) and not line.rstrip().endswith(".") and len(line) <= _LONGEST_FIELD:
            heading = _INLINE_HEADING.search(line)
            kept += [line[heading.start() :]] if heading else []
            dropped += 1
            continue
        left, count = _without_fields(line)
        at_head = at_head and not left.strip()
        dropped += count
        if not count or left.strip():
            kept.append(left)
    return "\n".join(kept), dropped


def _without_fields(line: str) -> tuple[str, int]:
    """A line without its labels and what they announce: the rest of the line up to a heading, of a long line up to the next sentence.

    Sentences before a label stay.
    """
    kept, at, dropped = "", 0, 0
    while label := _LABEL.search(line, at):
        before = line[at : label.start()]
        ends = [found.end() for found in _ENDS.finditer(before)]
        kept += before if len(before) > _LONGEST_FIELD else before[: ends[-1]] if ends else ""
        at, dropped = _field_end(line, label.end()), dropped + 1
    return kept + line[at:], dropped


def _field_end(line: str, start: int) -> int:
    following = _INLINE_HEADING.search(line, start)
    end = following.start() if following else len(line)
    if end - start <= _LONGEST_FIELD:
        return end
    sentence = _SENTENCE.search(line, start, end)
    return sentence.end() if sentence else end


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


def shifted(day: date | None, days: int) -> date | None:
    """A date moved back by the patient's secret number of days; None stays None."""
    return None if day is None else day - timedelta(days=days)
