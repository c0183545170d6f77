"""Time that a drill makes pass, and points that go by the rule, break nothing; what is lost meanwhile is still told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from fixtures.history import Aged, BackedUp, BackupState, Evidence, Forgotten, Restored
from fixtures.invariants import Invariant, Standing
from fixtures.sightings import Known, StepState, StoreSeen
from tests.invariants.story import IMAGE, POINTS, VOLUME_NAME, Story, at, good, step

if TYPE_CHECKING:
    from collections.abc import Callable

I = Invariant  # noqa: E741 - the ids read as they are written
HOURS: Final = timedelta(hours=3)
EXTRA: Final = "9" * 64
# What the restore points are called after one stretch of time, and after another.
FIRST: Final = {POINTS[1]: "a" * 64, EXTRA: "b" * 64}
SECOND: Final = {"a" * 64: "c" * 64, "b" * 64: "d" * 64}
# The last restore point of the drill, which nothing made older.
TAKEN: Final = {POINTS[1]: at(65), EXTRA: at(128)}


def looks(*, ids: tuple[str, ...], times: int) -> StoreSeen:
    """The local store with these points, made older so many times."""
    begun = {POINTS[1]: POINTS[1], "a" * 64: POINTS[1], "c" * 64: POINTS[1]}
    points = {each: TAKEN[begun.get(each, EXTRA)] - times * HOURS for each in ids}
    return StoreSeen("local", Known.POINTS, points)


def aged() -> Story:
    """The good drill; a third backup lets the second go, and time passes before the restore and after it.

    The monitors look seldom: of the third backup and the first hours they see only what came of both.
    """
    story = good()
    story.add(
        133,
        BackedUp(VOLUME_NAME, "local", 2, BackupState.ACKNOWLEDGED, EXTRA, at(128), at(127)),
        Forgotten(VOLUME_NAME, "local", (POINTS[2],)),
    )
    pass_time(story, 135, FIRST)
    story.add(137, looks(ids=("a" * 64, "b" * 64), times=1))
    pass_time(story, 250, SECOND)
    # One is rewritten already, the other is not: the ledger says so afterwards.
    half = {**looks(ids=("c" * 64,), times=2).points, **looks(ids=("b" * 64,), times=1).points}
    story.add(251, StoreSeen("local", Known.POINTS, half))
    story.add(252, looks(ids=("c" * 64, "d" * 64), times=2))
    return story.change(Restored, {"restore": "r2"}, evidence=Evidence(IMAGE, IMAGE, at(225), "b" * 8))


def pass_time(story: Story, second: float, became: dict[str, str]) -> None:
    story.add(second, step("TimePasses", StepState.BEGINS))
    story.add(second + 3, Aged(VOLUME_NAME, "local", HOURS.total_seconds(), became))
    story.add(second + 4, step("TimePasses", StepState.ENDS))


def restores(point: str) -> Callable[[Story], object]:
    return lambda story: story.change(
        Restored, {"restore": "r2"}, evidence=Evidence(IMAGE, IMAGE, at(225), point[:8])
    )  # fmt: skip


def test_restore_points_that_were_made_older_or_went_by_the_rule_break_nothing() -> None:
    story = aged()
    for invariant in (I.I1, I.I4, I.I5, I.I11, I.I12):
        ruling = story.ruling(invariant)
        assert ruling.standing is Standing.HELD, str(ruling)
    assert story.ruling(I.I5).said[0].startswith("3 restore points")


def test_a_look_that_was_noted_late_has_lost_nothing() -> None:
    story = aged().add(139, looks(ids=(POINTS[1], EXTRA), times=0))
    story.move(StoreSeen, {"points": looks(ids=("a" * 64, "b" * 64), times=1).points}, 141)
    assert story.ruling(I.I5).standing is Standing.HELD


def one_went_while_time_passed(story: Story) -> None:
    story.move(StoreSeen, {"points": looks(ids=("c" * 64, "d" * 64), times=2).points}, 251.5)
    story.add(252, looks(ids=("c" * 64,), times=2))


def only_said_afterwards(story: Story) -> None:
    story.add(145, looks(ids=("b" * 64,), times=1)).add(150, Forgotten(VOLUME_NAME, "local", ("a" * 64,)))
    story.add(151, looks(ids=("a" * 64, "b" * 64), times=1))


def of_another(**values: Any) -> Callable[[Story], object]:
    return lambda story: story.change(Forgotten, {}, **values)


def a_name_that_never_came(story: Story) -> None:
    story.change(Aged, {"became": SECOND}, became={**SECOND, "b" * 64: "e" * 64})


DAMAGES: list[tuple[Invariant, str, Callable[[Story], object], str]] = [
    (I.I4, "a name that the point had before", restores(EXTRA), "99999999, which no backup"),
    (I.I4, "a name that the point got only later", restores("d" * 64), "dddddddd, which no backup"),
    (I.I4, "a point that went by the rule", restores(POINTS[2]), "22222222, which no backup"),
    (I.I4, "time passed for another volume", lambda story: story.change(Aged, {}, volume="x/y"), "which no backup"),
    (I.I5, "a point is lost while time passes", one_went_while_time_passed, "restore point dddddddd"),
    (I.I5, "a point has no new name", a_name_that_never_came, "was gone by 12:04:12"),
    (I.I5, "time passed for another store", lambda story: story.change(Aged, {}, repository="remote"), "was gone"),
    (I.I5, "the rule is only said to be why", only_said_afterwards, "restore point aaaaaaaa"),
    (I.I5, "the rule went over another volume", of_another(volume="x/y"), "restore point 22222222"),
    (I.I5, "the rule went over another store", of_another(repository="remote"), "restore point 22222222"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("invariant", "damage", "words"),
    [(invariant, damage, words) for invariant, _, damage, words in DAMAGES],
    ids=[f"{invariant.value} {name}" for invariant, name, _, _ in DAMAGES],
)
def test_what_is_lost_while_time_passes_is_told(
    invariant: Invariant, damage: Callable[[Story], object], words: str
) -> None:
    story = aged()
    damage(story)
    ruling = story.ruling(invariant)
    assert ruling.standing is Standing.BROKEN, str(ruling)
    assert words in " ".join(ruling.said)
