"""What is due, against a plain enumeration of every way in which unsure backups may have ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.due import Due, due_generations, restore_points
from fixtures.evidence import evidence_missing
from fixtures.history import (
    Aged,
    BackedUp,
    BackupState,
    Destroyed,
    Event,
    Evidence,
    Forgotten,
    History,
    Manifest,
    Recorded,
    Restored,
    RestorePoint,
    RunStarted,
)
from fixtures.recovery import overhead, recovery_point_s
from fixtures.sightings import Stepped, StepState, Waited
from fixtures.tree import Tree
from tests.scene import NONCE, REPOSITORY, VOLUME, at, request

ACKNOWLEDGED, FAILED, UNSURE = BackupState.ACKNOWLEDGED, BackupState.FAILED, BackupState.UNSURE


def no_tree(manifest: Manifest) -> Tree:
    raise AssertionError(f"what is due is told without looking at {manifest}")


def backup(number: int, state: BackupState, minute: float) -> BackedUp:
    return BackedUp(VOLUME, REPOSITORY, number, state, f"{number:08d}", taken_at=at(minute), copied_at=at(minute - 1))


def history_of(*events: Event) -> History:
    start = RunStarted("run", 1, NONCE, {})
    return History(tuple(Recorded(at(minute), event) for minute, event in enumerate((start, *events))), no_tree)


def backups(*states: BackupState) -> History:
    """Generation n backed up at minute n, each with this outcome."""
    return history_of(*(backup(number, state, number) for number, state in enumerate(states, start=1)))


@dataclass(frozen=True)
class Row:
    states: tuple[BackupState, ...]
    selection: RestorePoint
    due: Due
    lag_s: float = 0.0


ROWS = {
    "the newest": Row((ACKNOWLEDGED, ACKNOWLEDGED), RestorePoint(), Due((2,))),
    "no failed one": Row((ACKNOWLEDGED, FAILED), RestorePoint(), Due((1,))),
    "an unsure one or the one before": Row((ACKNOWLEDGED, UNSURE), RestorePoint(), Due((2, 1))),
    "the one after an unsure one": Row((UNSURE, ACKNOWLEDGED), RestorePoint(), Due((2,))),
    "nothing, without any": Row((), RestorePoint(), Due(nothing=True)),
    "nothing, if all failed": Row((FAILED, FAILED), RestorePoint(), Due(nothing=True)),
    "an unsure one or nothing": Row((UNSURE,), RestorePoint(), Due((1,), nothing=True)),
    "the one before": Row((ACKNOWLEDGED, ACKNOWLEDGED), RestorePoint(previous=1), Due((1,))),
    "the one before an unsure one, or two before": Row(
        (ACKNOWLEDGED, ACKNOWLEDGED, UNSURE), RestorePoint(previous=1), Due((2, 1))
    ),
    "exactly at its time": Row((ACKNOWLEDGED, ACKNOWLEDGED), RestorePoint(as_of=at(2)), Due((2,))),
    "a second before its time": Row((ACKNOWLEDGED, ACKNOWLEDGED), RestorePoint(as_of=at(2 - 1 / 60)), Due((1,))),
    "a second after its time": Row((ACKNOWLEDGED, ACKNOWLEDGED), RestorePoint(as_of=at(2 + 1 / 60)), Due((2,))),
    "in the future": Row((ACKNOWLEDGED,), RestorePoint(as_of=at(1e6)), Due((1,))),
    "the one before that time's": Row(
        (ACKNOWLEDGED, ACKNOWLEDGED, ACKNOWLEDGED), RestorePoint(previous=1, as_of=at(2)), Due((1,))
    ),
    "an older one within the lag": Row(
        (ACKNOWLEDGED, ACKNOWLEDGED), RestorePoint(), Due((2, 1)), lag_s=(60 - 2) * 60 + 30
    ),
    "the newest beyond the lag": Row((ACKNOWLEDGED, ACKNOWLEDGED), RestorePoint(), Due((2,)), lag_s=(60 - 2) * 60 - 30),
    "the only one within the lag": Row((ACKNOWLEDGED,), RestorePoint(), Due((1,)), lag_s=1e6),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_due_is(row: Row) -> None:
    assert due_generations(backups(*row.states), request(selection=row.selection, lag_s=row.lag_s)) == row.due


@pytest.mark.parametrize("selection", [RestorePoint(previous=2), RestorePoint(as_of=at(0.9))])
def test_a_request_beyond_the_restore_points_is_unmet(selection: RestorePoint) -> None:
    due = due_generations(backups(ACKNOWLEDGED, ACKNOWLEDGED), request(selection=selection))
    assert due.unmet is not None
    assert (due.generations, due.nothing) == ((), False)


def test_a_backup_that_ends_after_the_request_may_be_due_and_nothing_may_be() -> None:
    late = history_of(backup(1, ACKNOWLEDGED, 70))
    assert due_generations(late, request(asked_at=at(60))) == Due((1,), nothing=True)


def test_two_restore_points_in_one_second_are_both_found_as_of_it() -> None:
    twins = history_of(backup(1, ACKNOWLEDGED, 5.001), backup(2, ACKNOWLEDGED, 5.002))
    assert due_generations(twins, request(selection=RestorePoint(as_of=at(5)))).generations == (2,)


@given(st.lists(st.sampled_from(BackupState), max_size=6), st.integers(0, 4))
def test_due_is_what_can_be_there_for_some_outcome_of_the_unsure_backups(
    states: list[BackupState], previous: int
) -> None:
    unsure = [number for number, state in enumerate(states, start=1) if state is UNSURE]
    sure = [number for number, state in enumerate(states, start=1) if state is ACKNOWLEDGED]
    possible: set[int | None] = set()
    for outcome in product([True, False], repeat=len(unsure)):
        there = sorted([*sure, *(number for number, kept in zip(unsure, outcome, strict=True) if kept)], reverse=True)
        possible.add(there[previous] if previous < len(there) else None)
    due = due_generations(backups(*states), request(selection=RestorePoint(previous=previous)))
    assert set(due.generations) == possible - {None}
    assert (due.unmet is not None) is (possible == {None} and bool(sure))
    assert due.nothing is (None in possible and not sure)


def test_restore_points_that_aged_are_known_by_their_new_ids_and_times() -> None:
    aged = Aged(VOLUME, REPOSITORY, 3600.0, {"00000001": "aaaaaaaa"})
    history = history_of(backup(1, ACKNOWLEDGED, 10), aged, backup(2, ACKNOWLEDGED, 12))
    first, second = restore_points(history, request())
    assert (first.restore_point, first.taken_at) == ("aaaaaaaa", at(10 - 60))
    assert (second.restore_point, second.taken_at) == ("00000002", at(12))
    assert due_generations(history, request(selection=RestorePoint(as_of=at(9)))).generations == (1,)


def test_restore_points_that_went_by_the_rule_are_not_counted() -> None:
    gone = Forgotten(VOLUME, REPOSITORY, ("00000002",))
    history = history_of(*(backup(number, ACKNOWLEDGED, number) for number in (1, 2, 3)), gone)
    assert due_generations(history, request(selection=RestorePoint(previous=1))).generations == (1,)
    # An image may hold it all the same, if it was made before.
    *_, forgotten = history.events
    for made_at, generations in ((forgotten.at - timedelta(seconds=1), [1, 2, 3]), (forgotten.at, [1, 3])):
        points = restore_points(history, request(), of_image_at=made_at)
        assert [point.generation for point in points] == generations


def test_what_happens_to_another_repository_changes_nothing_here() -> None:
    elsewhere = (Forgotten(VOLUME, "offsite", ("00000001",)), Aged("a/b", REPOSITORY, 9.0, {"00000001": "aaaaaaaa"}))
    assert due_generations(history_of(backup(1, ACKNOWLEDGED, 1), *elsewhere), request()).generations == (1,)


def test_a_short_id_from_the_log_names_the_restore_point_with_the_long_one() -> None:
    point = BackedUp(VOLUME, REPOSITORY, 1, ACKNOWLEDGED, "0123456789abcdef" * 4, taken_at=at(1))
    for named, is_found in (
        ("01234567", True),
        ("0123456789abcdef" * 4, True),
        ("0123456", False),
        ("01234568", False),
    ):
        asked = Restored("r1", request(), Evidence("i", "i", at(2), named))
        missing = evidence_missing(history_of(point), asked, Tree.of([]), (1,))
        assert any("no restore point" in text for text in missing) is not is_found


def test_the_recovery_point_runs_from_the_copy_to_the_loss() -> None:
    lost = Destroyed("namespace", proof="not found", volume=VOLUME)
    history = history_of(backup(1, ACKNOWLEDGED, 1), backup(2, ACKNOWLEDGED, 2), lost)  # lost at minute 3
    assert recovery_point_s(history, Restored("r1", request(), Evidence()), (2,)) == (3 - (2 - 1)) * 60
    assert recovery_point_s(history, Restored("r1", request(), Evidence()), (1,)) == (3 - (1 - 1)) * 60
    assert recovery_point_s(history, Restored("r1", request(), Evidence()), (7,)) is None


def test_without_a_loss_the_recovery_point_runs_to_the_request() -> None:
    asked = Restored("r1", request(asked_at=at(10)), Evidence())
    assert recovery_point_s(backups(ACKNOWLEDGED), asked, (1,)) == 10 * 60


def test_waits_side_by_side_and_outside_of_the_steps_are_counted_once_or_not_at_all() -> None:
    def waited(until_minute: float, minutes: float) -> Recorded:
        return Recorded(at(until_minute), Waited("a pod to run", minutes * 60))

    steps = [Recorded(at(minute), Stepped("given", "a step", StepState.ENDS)) for minute in (0, 10)]
    alone = History((steps[0], waited(4, 3), steps[1]), no_tree)
    beside = History((steps[0], waited(4, 3), waited(5, 3), waited(4.5, 1), steps[1]), no_tree)
    around = History((waited(0, 2), steps[0], waited(1, 2), steps[1], waited(12, 3)), no_tree)
    assert [overhead(history) for history in (alone, beside, around)] == pytest.approx([0.7, 0.6, 0.8])


def test_without_two_steps_there_is_no_share() -> None:
    assert overhead(history_of(Stepped("given", "a step", StepState.ENDS))) is None
