"""SC-17: after many backups exactly the restore points are left that the rule keeps, and they come back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from fixtures.engines import Store
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.asking import Ask, Edge
from fixtures.steps.audits import HistoryIsExact, RepositoryIsSound
from fixtures.steps.looks import AppFinds, SecondClaimHolds
from fixtures.steps.losses import LoseRepository, RemoveApp
from fixtures.steps.points import PastBackUps, TimePasses

if TYPE_CHECKING:
    from fixtures.drill import Drill

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
        *(Write(generation=1), BackUp(Store.OFFSITE)),
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
