"""SC-03 with a standby (C3): a lost claim is filled from an image that was kept ready, if it is of the newest point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import Cast, Scenario
from fixtures.steps.acts import BackUp, BackUpUnseen, Declare, Write
from fixtures.steps.audits import ChildrenAreExact, HistoryIsKept, NoMoverRestored, StandbyIsBehind, StandbyIsReady
from fixtures.steps.looks import AppFinds
from fixtures.steps.losses import LoseClaim
from fixtures.steps.upsets import NobodyKeepsUp, SomebodyKeepsUp

if TYPE_CHECKING:
    from fixtures.drill import Drill

# Two backups, so that the image of the first has to make way for that of the second.
TWO_BACKUPS = (
    Declare(),
    AppFinds(Verdict.EMPTY_LEGITIMATELY),
    *(Write(generation=1), BackUp(), StandbyIsReady()),
    *(Write(generation=2), BackUp(), StandbyIsReady()),
)

FROM_THE_IMAGE = Scenario(
    id="SC-03",
    name="claim lost and declared again, with a standby",
    promise="standby",
    cast=Cast(standby=True),
    given=(*TWO_BACKUPS, ChildrenAreExact()),
    when=(LoseClaim(), StandbyIsReady(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        NoMoverRestored(),
        HistoryIsKept(),
        *(Write(generation=3), BackUp(), StandbyIsReady()),
    ),
)

# The same without: what is saved shows in the two recovery times.
WITHOUT_AN_IMAGE = Scenario(
    id="SC-03",
    name="claim lost and declared again, without a standby",
    promise="standby",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(LoseClaim(), Declare()),
    then=(AppFinds(Verdict.INTACT), HistoryIsKept()),
)

# While nobody renews the image, a backup of the schedule makes it an old one; then the claim is lost.
THE_IMAGE_IS_STALE = Scenario(
    id="SC-03",
    name="claim lost and declared again, with a stale standby",
    promise="standby",
    cast=Cast(standby=True),
    given=TWO_BACKUPS,
    when=(
        NobodyKeepsUp(),
        *(Write(generation=3), BackUpUnseen(), StandbyIsBehind()),
        LoseClaim(),
        SomebodyKeepsUp(),
        *(StandbyIsBehind(), Declare()),
    ),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=4), BackUp(), StandbyIsReady()),
    ),
)


@pytest.mark.scenario(FROM_THE_IMAGE)
def test_a_lost_claim_is_filled_from_the_image_that_stands_by_and_no_mover_restores(drill: Drill) -> None:
    findings = drill.run(FROM_THE_IMAGE)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(WITHOUT_AN_IMAGE)
def test_a_lost_claim_comes_back_by_a_restore_where_no_image_stands_by(drill: Drill) -> None:
    findings = drill.run(WITHOUT_AN_IMAGE)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(THE_IMAGE_IS_STALE)
def test_a_lost_claim_comes_back_as_last_backed_up_although_the_image_that_stands_by_is_older(drill: Drill) -> None:
    findings = drill.run(THE_IMAGE_IS_STALE)
    assert findings.passed, findings.report()
