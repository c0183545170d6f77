"""Drills of an app that is back within a second, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_return import BESIDE_ITS_CHILDREN, WITHIN_A_SECOND
from fixtures import returning
from fixtures.kube.kinds import CLAIM
from fixtures.report import Outcome
from tests.world import World, fails

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.engines import App
    from fixtures.findings import Findings
    from fixtures.scenario import Scenario

SCENARIOS = (WITHIN_A_SECOND, BESIDE_ITS_CHILDREN)


@pytest.fixture(autouse=True)
def lingers_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(returning, "_LINGER_S", 0.2)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_honest_engine_passes(run: Callable[..., Findings], scenario: Scenario) -> None:
    world = World()
    findings = run(world, scenario)
    assert findings.passed, findings.report()
    # Nothing is left held that was kept in deletion.
    assert len(world.sources) == 1


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_child_that_serves_the_claim_of_another_life_is_noticed(
    run: Callable[..., Findings], scenario: Scenario
) -> None:
    fails(run(World(children_go=False), scenario), "no child is one of the earlier life: of the earlier life:")


def test_a_child_that_belongs_to_a_claim_that_is_gone_is_noticed(run: Callable[..., Findings]) -> None:
    findings = run(World(owns=lambda _: "uid-of-the-first-claim"), WITHIN_A_SECOND)
    fails(findings, "what is owned by the claim is owned by this one: of another:")


def test_a_claim_whose_children_are_not_made_again_is_noticed(run: Callable[..., Findings]) -> None:
    class Forgetful(World):
        def remove(self, app: App) -> None:
            super().remove(app)
            self.makes_children = False

    fails(run(Forgetful(), WITHIN_A_SECOND), "seen ['0 times ReplicationSource")


def test_the_data_of_the_life_before_the_last_are_stale(run: Callable[..., Findings]) -> None:
    class Warm(World):
        """Its images outlive what they were restored for."""

        def remove(self, app: App) -> None:
            self.delete(CLAIM, app.name)
            if len(self.points) == 1:
                self.images.clear()

    fails(run(Warm(syncs_first=False), WITHIN_A_SECOND), "promised intact, stale")


def test_an_app_that_is_not_asked_for_in_time_has_not_returned_at_once(
    run: Callable[..., Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returning, "AT_ONCE_S", -1.0)
    findings = run(World(), WITHIN_A_SECOND)
    assert findings.outcome is Outcome.INCONCLUSIVE
    assert "it was declared again at once" in findings.report()


def test_children_that_were_gone_at_the_return_were_not_being_deleted(run: Callable[..., Findings]) -> None:
    class Hasty(World):
        def _delete_sources(self, claim: str) -> None:
            self.sources.clear()

    assert run(Hasty(), BESIDE_ITS_CHILDREN).outcome is Outcome.INCONCLUSIVE


def test_children_are_let_go_also_where_the_return_fails(run: Callable[..., Findings]) -> None:
    class Refusing(World):
        def delete(self, kind: Any, name: str, namespace: str | None = None) -> None:
            super().delete(kind, name, namespace)
            self.answers = False

    world = Refusing()
    assert not run(world, BESIDE_ITS_CHILDREN).passed
    assert not world.sources
