"""SC-16: nobody decides what a claim starts from while there is something to restore. It is refused, and comes back.

Where nothing refuses it either, it is born empty: the negative control, which says what the guard is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.engines import Absence
from fixtures.invariants import Invariant
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, DeclareIsHeld, Write
from fixtures.steps.audits import HistoryIsKept
from fixtures.steps.looks import AppFinds, IsReported
from fixtures.steps.losses import RemoveApp
from fixtures.steps.upsets import NobodyDecides, SomebodyDecides

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

# What the claim is reported for keeps it from being backed up: else what comes back at last would be first-run data.
UNGUARDED_GAP = Scenario(
    id="SC-16",
    name="control: nobody asked, and no guard",
    given=ADMISSION_GAP.given,
    when=(NobodyDecides(Absence.UNGUARDED), Declare()),
    then=(
        AppFinds(Verdict.EMPTY_THROUGH_LOSS),
        IsReported(because=r"created without a decision although \d+ restore points exist"),
        *(SomebodyDecides(), RemoveApp(), Declare()),
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
    ),
    breaks=frozenset({Invariant.I1}),
)


@pytest.mark.scenario(ADMISSION_GAP)
@pytest.mark.thorough
def test_an_app_that_is_declared_while_nobody_decides_is_refused_and_comes_back_afterwards(drill: Drill) -> None:
    findings = drill.run(ADMISSION_GAP)
    assert findings.passed, findings.report()


@pytest.mark.scenario(UNGUARDED_GAP)
@pytest.mark.thorough
def test_an_app_that_is_declared_while_nothing_refuses_it_is_born_empty_and_that_is_seen(drill: Drill) -> None:
    findings = drill.run(UNGUARDED_GAP)
    assert findings.passed, findings.report()
