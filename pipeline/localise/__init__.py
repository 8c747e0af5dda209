"""Whether a network looks where radiologists drew boxes, without a home: a network of `cxr train`, a folder of films, a file of boxes.

`boxes` and `films` read, `scores` measures, `page` shows. Maps are made in `models.saliency`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.base.errors import InputError
from pipeline.base.images import resize_square
from pipeline.base.pictures import enlarged
from pipeline.base.progress import track
from pipeline.localise import films, scores
from pipeline.localise.boxes import Box, BoxFile
from pipeline.localise.scores import Looked, Sides

if TYPE_CHECKING:
    from models.trained import Trained

Size = tuple[float, float]
# Drawn by hand to the film's edge, boxes of the archives reach a little beyond it.
BEYOND_EDGE = 0.02
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Localised:
    """What was measured.

    Attributes:
        looked: each film and finding with boxes that the network answers.
        paths: film -> its file.
        threshold: of the intersection over union.
        notes: what was left out, in words.
    """

    looked: tuple[Looked, ...]
    paths: Mapping[str, Path]
    threshold: float
    notes: tuple[str, ...]


def localise(
    checkpoint: Path, data: Path, drawn: BoxFile, threshold: float, box_size: Size | None = None, device: str = "auto"
) -> Localised:
    """Look at every film with boxes.

    Args:
        checkpoint: file that `cxr train` wrote.
        data: folder of PNG or JPEG films.
        drawn: the boxes.
        threshold: value of a map, 0 to 1, from which a cell counts as seen.
        box_size: width and height in pixels of the films that boxes were drawn on, where those in the folder were resized.
        device: auto, cpu or cuda.

    Raises:
        InputError: films, boxes and network have nothing in common, or a box lies beyond its film.
    """
    from models import devices, trained

    network = trained.load(checkpoint)
    network.network.to(devices.choose(device, "--device"))
    paths = films.index(data)
    answered = [box for box in drawn.boxes if box.finding in network.card.findings]
    there = [box for box in answered if box.film in paths]
    if not there:
        raise InputError(
            f"no film of the folder has one of the {len(answered)} boxes whose finding the network answers, of {len(drawn.boxes)} in all",
            f"the network answers {', '.join(network.card.findings)}; films are found by file name without suffix",
        )
    by_film: dict[str, list[Box]] = defaultdict(list)
    for box in there:
        by_film[box.film].append(box)
    looked = tuple(_look(network, paths, by_film, threshold, box_size))
    return Localised(looked, {one.film: paths[one.film] for one in looked}, threshold, tuple(_notes(drawn, answered, there)))


def _notes(drawn: BoxFile, answered: list[Box], there: list[Box]) -> Iterator[str]:
    if drawn.unknown:
        words = ", ".join(f"{word} ({n})" for word, n in sorted(drawn.unknown.items()))
        yield f"boxes of classes that no finding of ours covers, left out: {words}"
    if silent := sorted({box.finding for box in drawn.boxes} - {box.finding for box in answered}):
        yield f"the network does not answer {', '.join(silent)}: {len(drawn.boxes) - len(answered)} boxes left out"
    if missing := {box.film for box in answered} - {box.film for box in there}:
        yield f"{len(missing)} films with boxes are not in the folder: {len(answered) - len(there)} boxes left out"


def _look(
    network: Trained, paths: Mapping[str, Path], by_film: Mapping[str, list[Box]], threshold: float, box_size: Size | None
) -> Iterator[Looked]:
    names = sorted(by_film)
    for start in track(range(0, len(names), AT_ONCE), "look", unit=" batches"):
        some = names[start : start + AT_ONCE]
        pixels, sides = [], {}
        for name in some:
            film = films.read(paths[name])
            sides[name] = _shares(by_film[name], box_size or (film.shape[1], film.shape[0]))
            pixels.append(resize_square(film, network.card.size_px))
        yield from _measure(network, np.stack(pixels), [(name, by_film[name][0].patient, sides[name]) for name in some], threshold)


def _measure(
    network: Trained, pixels: npt.NDArray[np.uint8], known: list[tuple[str, str, dict[str, tuple[Sides, ...]]]], threshold: float
) -> Iterator[Looked]:
    """Films (n, size, size) and of each name, patient, and finding -> boxes."""
    from models.saliency import grad_cam, peak
    from models.training import predict_logits

    findings, channels = network.card.findings, network.card.channels
    probs = network.calibration(predict_logits(network.network, pixels, channels)[0])
    pairs = [(row, finding) for row, (_, _, boxes) in enumerate(known) for finding in boxes]
    outputs = [findings.index(finding) for _, finding in pairs]
    maps = grad_cam(network.network, pixels[[row for row, _ in pairs]], outputs, channels)
    for (row, finding), output, saliency in zip(pairs, outputs, maps, strict=True):
        name, patient, boxes = known[row][0], known[row][1], known[row][2][finding]
        iou = scores.overlap(enlarged(saliency, scores.GRID, scores.GRID), boxes, threshold)
        share = float(scores.inside(boxes).mean())
        yield Looked(name, patient, finding, boxes, float(probs[row, output]), saliency, scores.hits(peak(saliency), boxes), iou, share)


def _shares(boxes: list[Box], size: Size) -> dict[str, tuple[Sides, ...]]:
    """Finding -> boxes as shares of the film's sides.

    Raises:
        InputError: a box lies beyond the film.
    """
    width, height = size
    found: dict[str, list[Sides]] = defaultdict(list)
    for box in boxes:
        sides = (box.x_min / width, box.y_min / height, box.x_max / width, box.y_max / height)
        if min(sides) < -BEYOND_EDGE or max(sides) > 1 + BEYOND_EDGE:
            raise InputError(
                f"a box reaches to ({box.x_max:.0f}, {box.y_max:.0f}) on a film of {width:.0f} x {height:.0f} pixels",
                "if the films were resized, give the size they were drawn at: --box-size 1024, or --box-size WIDTHxHEIGHT",
            )
        found[box.finding].append(sides)
    return {finding: tuple(some) for finding, some in found.items()}
