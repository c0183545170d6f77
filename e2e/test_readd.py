"""SC-03: an app is removed and comes back, in a cluster and a namespace that go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from fixtures.engines import Trait
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.audits import HistoryIsExact, HistoryIsKept
from fixtures.steps.looks import AppFinds, FileSystemFills
from fixtures.steps.losses import LoseClaim, RemoveApp
from fixtures.steps.points import TimePasses

if TYPE_CHECKING:
    from fixtures.drill import Drill

APP_REMOVED = Scenario(
    id="SC-03",
    name="app re-add, within seconds",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(RemoveApp(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)

WEEKS_LATER = Scenario(
    id="SC-03",
    name="app re-add, weeks later",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp(), TimePasses(timedelta(days=2))),
        *(Write(generation=2), BackUp()),
    ),
    when=(RemoveApp(), TimePasses(timedelta(weeks=5)), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
        HistoryIsExact(),
    ),
)

WEEKS_LATER_SMALLER = Scenario(
    id="SC-14",
    name="app re-add, weeks later and smaller",
    given=(
        Declare(capacity="1Gi"),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(RemoveApp(), TimePasses(timedelta(weeks=5)), Declare(capacity="512Mi")),
    then=(
        AppFinds(Verdict.INTACT),
        FileSystemFills("512Mi"),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)

# Finding K4 of this design: a destination that lives on has restored once, and hands that out to every later claim.
CLAIM_LOST_BESIDE_ITS_DESTINATION = Scenario(
    id="SC-03",
    name="K4: claim lost, destination kept",
    only_with=Trait.KEEPS_ITS_DESTINATION,
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(RemoveApp(), Declare()),
        AppFinds(Verdict.INTACT),
        *(Write(generation=2), BackUp()),
    ),
    when=(LoseClaim(), Declare()),
    then=(AppFinds(Verdict.STALE),),
)

# The same steps where no destination is left behind: the second restore gives what was backed up since the first.
CLAIM_LOST = replace(
    CLAIM_LOST_BESIDE_ITS_DESTINATION,
    name="app re-add, claim alone, after an earlier restore",
    only_with=None,
    only_without=Trait.KEEPS_ITS_DESTINATION,
    then=(AppFinds(Verdict.INTACT), HistoryIsKept(), *(Write(generation=3), BackUp())),
)


@pytest.mark.scenario(APP_REMOVED)
def test_an_app_that_is_removed_and_declared_again_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(APP_REMOVED)
    assert findings.passed, findings.report()


@pytest.mark.scenario(WEEKS_LATER)
@pytest.mark.thorough
def test_an_app_that_returns_after_weeks_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(WEEKS_LATER)
    assert findings.passed, findings.report()


@pytest.mark.scenario(WEEKS_LATER_SMALLER)
@pytest.mark.thorough
def test_an_app_that_returns_after_weeks_may_have_a_smaller_claim_that_its_data_fit_in(drill: Drill) -> None:
    findings = drill.run(WEEKS_LATER_SMALLER)
    assert findings.passed, findings.report()


@pytest.mark.scenario(CLAIM_LOST_BESIDE_ITS_DESTINATION)
def test_a_claim_that_is_lost_beside_its_destination_comes_back_as_once_restored(drill: Drill) -> None:
    findings = drill.run(CLAIM_LOST_BESIDE_ITS_DESTINATION)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(CLAIM_LOST)
def test_a_claim_that_is_lost_again_after_a_restore_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(CLAIM_LOST)
    assert findings.passed, findings.report()
