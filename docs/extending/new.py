"""Start a plug-in: `make new-labeler NAME=x` writes a working file and its test from docs/extending/templates."""

from __future__ import annotations

import keyword
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).resolve().parent / "templates"
# seam -> folder of the plug-in, folder of its test
SEAMS = {
    "source": ("pipeline/collect/sources", "tests/collect"),
    "label_file": ("pipeline/collect/label_files", "tests/collect"),
    "rule": ("pipeline/exclude/rules", "tests/exclude"),
    "labeler": ("labelers", "tests/labelers"),
    "policy": ("pipeline/label/uncertainty", "tests/label"),
    "detector": ("pipeline/rank/detectors", "tests/rank"),
    "model": ("models/architectures", "tests/models"),
    "loss": ("models/losses", "tests/models"),
    "zoo": ("models/zoo", "tests/models/zoo"),
    "format": ("pipeline/write/formats", "tests/write"),
}


# Further files of a seam: folder, name, template.
MORE = {"zoo": (("tests/models/zoo/twins", "{name}.py", "zoo.twin.py.txt"),)}


def write(seam: str, name: str) -> list[Path]:
    """Write the plug-in, its test, and what else its seam asks for.

    Args:
        seam: a key of SEAMS.
        name: lower_snake_case; the module, and the name users write.

    Raises:
        SystemExit: the name is no module name, or taken.
    """
    if seam not in SEAMS:
        raise SystemExit(f"no seam is called {seam!r}: choose one of {', '.join(SEAMS)}")
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower() or name.startswith("_"):
        raise SystemExit(f"a {seam} is named like a module, lower_snake_case, not {name!r}: make new-{seam} NAME=my_{seam}")
    plugin, test = (ROOT / folder for folder in SEAMS[seam])
    files = {plugin / f"{name}.py": f"{seam}.py.txt", test / f"test_{seam}_{name}.py": f"{seam}.test.py.txt"}
    files |= {ROOT / folder / called.format(name=name): template for folder, called, template in MORE.get(seam, ())}
    if taken := [path for path in (*files, plugin / name) if path.exists()]:
        raise SystemExit(f"{taken[0].relative_to(ROOT)} exists already: choose another NAME")
    for path, template in files.items():
        text = (TEMPLATES / template).read_text(encoding="utf-8")
        path.write_text(text.replace("{{name}}", name).replace("{{Class}}", _class(name)), encoding="utf-8")
    return list(files)


def _class(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


if __name__ == "__main__":
    written = write(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    print("wrote " + " and ".join(path.relative_to(ROOT).as_posix() for path in written))
