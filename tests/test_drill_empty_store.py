"""Drills of stores that only look empty, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_empty_store import PUT_BACK, ROLLED_BACK, WRONG_PLACE
from fixtures import misleading
from fixtures.engines import NEWEST, Wanted
from fixtures.oracle import Verdict
from fixtures.report import Outcome
from fixtures.scenario import Scenario
from fixtures.steps import Neighbour
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.looks import AppFinds, IsReported
from fixtures.steps.upsets import Emptiness, StoreLooksEmpty, StoreLooksRight
from tests.world import EMPTY, World, fails

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.engines import App, Lies, Store
    from fixtures.findings import Findings
    from fixtures.steps import Step


def _alone(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(step for step in steps if not isinstance(step, Neighbour))


# One repository is all there is in the stand-in's world.
WRONG_PLACE_ALONE = replace(
    WRONG_PLACE, given=_alone(WRONG_PLACE.given), when=_alone(WRONG_PLACE.when), then=_alone(WRONG_PLACE.then)
)
LIVES_ON = Scenario(
    id="SC-25",
    name="lives on",
    given=(Declare(), AppFinds(Verdict.EMPTY_LEGITIMATELY), Write(generation=1), BackUp()),
    when=(StoreLooksEmpty(Emptiness.OTHER_BUCKET),),
    then=(IsReported(because="wrong bucket"), StoreLooksRight(), BackUp()),
)
# What monitors would have to say is theirs alone.
PUT_BACK_UNWATCHED = replace(PUT_BACK, breaks=frozenset())
SCENARIOS = (WRONG_PLACE_ALONE, ROLLED_BACK, LIVES_ON, PUT_BACK_UNWATCHED)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_honest_engine_passes(run: Callable[..., Findings], scenario: Scenario) -> None:
    world = World()
    findings = run(world, scenario)
    assert findings.passed, findings.report()
    assert not world.lost_sight
    assert not world.aside


@pytest.mark.parametrize("scenario", [WRONG_PLACE_ALONE, ROLLED_BACK], ids=lambda scenario: scenario.name)
def test_a_claim_that_starts_fresh_where_the_store_only_looks_empty_is_noticed(
    run: Callable[..., Findings], scenario: Scenario
) -> None:
    fails(run(World(believes_emptiness=True), scenario), "the claim is held, because wrong bucket or prefix")


def test_what_is_not_said_of_an_app_that_goes_on_is_missed(run: Callable[..., Findings]) -> None:
    fails(run(World(reports=False), LIVES_ON), "it to be said of orders that it wrong bucket")


def test_a_claim_that_is_held_for_another_reason_is_no_answer_to_this_one(run: Callable[..., Findings]) -> None:
    class Ill(World):
        def look_elsewhere(self, store: Store, lies: Lies) -> None:
            self.lost_sight = "the machine is tired"

    fails(run(Ill(), WRONG_PLACE_ALONE), "the machine is tired")


def test_a_store_from_which_nothing_could_be_taken_did_not_look_empty(run: Callable[..., Findings]) -> None:
    class Sticky(World):
        def _move(self, here: Any, there: Any, prefix: str) -> int:
            self.lost_sight = f"wrong bucket or prefix, has had restore points in this store {prefix}"
            return 0

        def bucket(self, store: Store, name: str | None = None) -> Any:
            found = super().bucket(store, name)
            if name == misleading.ASIDE:
                found.objects = lambda _: iter(())
            return found

    assert run(Sticky(), ROLLED_BACK).outcome is Outcome.INCONCLUSIVE


def test_a_store_that_is_not_put_back_is_noticed(run: Callable[..., Findings]) -> None:
    class Lossy(World):
        def set_right(self) -> None:
            super().set_right()
            self.aside[:] = self.points

    fails(run(Lossy(), ROLLED_BACK), "objects are still aside")


def test_an_app_that_comes_back_empty_once_all_is_right_again_is_judged(run: Callable[..., Findings]) -> None:
    class Late(World):
        def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
            super().protect(app, wanted)
            if self.points:
                self.claims[app.name] = EMPTY

    fails(run(Late(), ROLLED_BACK), "empty-through-loss")


def test_a_store_that_was_put_back_and_of_which_nobody_tells_is_missed(run: Callable[..., Findings]) -> None:
    fails(run(World(reports=False), PUT_BACK_UNWATCHED), "it to be said of orders that it is gone")


def test_a_store_that_still_has_its_newest_restore_point_was_not_put_back(run: Callable[..., Findings]) -> None:
    class Whole(World):
        def _put_back(self, store: Store) -> None:
            self.told = "is gone, though no rule took it"

    findings = run(Whole(), PUT_BACK_UNWATCHED)
    assert not findings.passed
    assert "the store holds restore points, and not the newest" in "\n".join(findings.not_shown)
