"""WebDataset tar shards: a PNG and a JSON a film, for streaming readers.

train/films-00000.tar  validate/...  test/...      members <image_id>.png (.jpg if so stored) and <image_id>.json
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any, ClassVar

from pipeline.base.interfaces import FORMATS
from pipeline.base.storage import Home
from pipeline.base.tables import SPLITS
from pipeline.write import curated

_FILMS_A_FILE = 1024


@FORMATS.add("webdataset")
class WebDataset:
    """Tar shards per split with a PNG and a JSON a film, for the webdataset package and other streaming readers."""

    description: ClassVar[str] = "WebDataset tar shards per split: <image_id>.png and <image_id>.json with targets and states"

    def __call__(self, home: Home, to: Path) -> list[Path]:
        """Write below `to`; see `pipeline.write.curated.folder` for what it refuses."""
        with curated.folder(home, to, "webdataset") as staging:
            findings = curated.findings_of(home)
            shards = {split: Shards(staging / split) for split in SPLITS}
            for film in curated.films(home, "write webdataset"):
                image_id = film.row["image_id"]
                text = json.dumps(sample(film.row, findings), separators=(",", ":"), sort_keys=True)
                shards[film.row["split"]].add(((f"{image_id}.json", text.encode()), (image_id + film.suffix, film.pixels)))
            for one in shards.values():
                one.close()
        return curated.files_below(to)


def sample(row: dict[str, Any], findings: tuple[str, ...]) -> dict[str, Any]:
    """A film's JSON: facts, and for each kind of label a mapping from finding; null is masked out or unknown."""
    cells = {kind: {name: row[curated.column(kind, name)] for name in findings} for kind in curated.KINDS}
    return {**{name: row[name] for name in curated.FACTS}, **cells}


class Shards:
    """Tar files of at most _FILMS_A_FILE films, with no owner and no time in them: the same films are the same bytes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._films = self._files = 0
        self._tar = self._next()

    def add(self, members: tuple[tuple[str, bytes], ...]) -> None:
        """Append the members of one film."""
        if self._films == _FILMS_A_FILE:
            self._tar.close()
            self._tar, self._films = self._next(), 0
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            self._tar.addfile(info, io.BytesIO(content))
        self._films += 1

    def close(self) -> None:
        """Finish the last file."""
        self._tar.close()

    def _next(self) -> tarfile.TarFile:
        path = self._folder / f"films-{self._files:05d}.tar"
        self._files += 1
        return tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)
