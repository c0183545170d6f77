"""Drills of an app that a GitOps loop keeps, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.test_gitops import COMMITTED_AGAIN, DELETED_BESIDE_LOOP
from fixtures.gitops import Round
from tests.world import World, fails

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.engines import App
    from fixtures.findings import Findings
    from fixtures.scenario import Scenario

SCENARIOS = (COMMITTED_AGAIN, DELETED_BESIDE_LOOP)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_honest_engine_passes(run: Callable[..., Findings], scenario: Scenario) -> None:
    findings = run(World(), scenario)
    assert findings.passed, findings.report()


@pytest.mark.parametrize(
    ("does", "saying"),
    [
        (Round(0, put_back=("Claim a (spec.size)",)), "never had to put anything back: round 1: Claim a (spec.size)"),
        (Round(0, pruned=("Secret a",)), "pruned nothing that the engine made: Secret a"),
        (Round(0, refused="immutable"), "finds all as it is committed: round 2: refused immutable"),
        (Round(0, made=("Claim a",)), "finds all as it is committed: round 2: made Claim a"),
    ],
    ids=["puts back", "prunes", "is blocked", "makes again and again"],
)
def test_a_loop_that_has_to_undo_what_the_engine_does_is_noticed(
    run: Callable[..., Findings], does: Round, saying: str
) -> None:
    fails(run(World(loop_does=does), COMMITTED_AGAIN), saying)


def test_a_claim_that_no_loop_makes_again_is_noticed(run: Callable[..., Findings]) -> None:
    fails(run(World(loops=False), DELETED_BESIDE_LOOP), "expected claim orders to be made")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_comes_back_beside_a_loop_is_judged(run: Callable[..., Findings], scenario: Scenario) -> None:
    fails(run(World(destination_goes=False), scenario), "promised intact, empty-through-loss")


def test_the_loop_is_stopped_also_where_a_step_breaks(run: Callable[..., Findings]) -> None:
    class Broken(World):
        def follow(self, app: App) -> None:
            raise RuntimeError("a mistake in firedrill")

    world = Broken()
    with pytest.raises(RuntimeError, match="a mistake"):
        run(world, COMMITTED_AGAIN)
    assert world.loop is not None
    assert world.loop.is_stopped
