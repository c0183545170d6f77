"""SC-20 and SC-13: protection is withdrawn, or the claim goes; what is left, and what must not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, RestartApp, Unprotect, Write
from fixtures.steps.audits import ChildrenAreExact, NoOrphans, NothingProtects
from fixtures.steps.looks import AppFinds, AppStillHolds, SecondClaimHolds
from fixtures.steps.losses import LoseClaim

if TYPE_CHECKING:
    from fixtures.drill import Drill

# Generation 2 is in no backup: who restores when protection is declared again loses it.
UNPROTECTED = Scenario(
    id="SC-20",
    name="protection withdrawn and declared again",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        Write(generation=2),
    ),
    when=(Unprotect(), RestartApp()),
    then=(
        NothingProtects(),
        AppStillHolds(Verdict.INTACT),
        *(Declare(), BackUp()),
        ChildrenAreExact(),
        SecondClaimHolds(Verdict.INTACT),
    ),
)

CLAIM_GONE = Scenario(
    id="SC-13",
    name="nothing outlives its claim",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
    ),
    when=(LoseClaim(),),
    then=(NoOrphans(), Declare(), AppFinds(Verdict.INTACT)),
)


@pytest.mark.thorough
@pytest.mark.scenario(UNPROTECTED)
def test_an_app_without_protection_keeps_its_data_and_its_restore_points(drill: Drill) -> None:
    findings = drill.run(UNPROTECTED)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(CLAIM_GONE)
def test_nothing_of_the_engine_is_left_when_its_claim_is_gone(drill: Drill) -> None:
    findings = drill.run(CLAIM_GONE)
    assert findings.passed, findings.report()
