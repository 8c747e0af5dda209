"""Which split each group belongs to: official first, then what was decided earlier, then a keyed hash.

Pure decisions over groups. Where earlier and official splits are kept belongs to `memory`; what must not leak to `leaks`.
The reasons are in docs/adr/0003-splits.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.base.errors import SettingsError
from pipeline.base.settings import Split

# A published test set must stay complete to be comparable with published scores.
_OFFICIAL_ORDER = ("test", "validate", "train")
# A film once trained on may never be tested on; a film once tested on may still be trained on.
_EARLIER_ORDER = ("train", "validate", "test")


@dataclass(frozen=True, slots=True)
class Assignment:
    """A split and who decided it: hash or official."""

    split: str
    by: str


@dataclass(frozen=True, slots=True)
class Group:
    """Films that no split may part."""

    group_id: str
    patients: tuple[str, ...]
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Assignments, and the cases that had to be settled.

    Attributes:
        by_group: assignment of each group.
        official_conflicts: groups whose films have different official splits.
        merged: groups whose patients had been assigned to different splits before a duplicate joined them.
        moved: patients whose split differs from the earlier one.
    """

    by_group: dict[str, Assignment] = field(default_factory=dict)
    official_conflicts: int = 0
    merged: int = 0
    moved: int = 0


def check_shares(shares: Split) -> Split:
    """Refuse shares that leave nothing to train on.

    Raises:
        SettingsError: validate_share and test_share add up to 1 or more.
    """
    if shares.validate_share + shares.test_share >= 1:
        raise SettingsError(
            f"split.validate_share {shares.validate_share:g} and split.test_share {shares.test_share:g} leave nothing to train on",
            "choose shares that add up to less than 1",
        )
    return shares


def draw(u: float, shares: Split) -> str:
    """The split of a uniform number in [0, 1). Test comes first, so that another validate_share moves no test film."""
    if u < shares.test_share:
        return "test"
    return "validate" if u < shares.test_share + shares.validate_share else "train"


def gather(rows: Iterable[Mapping[str, str]]) -> list[Group]:
    """Groups, sorted by group_id, from rows with image_id, patient_id and group_id."""
    patients: dict[str, set[str]] = {}
    images: dict[str, list[str]] = {}
    for row in rows:
        patients.setdefault(row["group_id"], set()).add(row["patient_id"])
        images.setdefault(row["group_id"], []).append(row["image_id"])
    return [Group(name, tuple(sorted(patients[name])), tuple(sorted(images[name]))) for name in sorted(patients)]


def assign(
    groups: Iterable[Group],
    number: Callable[[str], int],
    shares: Split,
    earlier: Mapping[str, Assignment],
    official: Mapping[str, str],
) -> Outcome:
    """Assign every group.

    Args:
        groups: all groups of the set.
        number: the secret 64-bit number of a group_id.
        shares: of validate and test; the rest is train.
        earlier: patient_id -> assignment of an earlier run with the same shares.
        official: image_id -> split the source itself published.
    """
    outcome: dict[str, Assignment] = {}
    conflicts = merged = moved = 0
    for group in groups:
        published = {official[image] for image in group.images if image in official}
        known = [earlier[patient] for patient in group.patients if patient in earlier]
        chosen = _official(published) or _earlier(known) or Assignment(draw(number(group.group_id) / 2**64, shares), "hash")
        outcome[group.group_id] = chosen
        conflicts += len(published) > 1
        merged += len({one.split for one in known}) > 1
        moved += sum(one.split != chosen.split for one in known)
    return Outcome(outcome, conflicts, merged, moved)


def _official(published: set[str]) -> Assignment | None:
    return Assignment(next(split for split in _OFFICIAL_ORDER if split in published), "official") if published else None


def _earlier(known: list[Assignment]) -> Assignment | None:
    if not known:
        return None
    if published := {one.split for one in known if one.by == "official"}:
        return _official(published)
    splits = {one.split for one in known}
    return Assignment(next(split for split in _EARLIER_ORDER if split in splits), "hash")
