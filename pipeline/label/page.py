"""One HTML page that needs nothing else: no scripts from elsewhere, no fonts, no images; readable in light and dark.

Here belongs the frame and the table. What a page says belongs to the module that writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #d4dae2; --quiet: #5b6675; --wash: #f4f6f9;
  --positive: #b3261e; --positive-wash: #fbdcd9; --negative: #1f6b3a; --negative-wash: #d8f0df;
  --uncertain: #7a5200; --uncertain-wash: #fcebbf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ef; --paper: #14181f; --line: #363f4c; --quiet: #9aa6b6; --wash: #1c222b;
  --positive: #ff9d94; --positive-wash: #5a201c; --negative: #8fdba6; --negative-wash: #173d25;
  --uncertain: #ffd479; --uncertain-wash: #4d3a0c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 78rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.35rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } .quiet { color: var(--quiet); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.8 ui-monospace, monospace; background: var(--wash);
  border: 1px solid var(--line); border-radius: 6px; padding: 1rem; }
table { border-collapse: collapse; font-size: 14px; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: 12.5px ui-monospace, monospace; } a { color: inherit; }
.POSITIVE, .NEGATIVE, .UNCERTAIN, .UNMENTIONED { color: inherit; border-radius: 3px; padding: 1px 3px; }
.POSITIVE { background: var(--positive-wash); border-bottom: 2px solid var(--positive); }
.NEGATIVE { background: var(--negative-wash); border-bottom: 2px dotted var(--negative); }
.UNCERTAIN { background: var(--uncertain-wash); border-bottom: 2px dashed var(--uncertain); }
.UNMENTIONED { background: none; color: var(--quiet); border-bottom: 1px dashed var(--quiet); }
mark:hover, mark:has(:target) { outline: 2px solid var(--ink); }
""".strip()


class Raw(str):
    """A cell that is HTML already."""


def page(title: str, body: Iterable[str]) -> str:
    """The whole document; `body` is HTML, `title` is not."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *body,
            "</body></html>\n",
        )
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()) -> str:
    """A table; cells are escaped unless `Raw`, columns named in `numbers` are aligned to the right."""
    kinds = [' class="number"' if name in numbers else "" for name in head]
    lines = [f"<tr>{''.join(f'<th{kind}>{escape(name)}</th>' for name, kind in zip(head, kinds, strict=True))}</tr>"]
    for row in rows:
        lines.append(f"<tr>{''.join(f'<td{kind}>{cell(value)}</td>' for value, kind in zip(row, kinds, strict=True))}</tr>")
    return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"


def cell(value: object) -> str:
    """A value as HTML."""
    return value if isinstance(value, Raw) else escape("" if value is None else str(value))


def state(name: str, shown: str | None = None) -> Raw:
    """A state's name, or other words, in its colours."""
    return Raw(f'<span class="{name}">{escape(shown or name.lower())}</span>')
