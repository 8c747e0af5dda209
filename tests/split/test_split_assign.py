"""Assignment: stable under growth, official first, whole groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import SettingsError
from pipeline.base.pseudonyms import Pseudonyms
from pipeline.base.settings import Split
from pipeline.base.tables import SPLITS
from pipeline.split.assign import Assignment, Group, Outcome, assign, check_shares, draw, gather
from pipeline.split.memory import renewed

SHARES = Split()
NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=5), min_size=1, max_size=20, unique=True)


def numbers(key: bytes = b"k" * 32) -> Callable[[str], int]:
    names = Pseudonyms(key)
    return lambda group_id: names.number("split", group_id)


def grouped(*members: tuple[str, ...]) -> list[Group]:
    """Groups named, as `group` names them, by the smallest patient; one film a patient."""
    return gather(
        [{"image_id": f"film-{name}", "patient_id": name, "group_id": min(patients)} for patients in members for name in patients]
    )


def split_of(groups: list[Group], outcome: Outcome) -> dict[str, str]:
    return {patient: outcome.by_group[group.group_id].split for group in groups for patient in group.patients}


def merge(links: list[tuple[str, str]], patients: list[str]) -> list[Group]:
    parent = {name: name for name in patients}

    def root(name: str) -> str:
        return name if parent[name] == name else root(parent[name])

    for a, b in links:
        parent[root(a)] = root(b)
    members: dict[str, list[str]] = {}
    for name in patients:
        members.setdefault(root(name), []).append(name)
    return grouped(*(tuple(group) for group in members.values()))


@given(old=NAMES, new=NAMES, data=st.data(), key=st.binary(min_size=32, max_size=32))
@settings(max_examples=150, deadline=None)
def test_new_patients_move_no_old_one_even_when_their_duplicates_rename_the_group(
    old: list[str], new: list[str], data: st.DataObject, key: bytes
) -> None:
    new = [name for name in new if name not in old]
    before = grouped(*((name,) for name in old))
    first = assign(before, numbers(key), SHARES, {}, {})
    links = [(name, data.draw(st.sampled_from(old))) for name in new if data.draw(st.booleans())]
    after = merge(links, [*old, *new])
    second = assign(after, numbers(key), SHARES, renewed({}, before, first.by_group), {})
    was, now = split_of(before, first), split_of(after, second)
    assert {name: now[name] for name in old} == was
    assert (second.moved, second.merged) == (0, 0)


@given(old=NAMES, new=NAMES)
@settings(max_examples=100, deadline=None)
def test_the_hash_alone_moves_nobody_when_unrelated_patients_come(old: list[str], new: list[str]) -> None:
    before, after = grouped(*((name,) for name in old)), grouped(*((name,) for name in {*old, *new}))
    was = split_of(before, assign(before, numbers(), SHARES, {}, {}))
    now = split_of(after, assign(after, numbers(), SHARES, {}, {}))
    assert {name: now[name] for name in old} == was


@given(st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=4, unique=True), min_size=2, max_size=6), st.randoms())
@settings(max_examples=100, deadline=None)
def test_order_of_rows_changes_nothing(members: list[list[str]], random: object) -> None:
    rows = [{"image_id": f"{i}{name}", "patient_id": name, "group_id": str(i)} for i, group in enumerate(members) for name in group]
    expected = assign(gather(rows), numbers(), SHARES, {}, {})
    random.shuffle(rows)  # type: ignore[attr-defined]
    assert assign(gather(rows), numbers(), SHARES, {}, {}) == expected


def test_a_duplicate_between_two_old_patients_takes_both_to_train_and_is_counted() -> None:
    earlier = {"a": Assignment("test", "hash"), "b": Assignment("train", "hash"), "c": Assignment("test", "hash")}
    outcome = assign(grouped(("a", "b", "new"), ("c",)), numbers(), SHARES, earlier, {})
    assert outcome.by_group == {"a": Assignment("train", "hash"), "c": Assignment("test", "hash")}
    assert (outcome.merged, outcome.moved) == (1, 1)


def test_two_old_patients_of_validate_and_test_meet_in_validate() -> None:
    earlier = {"a": Assignment("test", "hash"), "b": Assignment("validate", "hash")}
    assert assign(grouped(("a", "b")), numbers(), SHARES, earlier, {}).by_group["a"].split == "validate"


def test_official_split_outranks_hash_and_memory_and_takes_the_whole_group() -> None:
    earlier = {"a": Assignment("train", "hash")}
    outcome = assign(grouped(("a", "b"), ("c",)), numbers(), SHARES, earlier, {"film-b": "test", "film-c": "validate"})
    assert outcome.by_group == {"a": Assignment("test", "official"), "c": Assignment("validate", "official")}
    assert (outcome.moved, outcome.official_conflicts) == (1, 0)


@pytest.mark.parametrize(
    ("published", "expected"), [(("train", "test"), "test"), (("train", "validate"), "validate"), (("validate", "test"), "test")]
)
def test_conflicting_official_splits_follow_the_most_held_out(published: tuple[str, str], expected: str) -> None:
    outcome = assign(grouped(("a", "b")), numbers(), SHARES, {}, dict(zip(("film-a", "film-b"), published, strict=True)))
    assert outcome.by_group["a"] == Assignment(expected, "official")
    assert outcome.official_conflicts == 1


def test_an_earlier_official_split_outranks_an_earlier_hash() -> None:
    earlier = {"a": Assignment("train", "hash"), "b": Assignment("test", "official")}
    assert assign(grouped(("a", "b")), numbers(), SHARES, earlier, {}).by_group["a"] == Assignment("test", "official")


def test_shares_come_out_as_asked() -> None:
    shares = Split(validate_share=0.15, test_share=0.2)
    groups = grouped(*((f"patient-{i}",) for i in range(20_000)))
    splits = list(split_of(groups, assign(groups, numbers(), shares, {}, {})).values())
    for split, share in zip(SPLITS, (0.65, 0.15, 0.2), strict=True):
        deviation = np.sqrt(share * (1 - share) / len(splits))
        assert abs(splits.count(split) / len(splits) - share) < 4 * deviation


def test_edges_of_the_shares() -> None:
    assert [draw(u, Split(validate_share=0.1, test_share=0.25)) for u in (0.0, 0.2499, 0.25, 0.3499, 0.35, 0.9999)] == [
        "test", "test", "validate", "validate", "train", "train"
    ]  # fmt: skip
    assert draw(0.0, Split(validate_share=0, test_share=0)) == "train"


def test_another_validate_share_moves_no_test_film() -> None:
    us = np.random.default_rng(0).random(2000)
    small, large = Split(validate_share=0.05), Split(validate_share=0.4)
    assert [draw(u, small) == "test" for u in us] == [draw(u, large) == "test" for u in us]


def test_another_key_is_another_split() -> None:
    groups = grouped(*((f"p{i}",) for i in range(200)))
    one, other = (split_of(groups, assign(groups, numbers(key * 32), SHARES, {}, {})) for key in (b"a", b"b"))
    assert one != other


def test_shares_that_leave_no_train_are_refused() -> None:
    with pytest.raises(SettingsError, match="nothing to train on"):
        check_shares(Split(validate_share=0.5, test_share=0.5))
