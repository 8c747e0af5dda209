"""How a labeler reads sentences made by grammar, which its rules were not written from: tests/labelers/paraphrases.

    python benchmarks/bench_paraphrases.py [--labeler rules] [--per-frame 16] [--failures N] [--group NAME] [--floors]

Prints exact agreement of items and micro F1 of states, with 95 % intervals over frames, for the two halves apart. The half `open` may be
read by whoever writes rules: `--failures` prints it. The half `sealed` says whether a rule generalises, so its texts are never printed.
`--floors` measures what the tests hold the rules to and writes it, for a change of the rules or of the sentences.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "labelers"))

from paraphrases import grammar, marking

from benchmarks.record import record
from pipeline.base.labels import to_chexpert


def table(marks: Sequence[marking.Mark]) -> None:
    """One line a group: frames, items, exact agreement and micro F1 of both halves."""
    print(f"{'group':22}" + "".join(f"  {half:>6}: frames items  exact     F1" for half in grammar.HALVES))
    for group, halves in marking.by_group(marks).items():
        print(f"{group:22}" + "".join(_cell(halves[half]) for half in grammar.HALVES))


def _cell(marks: Sequence[marking.Mark]) -> str:
    if not marks:
        return " " * 37
    frames = len({mark.item.frame for mark in marks})
    f1 = f"{marking.micro_f1(marks):.3f}" if any(mark.stated for mark in marks) else "    -"
    return f"{frames:16} {len(marks):5}  {marking.exact(marks):.3f}  {f1}"


def failures(marks: Sequence[marking.Mark], count: int, group: str | None) -> None:
    """Print wrong items of the open half, at most three of a frame, in an order that mixes the groups."""
    wrong = [mark for mark in marks if mark.wrong and mark.item.half == "open" and group in (None, mark.item.group)]
    random.Random(0).shuffle(wrong)
    printed: dict[str, int] = {}
    for mark in wrong:
        frame = mark.item.frame
        if printed.get(frame, 0) == 3 or sum(printed.values()) == count:
            continue
        printed[frame] = printed.get(frame, 0) + 1
        print(f"\n{frame}: {mark.item.text}")
        for finding, expected, got in mark.wrong:
            print(f"    {finding}: {_number(expected)} expected, {_number(got)} read")


def write_floors(labeler: str) -> None:
    """Write what is measured on the tests' items, less the slack, for every group and half."""
    marks = marking.mark(list(grammar.items(marking.FLOOR_ITEMS)), labeler)
    lines = [
        "# Exact agreement below which tests/labelers/test_paraphrases.py fails: open half, sealed half. bench_paraphrases.py --floors"
    ]
    for group, halves in marking.by_group(marks).items():
        floors = (max(0.0, math.floor(100 * (marking.exact(halves[half]) - marking.FLOOR_SLACK)) / 100) for half in grammar.HALVES)
        lines.append(f"{group} = [{', '.join(f'{floor:.2f}' for floor in floors)}]")
    marking.FLOORS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _number(state: str) -> str:
    number = to_chexpert(state)
    return "blank" if number is None else f"{number:.0f}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labeler", default="rules")
    parser.add_argument("--per-frame", type=int, default=16, help="items of one frame, at most (16)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other findings and modifiers (0)")
    parser.add_argument("--failures", type=int, default=0, metavar="N", help="print so many wrong items, of the open half only")
    parser.add_argument("--group", help="print failures of this group alone")
    parser.add_argument("--floors", action="store_true", help="write the floors of the tests and stop")
    arguments = parser.parse_args()
    if arguments.floors:
        write_floors(arguments.labeler)
        return
    marks = marking.mark(list(grammar.items(arguments.per_frame, arguments.seed)), arguments.labeler)
    table(marks)
    failures(marks, arguments.failures, arguments.group)
    figures: dict[str, float | int | str] = {"labeler": arguments.labeler, "items": len(marks), "frames": len(grammar.frames())}
    for half in grammar.HALVES:
        for name, score in zip(("exact", "f1"), marking.intervals([mark for mark in marks if mark.item.half == half]), strict=True):
            figures[f"{half}_{name}"] = str(score)
    record("paraphrases", figures)


if __name__ == "__main__":
    main()
