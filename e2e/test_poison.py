"""SC-07: the newest backups hold nothing but a fresh start. What was there before is kept, and comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, StartOver, Write
from fixtures.steps.asking import Ask
from fixtures.steps.audits import HistoryIsExact
from fixtures.steps.looks import AppFinds, SecondClaimHolds
from fixtures.steps.losses import RemoveApp
from fixtures.steps.points import TimePasses

if TYPE_CHECKING:
    from fixtures.drill import Drill

# An hour between good and poisoned backups: of each hour only the newest stays.
POISONED = Scenario(
    id="SC-07",
    name="poisoned repository",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp(), TimePasses(timedelta(hours=30))),
        *(Write(generation=2), BackUp(), TimePasses(timedelta(hours=2))),
    ),
    when=(
        StartOver(),
        *(BackUp(), TimePasses(timedelta(hours=1))),
        *(BackUp(), TimePasses(timedelta(hours=1))),
    ),
    then=(
        HistoryIsExact(),
        SecondClaimHolds(Verdict.INTACT, Ask(as_of=1)),
        *(RemoveApp(), Declare(ask=Ask(as_of=2))),
        AppFinds(Verdict.INTACT),
        *(Write(generation=3), BackUp()),
        SecondClaimHolds(Verdict.INTACT),
    ),
)


@pytest.mark.scenario(POISONED)
def test_restore_points_from_before_a_poisoned_backup_are_kept_and_come_back_as_of_their_time(drill: Drill) -> None:
    findings = drill.run(POISONED)
    assert findings.passed, findings.report()
