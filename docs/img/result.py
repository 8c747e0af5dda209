"""Draw docs/img/result.png: the most suspicious label of each finding in a finished home, film beside report.

Run `make demo`, then `python -m docs.img.result demo/home`. The pictures are the sample hospital's phantom films.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pyarrow.compute as pc

from pipeline.base.images import decode_eight_bits
from pipeline.base.storage import Home

TO = Path(__file__).with_name("result.png")
SHOWN = 6
_FIRST_OF_EACH = """
    SELECT image_id, finding, given_label, p_positive, reason FROM label_issues
    WHERE is_label_issue AND finding <> 'No Finding' AND reason LIKE '%the report says%'
    QUALIFY row_number() OVER (PARTITION BY finding ORDER BY rank) = 1 ORDER BY rank
"""


def draw(home: Home, to: Path) -> None:
    """Write the picture; a home without label issues makes an empty one."""
    rows = home.sql(_FIRST_OF_EACH).to_pylist()[:SHOWN]
    films = home.read("images", ["image_id", "pixels"])
    figure, axes = plt.subplots(2, 3, figsize=(12, 9.6), facecolor="white")
    for place, row in zip(axes.flat, rows, strict=False):
        pixels = films.filter(pc.equal(films.column("image_id"), row["image_id"])).column("pixels")[0].as_py()
        film = decode_eight_bits(pixels)
        side = min(film.shape)
        place.imshow(film[:side, (film.shape[1] - side) // 2 :][:, :side], cmap="gray", vmin=0, vmax=255)
        place.set_title(
            f"{row['finding']}: given {row['given_label']}, P(present) {row['p_positive']:.2f}", fontsize=9.5, weight="bold", loc="left"
        )
        place.set_xlabel(textwrap.fill(row["reason"].partition(", but ")[2], 58), fontsize=8.5, loc="left")
    for place in axes.flat:
        place.set_xticks([])
        place.set_yticks([])
        place.set_frame_on(False)
    figure.tight_layout(h_pad=2)
    figure.savefig(to, dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    draw(Home(Path(sys.argv[1])).require(), TO)
