"""SC-17: steady running. A claim is backed up when its schedule says so, and what is left is what the rule keeps."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from e2e.desk import NAME, desk_in
from fixtures.engines import Store
from fixtures.kube.kinds import REPLICATION_SOURCE
from fixtures.oracle import Verdict
from fixtures.repository import Points, ids
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.asking import Ask, Edge
from fixtures.steps.audits import HistoryIsExact, RepositoryIsSound
from fixtures.steps.looks import AppFinds, SecondClaimHolds
from fixtures.steps.losses import LoseRepository, RemoveApp
from fixtures.steps.points import PastBackUps, TimePasses
from fixtures.wait import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.desk import Desk
    from fixtures.drill import Drill
    from fixtures.ground import Ground
    from fixtures.kube.objects import Object

# Enough for a first backup; the claim's own minute comes once in an hour.
_AHEAD: Final = timedelta(minutes=4)

# Eight days of a backup every six hours: more hours and more days than any rule here keeps.
MANY_BACKUPS = Scenario(
    id="SC-17",
    name="retention over eight days of backups",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        PastBackUps(count=31, every=timedelta(hours=6)),
    ),
    when=(
        *(TimePasses(timedelta(hours=1)), Write(generation=2), BackUp()),
        *(TimePasses(timedelta(hours=1)), Write(generation=3), BackUp()),
    ),
    then=(
        HistoryIsExact(),
        SecondClaimHolds(Verdict.INTACT, Ask(previous=1)),
        SecondClaimHolds(Verdict.INTACT, Ask(previous=20)),
        RepositoryIsSound(),
    ),
)

# Nine days of one a day where seven are kept; what is left there is then all that there is.
MANY_BACKUPS_AFAR = Scenario(
    id="SC-17",
    name="retention over nine days of backups, off-site",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        # Near too, so that there is something to lose there; a schedule may not have come by then.
        *(Write(generation=1), BackUp(), BackUp(Store.OFFSITE)),
        PastBackUps(count=8, every=timedelta(days=1), store=Store.OFFSITE),
    ),
    when=(
        *(TimePasses(timedelta(days=1)), Write(generation=2), BackUp(Store.OFFSITE)),
        *(TimePasses(timedelta(days=1)), Write(generation=3), BackUp(Store.OFFSITE)),
    ),
    then=(
        HistoryIsExact(Store.OFFSITE),
        *(RemoveApp(), LoseRepository(Store.LOCAL)),
        Declare(restore_from=Store.OFFSITE, ask=Ask(previous=Edge.OLDEST)),
        AppFinds(Verdict.INTACT),
    ),
)


@pytest.mark.thorough
@pytest.mark.scenario(MANY_BACKUPS)
def test_after_many_backups_exactly_those_of_the_rule_are_left_and_come_back(drill: Drill) -> None:
    findings = drill.run(MANY_BACKUPS)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(MANY_BACKUPS_AFAR)
def test_after_many_backups_off_site_exactly_those_of_the_rule_are_left_and_the_oldest_comes_back(drill: Drill) -> None:
    findings = drill.run(MANY_BACKUPS_AFAR)
    assert findings.passed, findings.report()


def namespace_due_at(minute: int) -> str:
    """A name below which the claim's minute is this one: it is a hash of the names (docs/reference-controller.md)."""
    while True:
        name = f"drill-{secrets.token_hex(3)}"
        hashed = hashlib.sha256(f"{name}/{NAME}/local".encode()).digest()
        if int.from_bytes(hashed[:8], "big") % 60 == minute:
            return name


def local_source(desk: Desk) -> Object:
    [found] = [
        each
        for each in desk.ground.kube.list(REPLICATION_SOURCE, desk.namespace)
        if each["metadata"]["name"].endswith("-local")
    ]
    return found


@pytest.mark.beside_drills
@pytest.mark.thorough
def test_a_claim_is_backed_up_at_its_own_minute_and_not_before(ground: Ground, tmp_path: Path) -> None:
    due_at = (datetime.now(UTC) + _AHEAD).replace(second=0, microsecond=0)
    with desk_in(namespace_due_at(due_at.minute), ground, tmp_path) as desk:
        desk.apply_claim()
        desk.start_app()
        desk.shell("echo one >/data/word && sync")
        first = eventually(
            desk.repository.restore_points, lambda truth: isinstance(truth, Points),
            expected="the first restore point", wait=ground.waits.first_backup,
        )  # fmt: skip
        source = eventually(
            lambda: local_source(desk), lambda source: source["spec"]["trigger"].keys() == {"schedule"},
            expected="the schedule to be in force", wait=ground.waits.backup,
        )  # fmt: skip
        assert source["spec"]["trigger"]["schedule"] == f"{due_at.minute} * * * *"
        assert datetime.now(UTC) < due_at, "the first backup took so long that nothing can be told from the next one"
        desk.shell("echo one and two >/data/word && sync")
        then = eventually(
            desk.repository.restore_points,
            lambda truth: isinstance(truth, Points) and truth.newest.id not in ids(first),
            expected=f"a restore point of {due_at:%H:%M} UTC, which nobody asked for", wait=ground.waits.first_backup,
        )  # fmt: skip
        assert isinstance(then, Points)
        assert then.newest.taken_at >= due_at
        assert then.newest.taken_at < due_at + timedelta(hours=1)
        assert desk.repository.paths_in(then.newest.id)["/word"] == len("one and two\n")
