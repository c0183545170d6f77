"""SC-01: a new app has nothing to come back to. It starts empty, and from then on it is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps import Neighbour
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.audits import BackedUpUnasked, ChildrenAreExact, NothingToRestore
from fixtures.steps.looks import AppFinds, SecondClaimHolds
from fixtures.steps.losses import LoseClaim
from fixtures.steps.points import CreateRepository

if TYPE_CHECKING:
    from fixtures.drill import Drill

FRESH_INSTALL = Scenario(
    id="SC-01",
    name="fresh install",
    given=(NothingToRestore(),),
    when=(Declare(),),
    then=(
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        Write(generation=1),
        BackUp(),
        ChildrenAreExact(),
        SecondClaimHolds(Verdict.INTACT),
    ),
)

UNASKED = Scenario(
    id="SC-01",
    name="fresh install, backed up before anybody asks",
    promise="SC-01 unasked",
    given=(NothingToRestore(),),
    when=(Declare(),),
    then=(
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        BackedUpUnasked(),
        *(Write(generation=1), BackUp()),
        SecondClaimHolds(Verdict.INTACT),
    ),
)


EMPTY_REPOSITORY = Scenario(
    id="SC-12",
    name="fresh install, repository without restore points",
    given=(CreateRepository(), NothingToRestore()),
    when=(Declare(),),
    then=(
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        SecondClaimHolds(Verdict.INTACT),
    ),
)

# What an earlier try left has restored nothing, since there was nothing.
EARLIER_TRY = Scenario(
    id="SC-01",
    name="fresh install, after an earlier try",
    given=(Declare(), AppFinds(Verdict.EMPTY_LEGITIMATELY), LoseClaim()),
    when=(Declare(),),
    then=(
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        SecondClaimHolds(Verdict.INTACT),
    ),
)

BESIDE_ANOTHER = Scenario(
    id="SC-06",
    name="fresh install, beside another app",
    given=(
        Neighbour(Declare()),
        Neighbour(AppFinds(Verdict.EMPTY_LEGITIMATELY)),
        *(Neighbour(Write(generation=1)), Neighbour(BackUp())),
    ),
    when=(Declare(),),
    then=(
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        SecondClaimHolds(Verdict.INTACT),
        Neighbour(SecondClaimHolds(Verdict.INTACT)),
    ),
)


@pytest.mark.scenario(FRESH_INSTALL)
def test_a_new_app_starts_empty_and_its_first_backup_can_be_restored(drill: Drill) -> None:
    findings = drill.run(FRESH_INSTALL)
    assert findings.passed, findings.report()


@pytest.mark.scenario(UNASKED)
@pytest.mark.thorough
def test_a_new_app_is_backed_up_before_anybody_asks(drill: Drill) -> None:
    findings = drill.run(UNASKED)
    assert findings.passed, findings.report()


@pytest.mark.scenario(EMPTY_REPOSITORY)
@pytest.mark.thorough
def test_a_repository_without_restore_points_counts_as_no_backup(drill: Drill) -> None:
    findings = drill.run(EMPTY_REPOSITORY)
    assert findings.passed, findings.report()


@pytest.mark.scenario(EARLIER_TRY)
@pytest.mark.thorough
def test_an_app_that_was_tried_before_and_wrote_nothing_starts_empty_again(drill: Drill) -> None:
    findings = drill.run(EARLIER_TRY)
    assert findings.passed, findings.report()


@pytest.mark.scenario(BESIDE_ANOTHER)
@pytest.mark.thorough
def test_a_new_app_beside_one_with_backups_starts_empty_and_leaves_it_alone(drill: Drill) -> None:
    findings = drill.run(BESIDE_ANOTHER)
    assert findings.passed, findings.report()
