"""F17, SC-25: whether the newest restore point that was noted on a claim was lost, or went by the rule."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller import contract, newest
from controller.contract import Repo
from controller.model import RestorePoint
from controller.newest import Fate, Newest
from controller.retention import DAILY, HOURLY, Retention
from tests.controller.scene import HOUR, NOW

MINUTE = timedelta(minutes=1)
NOTED = Newest("n" * 64, NOW, "at noon")


def points(*ago: timedelta) -> list[RestorePoint]:
    return [RestorePoint(NOW - each, f"{number:064x}") for number, each in enumerate(ago)]


def test_what_is_written_on_a_claim_is_read_of_that_claim_alone() -> None:
    noted = {Repo.LOCAL: NOTED, Repo.REMOTE: Newest("r" * 64, NOW - HOUR, "None")}
    annotations = newest.written("uid-1", noted)
    assert newest.read("uid-1", annotations) == noted
    assert newest.read("uid-2", annotations) == {}
    assert newest.read("uid-1", {}) == {}


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", '{"uid": "uid-1", "local": {}}', '{"uid": "uid-1", "local": {"point": "p", "at": "noon"}}'],
)
def test_what_cannot_be_read_is_as_good_as_nothing(text: str) -> None:
    assert newest.read("uid-1", {contract.NEWEST_SEEN_ANNOTATION: text}) == {}


@pytest.mark.parametrize(
    ("noted", "there", "synced_at", "fate"),
    [
        (None, {"a"}, "at noon", Fate.HERE),
        (NOTED, {"a", NOTED.point}, "at one", Fate.HERE),
        (NOTED, {"a"}, "at noon", Fate.GONE),
        (NOTED, set(), "at one", Fate.GONE),
        (NOTED, {"a"}, "at one", Fate.ASK),
    ],
    ids=["none was noted", "it is there", "no mover has ended", "the last one", "a mover has ended"],
)
def test_what_is_gone_may_have_gone_by_the_rule_only_if_a_mover_has_ended_since(
    noted: Newest | None, there: set[str], synced_at: str, fate: Fate
) -> None:
    assert newest.fate(noted, there, synced_at) is fate


def test_another_backup_within_the_hour_takes_the_one_before_by_the_rule() -> None:
    assert not newest.is_kept(NOTED, points(9 * HOUR, -20 * MINUTE), HOURLY)


def test_where_all_that_is_there_is_older_the_newest_was_lost() -> None:
    assert newest.is_kept(NOTED, points(9 * HOUR, 2 * HOUR), HOURLY)
    assert newest.is_kept(NOTED, points(2 * HOUR), DAILY)


def test_a_backup_of_a_later_hour_does_not_hide_that_one_was_lost() -> None:
    assert newest.is_kept(NOTED, points(9 * HOUR, -HOUR, -2 * HOUR), HOURLY)


def test_what_the_rule_would_not_keep_any_more_is_not_missed() -> None:
    assert not newest.is_kept(NOTED, points(9 * HOUR, *(-hours * HOUR for hours in range(1, 30))), Retention(hourly=24))


def test_clocks_that_differ_a_little_do_not_make_a_loss() -> None:
    """Stored a few seconds after twelve by the store's clock; the next one began before that by the mover's."""
    noted = Newest("n" * 64, NOW + timedelta(seconds=10), "at noon")
    assert not newest.is_kept(noted, points(9 * HOUR, timedelta(seconds=-5)), HOURLY)
    assert not newest.is_kept(NOTED, points(9 * HOUR, timedelta(seconds=20)), HOURLY)
