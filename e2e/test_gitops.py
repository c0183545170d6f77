"""SC-26: a GitOps loop that applies, puts back and prunes keeps the app, and lets the engine do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, CommitApp, Write
from fixtures.steps.audits import ChildrenAreExact, HistoryIsKept, LoopIsContent
from fixtures.steps.looks import AppFinds
from fixtures.steps.losses import DeleteBesideLoop, TakeOutOfGit

if TYPE_CHECKING:
    from fixtures.drill import Drill

_LIVES = (
    CommitApp(),
    AppFinds(Verdict.EMPTY_LEGITIMATELY),
    *(Write(generation=1), BackUp()),
    *(Write(generation=2), BackUp()),
    LoopIsContent(),
)
_LIVES_ON = (
    AppFinds(Verdict.INTACT),
    HistoryIsKept(),
    *(Write(generation=3), BackUp()),
    ChildrenAreExact(),
    LoopIsContent(),
)

COMMITTED_AGAIN = Scenario(
    id="SC-26",
    name="GitOps, pruned and committed again",
    given=_LIVES,
    when=(TakeOutOfGit(), CommitApp()),
    then=_LIVES_ON,
)

# Where a destination outlives its claim, this is K4, with or without a loop.
DELETED_BESIDE_LOOP = Scenario(
    id="SC-26",
    name="GitOps, claim deleted by hand",
    promise="SC-26 self-heal",
    given=_LIVES,
    when=(DeleteBesideLoop(),),
    then=_LIVES_ON,
)


@pytest.mark.scenario(COMMITTED_AGAIN)
@pytest.mark.thorough
def test_an_app_that_a_gitops_loop_prunes_and_applies_again_comes_back_and_the_loop_undoes_nothing(
    drill: Drill,
) -> None:
    findings = drill.run(COMMITTED_AGAIN)
    assert findings.passed, findings.report()


@pytest.mark.scenario(DELETED_BESIDE_LOOP)
@pytest.mark.thorough
def test_a_claim_that_a_gitops_loop_makes_again_comes_back_and_the_loop_undoes_nothing(drill: Drill) -> None:
    findings = drill.run(DELETED_BESIDE_LOOP)
    assert findings.passed, findings.report()
