"""Two apps in one drill: nobody is blamed for what is the other's, and what is wrong with either is still told."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import TypeAdapter

from fixtures.history import BackedUp, BackupState, Destroyed, Event, Evidence, FirstRun, Observed, Restored, Wrote
from fixtures.invariants import Invariant, Standing
from fixtures.invariants.rules import rule
from fixtures.kube.kinds import CLAIM, REPLICATION_SOURCE
from fixtures.sightings import Known, Promised, Sighted, StepState, StoreSeen, Turn
from tests.invariants.story import BESIDE, POINTS, TREES, VOLUME_NAME, Story, at, good, manifest, seen, step

if TYPE_CHECKING:
    from collections.abc import Callable

I = Invariant  # noqa: E741 - the ids read as they are written
MAIL: Final = "orders/mail"
MAIL_POINTS: Final = {1: "c" * 64, 2: "d" * 64}
IMAGE: Final = "orders/volsync-mail-dst-dest-20260101120000"
BOUND: Final[dict[str, Any]] = {"uid": "mail-c1", "kind": CLAIM.name, "turn": Turn.CHANGED}
_EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Event)
_OF_ONE_APP: Final = (Promised, Sighted, StoreSeen, Wrote, FirstRun, BackedUp, Destroyed, Restored, Observed)
_NAMES: Final = (
    (r"\bdata\b(?=[-/\"])(?<!run data)", "mail"),
    (r"1{8}", "c" * 8),
    (r"2{8}", "d" * 8),
    (r'"restore":"r(\d)"', r'"restore":"mail-r\1"'),
    (r'"uid":"', '"uid":"mail-'),
    (r"\bpv-c", "pv-mail-c"),
    (r'"file":"(\d)"', r'"file":"mail \1"'),
)


def two() -> Story:
    """The good drill with a second app in the namespace of the first, to which the same happens."""
    story = good()
    cache = "orders/volsync-src-data-local-cache"
    story.change(
        Promised, {},
        children=(
            (CLAIM.name, "data"), (REPLICATION_SOURCE.name, "data-local"), (CLAIM.name, cache.rpartition("/")[2]),
        ),
    )  # fmt: skip
    for number, (begin, end) in enumerate(((11, 205), (221, None))):
        story.add(begin, seen(CLAIM, cache, f"cache-{number}", created_by="volsync", phase="Bound"))
        if end is not None:
            story.add(end, seen(CLAIM, cache, f"cache-{number}", Turn.GONE))
    theirs = [(when, of_mail(event)) for when, event in story.events if is_of_the_app(event)]
    story.change(StoreSeen, {}, volume=VOLUME_NAME)
    story.events += theirs
    story.change(Promised, {"volume": MAIL}, bystander=None)
    return story


def is_of_the_app(event: Event) -> bool:
    return isinstance(event, _OF_ONE_APP) and not (isinstance(event, Sighted) and event.name == BESIDE)


def of_mail(event: Event) -> Event:
    """The same event of the second app."""
    if isinstance(event, StoreSeen):
        event = replace(event, volume=VOLUME_NAME)
    text = _EVENT.dump_json(event).decode()
    for pattern, name in _NAMES:
        text = re.sub(pattern, name, text)
    return _EVENT.validate_json(text)


def mails_store(*numbers: int, locks: tuple[str, ...] = ()) -> StoreSeen:
    points = {MAIL_POINTS[number]: at(60 * number + 5) for number in numbers}
    return StoreSeen("local", Known.POINTS if numbers else Known.ABSENT, points, locks=locks, volume=MAIL)


def test_a_drill_in_which_all_went_well_with_two_apps_breaks_nothing() -> None:
    standings = {each.invariant: each for each in rule(two().history)}
    assert standings.pop(I.I2).standing is Standing.NOT_APPLICABLE
    for each in standings.values():
        assert each.standing is Standing.HELD, str(each)
    assert standings[I.I1].said == ("2 starts, each with the generation that was due",)
    assert standings[I.I5].said[0].startswith("4 restore points")
    assert standings[I.I7].said[0].startswith("6 children")


def evidence(**values: Any) -> Callable[[Story], object]:
    whole = Evidence(IMAGE, IMAGE, at(225), MAIL_POINTS[2][:8])
    return lambda story: story.change(Restored, {"restore": "mail-r2"}, evidence=replace(whole, **values))


def mail_holds(name: str) -> Callable[[Story], object]:
    return lambda story: story.change(Observed, {"restore": "mail-r2"}, manifest=manifest(name))


def a_cache_that_nobody_is_owed(story: Story) -> None:
    name = "orders/volsync-src-post-local-cache"
    story.add(280, seen(CLAIM, name, "x", created_by="volsync"))


def a_source_made_anew_while_another_app_was_lost(story: Story) -> None:
    for state, second in ((StepState.BEGINS, 240), (StepState.ENDS, 255)):
        story.add(second, replace(step("LoseNamespace", state), volume="elsewhere/post"))
    story.add(250, seen(REPLICATION_SOURCE, "orders/mail-local", "mail-rs-c2", Turn.GONE))
    story.add(251, seen(REPLICATION_SOURCE, "orders/mail-local", "mail-rs-anew"))


def a_neighbours_source_made_anew_while_the_app_was_removed(story: Story) -> None:
    """Mail is a neighbour, since something was done to it by name; what bears no name was done to the app."""
    for state, second in ((StepState.BEGINS, 230), (StepState.ENDS, 231)):
        story.add(second, replace(step("BackUp", state), volume=MAIL))
    for state, second in ((StepState.BEGINS, 240), (StepState.ENDS, 255)):
        story.add(second, step("SecondClaimHolds", state))
    story.add(250, seen(REPLICATION_SOURCE, "orders/mail-local", "mail-rs-c2", Turn.GONE))
    story.add(251, seen(REPLICATION_SOURCE, "orders/mail-local", "mail-rs-anew"))


DAMAGES: list[tuple[Invariant, str, Callable[[Story], object], str]] = [
    (I.I1, "nothing comes back", mail_holds("empty"), f"{MAIL}, read at 12:03:53 UTC, began empty-through-loss"),
    (I.I1, "the other app's data come back", mail_holds("2"), "began foreign"),
    (I.I3, "it waits for nothing", lambda story: story.move(Sighted, BOUND, 199), f"{MAIL}, made at 12:00:11"),
    (I.I4, "the other app's restore point", evidence(restored_point=POINTS[2][:8]), f"which no backup of {MAIL}"),
    (I.I5, "a restore point vanishes", lambda story: story.add(150, mails_store(1)), "restore point dddddddd"),
    (
        I.I5, "its restore point is only in the other app's repository",
        lambda story: story.change(BackedUp, {"volume": MAIL, "generation": 2}, restore_point=POINTS[2]),
        "22222222, acknowledged at 12:02:12 UTC, was never in the store",
    ),
    (
        I.I7, "a child is missing",
        lambda story: story.add(250, seen(REPLICATION_SOURCE, "orders/mail-local", "mail-rs-c2", Turn.GONE)),
        "0 times ReplicationSource mail-local",
    ),
    (I.I7, "a child is made anew", a_source_made_anew_while_another_app_was_lost, "mail-local was gone by"),
    (
        I.I7, "a neighbour's child is made anew", a_neighbours_source_made_anew_while_the_app_was_removed,
        "mail-local was gone by",
    ),
    (I.I10, "a late return", lambda story: story.move(Observed, {"restore": "mail-r2"}, 1300), f"{MAIL} was back"),
    (I.I11, "a lock", lambda story: story.add(280, mails_store(1, 2, locks=("f" * 64,))), f"local store of {MAIL}"),
    (I.I11, "a claim that is owed to neither", a_cache_that_nobody_is_owed, "volsync-src-post-local-cache"),
]  # fmt: skip


def idle() -> Story:
    """The second app never writes; its schedule saved what it wrote into its new volume, and nobody noted that."""
    story = two().drop(Wrote, BackedUp, where={"volume": MAIL}).drop(StoreSeen, where={"volume": MAIL})
    point, size = MAIL_POINTS[2], len(TREES["mail 0"].entries)
    story.add(0, mails_store()).add(100, replace(mails_store(2), points={point: at(99)}, paths={point: size}))
    return story.change(Observed, {"restore": "mail-r2"}, manifest=manifest("mail 0"))


def test_a_restore_of_first_run_data_that_a_schedule_saved_breaks_nothing() -> None:
    ruling = idle().ruling(I.I4)
    assert ruling.standing is Standing.HELD, str(ruling)


@pytest.mark.parametrize(("taken_s", "held"), [(280, True), (-300, False)], ids=["after it", "before it"])
def test_a_backup_that_was_asked_for_tells_of_a_restore_only_where_it_came_before(taken_s: int, held: bool) -> None:
    """An app came back with first-run data that nobody noted, and was backed up on demand only then: SC-01."""
    backup = BackedUp(MAIL, "local", 1, BackupState.ACKNOWLEDGED, "e" * 64, at(taken_s))
    ruling = idle().add(281, backup).ruling(I.I4)
    assert ruling.standing is (Standing.HELD if held else Standing.BROKEN), str(ruling)


@pytest.mark.parametrize(
    "damage",
    [
        {"paths": {MAIL_POINTS[2]: 99}},
        {"points": {MAIL_POINTS[2]: at(-9)}},
        {"volume": VOLUME_NAME},
    ],
    ids=["it holds more", "it is older than every claim", "it is in the other's repository"],
)
def test_a_restore_point_that_no_schedule_of_the_app_can_have_made_is_told(damage: dict[str, Any]) -> None:
    story = idle().change(StoreSeen, {"volume": MAIL, "known": Known.POINTS}, **damage)
    assert "dddddddd, which no backup" in " ".join(story.ruling(I.I4).said)


@pytest.mark.parametrize("own_is_empty", [True, False])
def test_a_point_of_another_store_may_come_back_where_the_own_one_holds_none(own_is_empty: bool) -> None:
    story = idle().change(StoreSeen, {"volume": MAIL, "known": Known.POINTS}, store="remote")
    if not own_is_empty:
        story.add(101, mails_store(1))
    ruling = story.ruling(I.I4)
    assert ruling.standing is (Standing.HELD if own_is_empty else Standing.BROKEN), str(ruling)


@pytest.mark.parametrize(
    ("invariant", "damage", "words"),
    [(invariant, damage, words) for invariant, _, damage, words in DAMAGES],
    ids=[f"{invariant.value} {name}" for invariant, name, _, _ in DAMAGES],
)
def test_what_is_wrong_with_the_second_app_is_told(
    invariant: Invariant, damage: Callable[[Story], object], words: str
) -> None:
    story = two()
    damage(story)
    ruling = story.ruling(invariant)
    assert ruling.standing is Standing.BROKEN, str(ruling)
    assert words in " ".join(ruling.said)
