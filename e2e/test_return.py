"""SC-23: an app that is removed is back within a second, under the same name. What is left of it must not be taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.audits import ChildrenAreItsOwn, HistoryIsKept
from fixtures.steps.looks import AppFinds, SecondClaimHolds
from fixtures.steps.losses import ReturnAtOnce

if TYPE_CHECKING:
    from fixtures.drill import Drill

# Twice: what the second return finds is left by a life that was restored itself.
WITHIN_A_SECOND = Scenario(
    id="SC-23",
    name="return within a second, twice",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        ReturnAtOnce(),
        AppFinds(Verdict.INTACT),
        *(Write(generation=2), BackUp()),
    ),
    when=(ReturnAtOnce(),),
    then=(
        AppFinds(Verdict.INTACT),
        ChildrenAreItsOwn(),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
        SecondClaimHolds(Verdict.INTACT),
    ),
)

BESIDE_ITS_CHILDREN = replace(
    WITHIN_A_SECOND,
    name="return within a second, while its children linger",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(ReturnAtOnce(lingering=True),),
)


@pytest.mark.scenario(WITHIN_A_SECOND)
@pytest.mark.thorough
def test_an_app_that_is_back_within_a_second_has_its_newest_data_and_children_of_its_own(drill: Drill) -> None:
    findings = drill.run(WITHIN_A_SECOND)
    assert findings.passed, findings.report()


@pytest.mark.scenario(BESIDE_ITS_CHILDREN)
@pytest.mark.thorough
def test_an_app_that_is_back_while_its_children_are_being_deleted_gets_new_ones(drill: Drill) -> None:
    findings = drill.run(BESIDE_ITS_CHILDREN)
    assert findings.passed, findings.report()
