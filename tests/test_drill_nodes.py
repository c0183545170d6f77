"""Drills in which a node goes, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_node_loss import (
    NODE_LOST,
    NODE_LOST_WITH_A_RESTORE,
    NODE_LOST_WITH_VOLSYNC,
    NODE_RETURNED,
    NODE_STOPPED,
)
from fixtures.kube.execution import Executed
from fixtures.kube.kinds import CLAIM, POD
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


MOVER = {
    "metadata": {"name": "volsync-dst-orders-dst-x7k2p", "namespace": "shop"},
    "spec": {
        "nodeName": "worker2",
        "containers": [{"name": "restic"}],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": "volsync-orders-dst-dest"}},
            {"name": "cache", "persistentVolumeClaim": {"claimName": "volsync-orders-dst-cache"}},
        ],
    },
    "status": {"phase": "Running"},
}


class Restoring(World):
    """What fills a claim goes with it, and is filled by a mover that can be held; `in_time` is whether it can."""

    in_time = True

    def remove(self, app: App) -> None:
        super().remove(app)
        self.images.pop(app.name, None)

    def get(self, kind: Any, name: str, namespace: str | None = None) -> Any:
        if name == "volsync-orders-dst-dest":
            return {"spec": {"volumeName": "pv-orders-2"}}
        found = super().get(kind, name, namespace)
        if kind == CLAIM and found is not None:
            found["spec"]["dataSourceRef"] = {"name": "orders-dst"}
        return found

    def list(self, kind: Any, namespace: str | None = None, *, labels: Any = None) -> Any:
        if kind != POD:
            return super().list(kind, namespace, labels=labels)
        return [MOVER] if labels == {"batch.kubernetes.io/job-name": "volsync-dst-orders-dst"} else []

    def exec(self, pod: str, namespace: str, command: Any, *, container: str, deadline_s: float) -> Executed:
        assert command[-2:] == ("0", "restore")
        return Executed(0 if self.in_time else 3, b"", b"")


def test_an_app_whose_restore_is_lost_with_its_node_comes_back(run: Callable[..., Findings]) -> None:
    findings = run(Restoring(), NODE_LOST_WITH_A_RESTORE)
    assert findings.passed, findings.report()


def test_a_restore_that_had_ended_was_not_lost_with_its_node(run: Callable[..., Findings]) -> None:
    world = Restoring()
    world.in_time = False
    findings = run(world, NODE_LOST_WITH_A_RESTORE)
    assert findings.outcome is Outcome.INCONCLUSIVE
    assert "a restore is under way" in findings.report()


def test_what_comes_back_after_a_restore_was_lost_is_judged(run: Callable[..., Findings]) -> None:
    class Partial(Restoring):
        def destroy_node(self, node: str) -> None:
            super().destroy_node(node)
            self.restores = lambda tree: replace(tree, entries=dict(list(tree.entries.items())[:-1]))

    fails(run(Partial(), NODE_LOST_WITH_A_RESTORE), "promised intact, partial")
