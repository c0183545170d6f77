"""Drills in which a node goes, in a stand-in that can be made to lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_node_loss import NODE_LOST, NODE_LOST_WITH_VOLSYNC, NODE_RETURNED, NODE_STOPPED
from fixtures.report import Outcome
from tests.world import World, fails

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.app import FirstReading
    from fixtures.engines import App
    from fixtures.findings import Findings
    from fixtures.kube.objects import Seen
    from fixtures.scenario import Scenario

SCENARIOS = (NODE_STOPPED, NODE_RETURNED, NODE_LOST, NODE_LOST_WITH_VOLSYNC)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_honest_engine_passes(run: Callable[..., Findings], scenario: Scenario) -> None:
    findings = run(World(), scenario)
    assert findings.passed, findings.report()


@pytest.mark.parametrize("scenario", [NODE_STOPPED, NODE_RETURNED], ids=lambda scenario: scenario.name)
def test_a_restore_over_live_data_is_stale(run: Callable[..., Findings], scenario: Scenario) -> None:
    class Eager(World):
        def stop_node(self, node: str) -> None:
            super().stop_node(node)
            self.claims["orders"] = self.content[self.points[-1].id]

    fails(run(Eager(), scenario), "promised intact, stale")


def test_a_restore_that_brings_the_live_data_themselves_is_still_a_restore(run: Callable[..., Findings]) -> None:
    class Eager(World):
        def stop_node(self, node: str) -> None:
            super().stop_node(node)
            self.images["orders"] = ("image-new", self.points[-1].id, datetime.now(UTC), "1Gi")

    fails(run(Eager(), NODE_STOPPED), "no restore was made")


@pytest.mark.parametrize("scenario", [NODE_STOPPED, NODE_RETURNED, NODE_LOST], ids=lambda scenario: scenario.name)
def test_a_node_that_goes_on_was_not_stopped(run: Callable[..., Findings], scenario: Scenario) -> None:
    class Alive(World):
        def look(self, kind: Any, name: str) -> Seen:
            self.ready = {"worker", "worker2"}
            return super().look(kind, name)

    fails(run(Alive(), scenario), "not to be Ready")


def test_an_app_that_stays_where_it_was_has_not_moved(run: Callable[..., Findings]) -> None:
    class Rooted(World):
        def first_reading(self, app: App, wait: Any, *, since: datetime | None = None) -> FirstReading:
            return replace(super().first_reading(app, wait, since=since), node="worker2")

    fails(run(Rooted(), NODE_STOPPED), "the app runs on another node")


def test_a_node_whose_volume_is_still_stored_was_not_lost(run: Callable[..., Findings]) -> None:
    class Kept(World):
        def destroy_node(self, node: str) -> None:
            self.ready.discard(node)

    findings = run(Kept(), NODE_LOST)
    assert findings.outcome is Outcome.INCONCLUSIVE
    assert "is lost with the volume: no proof" in findings.report()


def test_a_node_on_which_volsync_did_not_run_was_not_lost_with_it(run: Callable[..., Findings]) -> None:
    findings = run(World(volsync_node="worker"), NODE_LOST_WITH_VOLSYNC)
    assert findings.outcome is Outcome.INCONCLUSIVE
    assert "VolSync's own pod ran on node worker2: it ran on worker" in findings.report()
