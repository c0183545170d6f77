"""SC-08: the mover dies in the middle of a backup. No half of it is ever offered, and the next one is good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.workloads import LARGE
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.audits import HistoryIsKept, RepositoryIsSound
from fixtures.steps.looks import AppFinds
from fixtures.steps.losses import LoseNamespace
from fixtures.steps.points import BackUpGoesOn, CrashBackUp, RemoveLocks

if TYPE_CHECKING:
    from fixtures.drill import Drill

GIVEN = (
    Declare(),
    AppFinds(Verdict.EMPTY_LEGITIMATELY),
    *(Write(generation=1), BackUp()),
    Write(generation=2),
)
AFTERWARDS = (
    BackUpGoesOn(),
    RepositoryIsSound(),
    *(Write(generation=3), BackUp()),
    *(LoseNamespace(), Declare()),
    AppFinds(Verdict.INTACT),
    HistoryIsKept(),
)

MOVER_KILLED = Scenario(
    id="SC-08",
    name="mover killed in mid-backup",
    data=LARGE,
    given=GIVEN,
    when=(CrashBackUp(),),
    then=AFTERWARDS,
)

# Nothing here removes the lock that a killed mover leaves, and behind it every attempt fails: an operator must.
MOVER_KILLED_AND_UNLOCKED = Scenario(
    id="SC-08",
    name="mover killed in mid-backup, unlocked by hand",
    promise="SC-08 by hand",
    data=LARGE,
    given=GIVEN,
    when=(CrashBackUp(), RemoveLocks()),
    then=AFTERWARDS,
)


@pytest.mark.thorough
@pytest.mark.scenario(MOVER_KILLED)
def test_a_backup_whose_mover_is_killed_is_carried_to_its_end(drill: Drill) -> None:
    findings = drill.run(MOVER_KILLED)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(MOVER_KILLED_AND_UNLOCKED)
def test_a_backup_whose_mover_is_killed_goes_on_once_an_operator_has_removed_its_lock(drill: Drill) -> None:
    findings = drill.run(MOVER_KILLED_AND_UNLOCKED)
    assert findings.passed, findings.report()
