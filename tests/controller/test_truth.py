"""Exists, absent, unknown; and which restore point a request leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import truth
from controller.contract import Repo
from controller.intent import Earlier, Latest
from controller.model import Absent, Exists, RestorePoint, Unknown
from controller.truth import Failed, Listed, Looked, Unmeetable
from tests.controller.scene import ABSENT, COUNTED, EXISTS, HOUR, NOW, POINTS

if TYPE_CHECKING:
    from controller.model import Truth

EMPTY = Listed((), times_are_exact=True)
YES, NO = Looked(present=True), Looked(present=False)
SECOND = timedelta(seconds=1)


def test_restore_points_that_are_listed_exist() -> None:
    assert truth.truth_of(Listed(POINTS, times_are_exact=True), marker=NO, known=NO) == EXISTS
    assert truth.truth_of(Listed(POINTS[::-1], times_are_exact=False), marker=YES, known=YES) == COUNTED


def test_d15_a_repository_without_restore_points_is_absent() -> None:
    assert truth.truth_of(EMPTY, marker=YES, known=NO) == Absent()


def test_d13_whatever_is_no_clear_answer_is_unknown() -> None:
    unclear = Looked(Failed("refused"))
    assert isinstance(truth.truth_of(EMPTY, marker=unclear, known=NO), Unknown)
    assert isinstance(truth.truth_of(EMPTY, marker=YES, known=unclear), Unknown)
    assert truth.truth_of(Failed("wrong password"), marker=YES, known=NO) == Unknown("wrong password")


def test_sc25_a_store_without_our_marker_may_be_the_wrong_one() -> None:
    found = truth.truth_of(EMPTY, marker=NO, known=NO)
    assert isinstance(found, Unknown)
    assert "wrong bucket" in found.why


def test_f19_nothing_where_there_has_been_something_is_unknown() -> None:
    found = truth.truth_of(EMPTY, marker=YES, known=YES)
    assert isinstance(found, Unknown)
    assert "lost or moved" in found.why


def test_sc11_restore_points_that_nothing_notes_as_its_own_may_be_another_claims() -> None:
    found = truth.owned(EXISTS, NO)
    assert isinstance(found, Unknown)
    assert "may be another claim's" in found.why
    assert truth.owned(EXISTS, Looked(Failed("away"))) == Unknown("away")
    assert truth.owned(EXISTS, YES) == EXISTS
    for other in (Absent(), Absent(announced=True), Unknown("down")):
        assert all(truth.owned(other, noted) == other for noted in (YES, NO, Looked(Failed("away"))))


DOWN = Unknown("down")


@pytest.mark.parametrize(
    ("local", "remote", "named", "wanted"),
    [
        (EXISTS, ABSENT, None, (Repo.LOCAL, EXISTS)),
        (EXISTS, DOWN, None, (Repo.LOCAL, EXISTS)),
        (ABSENT, EXISTS, None, (Repo.REMOTE, EXISTS)),
        (ABSENT, ABSENT, None, (Repo.REMOTE, ABSENT)),
        (ABSENT, DOWN, None, (Repo.REMOTE, DOWN)),
        (DOWN, EXISTS, None, (Repo.LOCAL, DOWN)),
        (DOWN, EXISTS, Repo.REMOTE, (Repo.REMOTE, EXISTS)),
        (EXISTS, ABSENT, Repo.REMOTE, (Repo.REMOTE, ABSENT)),
    ],
)
def test_a20_a_lost_local_repository_is_no_reason_to_start_empty(
    local: Truth, remote: Truth, named: Repo | None, wanted: tuple[Repo, Truth]
) -> None:
    assert truth.combined({Repo.LOCAL: local, Repo.REMOTE: remote}, named) == wanted


def test_a_repository_that_nobody_asked_is_unknown() -> None:
    assert isinstance(truth.combined({}, None)[1], Unknown)
    assert isinstance(truth.combined({Repo.LOCAL: ABSENT}, Repo.REMOTE)[1], Unknown)
    assert truth.combined({Repo.LOCAL: ABSENT}, None) == (Repo.LOCAL, ABSENT)


def test_e14_previous_counts_back_from_the_newest() -> None:
    assert [truth.select(EXISTS, Earlier(n)) for n in (0, 1, 2)] == list(POINTS[::-1])
    assert isinstance(truth.select(EXISTS, Earlier(3)), Unmeetable)
    assert truth.select(COUNTED, Latest()) == RestorePoint(EXISTS.at, EXISTS.newest)


def test_e15_as_of_takes_the_newest_at_or_before_to_the_second() -> None:
    at = POINTS[1].at
    assert truth.select(EXISTS, Earlier(0, at)) == POINTS[1]
    assert truth.select(EXISTS, Earlier(0, at + SECOND)) == POINTS[1]
    assert truth.select(EXISTS, Earlier(0, at - SECOND)) == POINTS[0]
    assert truth.select(EXISTS, Earlier(0, NOW + 99 * HOUR)) == POINTS[2]
    too_early = truth.select(EXISTS, Earlier(0, POINTS[0].at - SECOND))
    assert isinstance(too_early, Unmeetable)
    assert POINTS[0].at.isoformat() in too_early.why


def test_e36_previous_counts_back_from_the_as_of_point() -> None:
    assert truth.select(EXISTS, Earlier(1, POINTS[1].at)) == POINTS[0]
    assert isinstance(truth.select(EXISTS, Earlier(2, POINTS[1].at)), Unmeetable)


def test_p17_a_point_that_shares_its_second_is_out_of_the_movers_reach() -> None:
    twin = RestorePoint(POINTS[1].at + timedelta(milliseconds=400), "e" * 64)
    seen = Exists(EXISTS.newest, EXISTS.at, 4, tuple(sorted((*POINTS, twin))))
    assert isinstance(truth.select(seen, Earlier(1)), Unmeetable)
    assert isinstance(truth.select(seen, Earlier(0, POINTS[1].at)), Unmeetable)
    assert truth.select(seen, Earlier(0)) == POINTS[2]


def test_requests_by_time_need_the_times() -> None:
    assert isinstance(truth.select(COUNTED, Earlier(1)), Unknown)


def as_the_mover_chooses(points: list[RestorePoint], request: Earlier) -> str | None:
    """What VolSync's script does, in its own words: whole seconds, newest first, one point for each second."""
    epochs = [int(point.at.timestamp()) for point in points]
    by_epoch = {int(point.at.timestamp()): point.id for point in points}
    epochs.reverse()
    offset = 0
    if request.as_of is not None:
        while offset < len(epochs) and epochs[offset] > int(request.as_of.timestamp()):
            offset += 1
    offset += request.previous
    return by_epoch[epochs[offset]] if offset < len(epochs) else None


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=8),
    st.integers(0, 8),
    st.one_of(st.none(), st.integers(-2, 44)),
)
def test_what_is_selected_is_what_the_mover_will_restore(halves: list[int], previous: int, as_of: int | None) -> None:
    points = [RestorePoint(NOW + half * SECOND / 2, f"{number:064x}") for number, half in enumerate(sorted(halves))]
    request = Earlier(previous, None if as_of is None else NOW + as_of * SECOND)
    found = truth.select(Exists(points[-1].id, points[-1].at, len(points), tuple(points)), request)
    chosen = as_the_mover_chooses(points, request)
    if isinstance(found, RestorePoint):
        assert found.id == chosen
    else:
        seconds = [int(point.at.timestamp()) for point in points]
        assert chosen is None or len(seconds) > len(set(seconds)), "refused although the mover could"


def test_a_shortened_id_is_that_of_its_point_and_of_no_other() -> None:
    assert truth.is_same_point(EXISTS.newest, EXISTS.newest[:8])
    assert not truth.is_same_point(EXISTS.newest, POINTS[0].id[:8])
    assert not truth.is_same_point(EXISTS.newest, "")
    assert not truth.is_same_point(EXISTS.newest, EXISTS.newest[:4])
