"""SC-02 for an app that never stops: its database commits while it is backed up, and comes back as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, CommitAlways, Declare, Write
from fixtures.steps.audits import HistoryIsKept
from fixtures.steps.looks import AppFinds, LossesShow
from fixtures.steps.losses import LoseNamespace

if TYPE_CHECKING:
    from fixtures.drill import Drill

DATABASE_AT_WORK = Scenario(
    id="SC-02",
    name="rebuild, database under commit",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        Write(generation=1),
        CommitAlways(),
        BackUp(),
        *(Write(generation=2), BackUp()),
    ),
    when=(LoseNamespace(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        LossesShow(),
        HistoryIsKept(),
        *(CommitAlways(), BackUp()),
    ),
)


@pytest.mark.scenario(DATABASE_AT_WORK)
def test_a_database_that_commits_all_the_time_comes_back_whole_and_up_to_its_backup(drill: Drill) -> None:
    findings = drill.run(DATABASE_AT_WORK)
    assert findings.passed, findings.report()
