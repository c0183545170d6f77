"""Drills in which nobody can decide for a while what a claim starts from, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2e.test_gap import ADMISSION_GAP, UNGUARDED_GAP
from e2e.test_move_store import STORE_MOVES
from fixtures.report import Outcome
from fixtures.steps import Neighbour
from fixtures.steps.acts import Declare, DeclareIsHeld
from fixtures.steps.upsets import MoveStore, TellOfStore
from tests.world import EMPTY, World, fails

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.engines import Absence, Store
    from fixtures.findings import Findings
    from fixtures.scenario import Scenario

# One repository is all there is in the stand-in's world.
STORE_MOVES_ALONE = replace(
    STORE_MOVES,
    given=tuple(step for step in STORE_MOVES.given if not isinstance(step, Neighbour)),
    when=(MoveStore(), DeclareIsHeld(because="nobody can say"), TellOfStore(), Declare()),
    then=tuple(step for step in STORE_MOVES.then if not isinstance(step, Neighbour)),
)
SCENARIOS = (STORE_MOVES_ALONE, ADMISSION_GAP)
# What monitors would have to say is theirs alone.
UNWATCHED_GAP = replace(UNGUARDED_GAP, breaks=frozenset())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_honest_engine_passes(run: Callable[..., Findings], scenario: Scenario) -> None:
    findings = run(World(), scenario)
    assert findings.passed, findings.report()


@pytest.mark.parametrize("scenario", [STORE_MOVES, *SCENARIOS], ids=lambda scenario: scenario.name)
def test_what_all_apps_share_is_touched_by_nobody_else_meanwhile_and_put_back(scenario: Scenario) -> None:
    assert (scenario.upsets_all_apps, scenario.needs_cluster_alone) == (True, True)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_claim_that_is_made_although_nobody_could_decide_is_noticed(
    run: Callable[..., Findings], scenario: Scenario
) -> None:
    fails(run(World(believes_emptiness=True), scenario), "the claim is held")


def test_an_engine_that_does_not_find_the_store_again_does_not_pass(run: Callable[..., Findings]) -> None:
    class Lost(World):
        def renew_access(self, store: Store) -> None:
            """It goes on asking where the store was."""

    assert run(Lost(), STORE_MOVES_ALONE).outcome is not Outcome.PASS


def test_a_store_that_moved_when_all_was_done_did_not_move_in_the_middle(run: Callable[..., Findings]) -> None:
    class Slow(World):
        def move_store(self, store: Store) -> None:
            super().move_store(store)
            self._point(EMPTY)

    findings = run(Slow(), STORE_MOVES_ALONE)
    assert "the store moved in the middle of things" in "\n".join(findings.not_shown)


def test_a_refusal_for_another_reason_is_no_refusal_for_this_one(run: Callable[..., Findings]) -> None:
    class Vague(World):
        def stop_deciding(self, how: Absence) -> None:
            self.lost_sight = "try again later"

    fails(run(Vague(), ADMISSION_GAP), "try again later")


class Blocking(World):
    """Makes a claim that nobody decided about, says so, and never backs it up."""

    def stop_deciding(self, how: Absence) -> None:
        self.lost_sight = "created without a decision although 1 restore points exist"


def test_an_app_that_is_born_empty_where_nothing_refuses_it_is_a_loss_that_is_seen(
    run: Callable[..., Findings],
) -> None:
    findings = run(Blocking(believes_emptiness=True), UNWATCHED_GAP)
    assert findings.passed, findings.report()


def test_where_the_claim_is_not_born_empty_the_control_has_shown_nothing(run: Callable[..., Findings]) -> None:
    assert not run(Blocking(), UNWATCHED_GAP).passed


def test_a_claim_that_is_born_empty_and_not_reported_is_missed(run: Callable[..., Findings]) -> None:
    world = Blocking(believes_emptiness=True, reports=False)
    fails(run(world, UNWATCHED_GAP), "it to be said of orders that it created without")


def test_a_backup_of_what_was_born_empty_is_noticed_when_that_comes_back(run: Callable[..., Findings]) -> None:
    class Poisoning(Blocking):
        def set_right(self) -> None:
            super().set_right()
            self._point(self.claims["orders"])

    assert not run(Poisoning(believes_emptiness=True), UNWATCHED_GAP).passed
