"""SC-16: nobody decides what a claim starts from while there is something to restore. It is refused, and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.engines import Absence
from fixtures.oracle import Verdict
from fixtures.scenario import (
    AppFinds,
    BackUp,
    Declare,
    DeclareIsHeld,
    HistoryIsKept,
    RemoveApp,
    Scenario,
    Write,
)
from fixtures.steps import NobodyDecides, SomebodyDecides

if TYPE_CHECKING:
    from fixtures.drill import Drill

ADMISSION_GAP = Scenario(
    id="SC-16",
    name="admission gap: nobody there, then nobody asked",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        RemoveApp(),
    ),
    when=(
        *(NobodyDecides(Absence.STOPPED), DeclareIsHeld(because="failed calling webhook"), SomebodyDecides()),
        *(NobodyDecides(Absence.NOT_ASKED), DeclareIsHeld(because="nobody has decided"), SomebodyDecides()),
        Declare(),
    ),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=2), BackUp()),
    ),
)


@pytest.mark.scenario(ADMISSION_GAP)
@pytest.mark.thorough
def test_an_app_that_is_declared_while_nobody_decides_is_refused_and_comes_back_afterwards(drill: Drill) -> None:
    findings = drill.run(ADMISSION_GAP)
    assert findings.passed, findings.report()
