"""The rule labeler finding by finding, and on paraphrases."""

from __future__ import annotations

from benchmarks.pages import Line, grid, interval, lines, measured

DOC = "labels.md"
KINDS = {"state": "exact state", "positive": "present", "negative": "denied", "uncertain": "uncertain", "mention": "mentioned"}


def text() -> str:
    """The rule labeler finding by finding, then on paraphrases."""
    found = measured("accuracy")
    guide = [line for line in found if line["preset"] == "guide"]
    parts = [
        f"Preset `guide`, {guide[0]['reports']} reports, version {guide[0]['version']}. F1, in brackets the cells that people marked so:",
        "",
    ]
    parts += grid(("finding", *KINDS.values()), [(line["finding"], *(_f1(line, kind) for kind in KINDS)) for line in guide])
    coded = [line for line in found if line["preset"] == "openi"]
    parts += ["", f"Preset `openi`, {coded[0]['reports']} reports, what the coders marked as present:", ""]
    parts += grid(("finding", "present"), [(line["finding"], _f1(line, "positive")) for line in coded])
    for line in lines("paraphrases")[-1:]:
        parts += ["", f"Paraphrases: {line['items']} texts from {line['frames']} frames; all findings of a text exactly right:", ""]
        halves = [(half, line[f"{half}_exact"], line[f"{half}_f1"]) for half in ("open", "sealed")]
        parts += grid(("half", "exact texts", "F1 of cells"), halves)
    return "\n".join(parts)


def _f1(line: Line, kind: str) -> str:
    return f"{found} ({line[f'{kind}_cells']})" if (found := interval(line, f"{kind}_f1")) else ""
