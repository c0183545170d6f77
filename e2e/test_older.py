"""SC-10: an older restore point is asked for, by number or by time, and exactly that one comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from fixtures.invariants import Invariant
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, RestartApp, Write
from fixtures.steps.asking import Ask, Edge
from fixtures.steps.audits import HistoryIsKept
from fixtures.steps.looks import AppFinds, AppStillHolds, ClaimIsRefused, SecondClaimHolds
from fixtures.steps.losses import RemoveApp
from fixtures.steps.points import TimePasses

if TYPE_CHECKING:
    from fixtures.drill import Drill

# Three restore points, hours apart, so that no rule of retention takes one away.
THREE_BACKUPS = (
    Declare(),
    AppFinds(Verdict.EMPTY_LEGITIMATELY),
    *(Write(generation=1), BackUp(), TimePasses(timedelta(hours=3))),
    *(Write(generation=2), BackUp(), TimePasses(timedelta(hours=2))),
    *(Write(generation=3), BackUp(), TimePasses(timedelta(hours=1))),
)

PREVIOUS = Scenario(
    id="SC-10",
    name="the one before the newest",
    given=THREE_BACKUPS,
    when=(RemoveApp(), Declare(ask=Ask(previous=1))),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        SecondClaimHolds(Verdict.INTACT, Ask(previous=Edge.OLDEST)),
        *(Write(generation=4), BackUp()),
        SecondClaimHolds(Verdict.INTACT),
    ),
)

AS_OF = Scenario(
    id="SC-10",
    name="as of a time, a second before and after",
    given=THREE_BACKUPS,
    when=(RemoveApp(), Declare(ask=Ask(as_of=2, offset_s=-1, zone_min=330))),
    then=(
        AppFinds(Verdict.INTACT),
        *(RemoveApp(), Declare(ask=Ask(as_of=2)), AppFinds(Verdict.INTACT)),
        SecondClaimHolds(Verdict.INTACT, Ask(as_of=2, offset_s=1)),
        SecondClaimHolds(Verdict.INTACT, Ask(as_of=3, offset_s=86_400)),
        *(RemoveApp(), Declare(ask=Ask(as_of=3, previous=1)), AppFinds(Verdict.INTACT)),
    ),
)

# Finding P17 of this design: whoever asks for what is not there gets nothing, and is told that all went well.
OUT_OF_RANGE = Scenario(
    id="SC-10",
    name="P17: out of range comes up empty",
    promise="P17",
    given=THREE_BACKUPS,
    when=(),
    then=(
        SecondClaimHolds(Verdict.EMPTY_THROUGH_LOSS, Ask(previous=Edge.BEYOND)),
        SecondClaimHolds(Verdict.EMPTY_THROUGH_LOSS, Ask(as_of=1, offset_s=-864_000)),
    ),
    breaks=frozenset({Invariant.I1}),
)

TOO_FAR_BACK, TOO_EARLY = Ask(previous=Edge.BEYOND), Ask(as_of=1, offset_s=-864_000)

# Asked as an owner asks, of the app's own claim. While it lives that changes nothing; created anew, it is refused.
REFUSED = Scenario(
    id="SC-10",
    name="out of range is refused",
    promise="SC-10 refusal",
    given=THREE_BACKUPS,
    when=(Declare(ask=TOO_FAR_BACK), RestartApp(), AppStillHolds(Verdict.INTACT)),
    then=(
        *(RemoveApp(), Declare(ask=TOO_FAR_BACK), ClaimIsRefused(because=r"restore point")),
        *(RemoveApp(), Declare(ask=TOO_EARLY), ClaimIsRefused(because=r"restore point")),
        *(RemoveApp(), Declare(), AppFinds(Verdict.INTACT), HistoryIsKept()),
        *(Write(generation=4), BackUp()),
    ),
)


@pytest.mark.thorough
@pytest.mark.scenario(PREVIOUS)
def test_an_app_comes_back_with_the_restore_point_before_the_newest(drill: Drill) -> None:
    findings = drill.run(PREVIOUS)
    assert findings.passed, findings.report()


@pytest.mark.scenario(AS_OF)
@pytest.mark.thorough
def test_an_app_comes_back_as_of_a_time_to_the_second(drill: Drill) -> None:
    findings = drill.run(AS_OF)
    assert findings.passed, findings.report()


@pytest.mark.scenario(OUT_OF_RANGE)
@pytest.mark.thorough
def test_a_restore_point_that_does_not_exist_comes_up_empty_and_reports_success(drill: Drill) -> None:
    findings = drill.run(OUT_OF_RANGE)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(REFUSED)
def test_a_restore_point_that_does_not_exist_is_refused_and_nothing_is_touched(drill: Drill) -> None:
    findings = drill.run(REFUSED)
    assert findings.passed, findings.report()
