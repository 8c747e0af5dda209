"""One labelled report in the terminal: its text with findings in the colour of their state, and what is behind each label."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.base.labels import LabelState, ReportLabel
from pipeline.label.explain import HEAD, MEANING, Explained, brief, unique

_STYLES = {
    LabelState.POSITIVE: "bold red",
    LabelState.UNCERTAIN: "bold yellow underline",
    LabelState.NEGATIVE: "green",
    LabelState.UNMENTIONED: "dim underline",
}


def print_explained(console: Console, explained: Explained) -> None:
    """Print the report, a legend, and its labels."""
    console.rule(f"[bold]{Text(explained.report_id).markup}")
    text = Text()
    for part in explained.segments:
        text.append(part.text, _STYLES[part.state] if part.state else "")
    console.print(text)
    console.print()
    console.print(Text.assemble("legend: ", *((f"{MEANING[state]} ", style) for state, style in _STYLES.items())))
    grid = Grid(*HEAD, box=box.SIMPLE_HEAD, pad_edge=False)
    for label in explained.labels:
        grid.add_row(*_row(explained, label))
    console.print(grid)
    console.print(Text(f"not mentioned: {', '.join(explained.silent) or 'nothing'}", "dim"))


def _row(explained: Explained, label: ReportLabel) -> tuple[Text, ...]:
    found = [mention for _, mention in explained.evidence(label)]
    words = unique(" ".join(explained.text[one.start : one.end].split()) for one in found)
    rules = unique(rule for one in found for rule in one.rule_ids)
    attributes = unique(attribute for one in found for attribute in one.attributes)
    state = Text(MEANING[label.state], _STYLES[label.state])
    return (Text(label.finding), state, *map(Text, (brief(label), " · ".join(words), " ".join(rules), ", ".join(attributes))))
