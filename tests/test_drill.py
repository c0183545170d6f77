"""Drills in a stand-in for the cluster that can be made to lie: an honest one passes, every lie is told."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_fresh_install import FRESH_INSTALL, UNASKED
from e2e.test_rebuild import CLUSTER_LOST, NAMESPACE_LOST
from fixtures.engines import NEWEST, App, Store, Wanted
from fixtures.ledger import Ledger, read
from fixtures.oracle import Verdict
from fixtures.report import Outcome
from fixtures.repository import Truth, Unknown
from fixtures.sightings import Helped
from fixtures.tree import Tree
from fixtures.wait import Expired
from tests.world import EMPTY, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from fixtures.app import FirstReading
    from fixtures.findings import Findings
    from fixtures.history import Event
    from fixtures.scenario import Scenario

SCENARIOS = (FRESH_INSTALL, UNASKED, NAMESPACE_LOST, CLUSTER_LOST)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_honest_engine_passes(run: Callable[..., Findings], scenario: Scenario) -> None:
    findings = run(World(), scenario)
    assert findings.passed, findings.report()
    assert [phase.name for phase in findings.phases] == [
        f"{word} {step}" for word, steps in scenario.phases() for step in steps
    ]


@pytest.mark.parametrize("scenario", [NAMESPACE_LOST, CLUSTER_LOST], ids=lambda scenario: scenario.name)
def test_recovery_time_and_point_are_measured_after_a_loss(run: Callable[..., Findings], scenario: Scenario) -> None:
    findings = run(World(), scenario)
    assert findings.recovery_time_s is not None
    assert findings.recovery_point_s is not None
    assert 0 <= findings.recovery_time_s < 60
    assert 0 <= findings.recovery_point_s < 60


def without_a_file(tree: Tree) -> Tree:
    entries = [entry for entry in tree.entries.values() if entry.path != b"modes/file-4755"]
    return Tree.of(entries, tree.header)


@pytest.mark.parametrize(
    ("restores", "verdict"),
    [(lambda _: EMPTY, Verdict.EMPTY_THROUGH_LOSS), (without_a_file, Verdict.PARTIAL)],
    ids=["nothing comes back", "a file is lost"],
)
@pytest.mark.parametrize("scenario", [FRESH_INSTALL, NAMESPACE_LOST], ids=lambda scenario: scenario.name)
def test_a_restore_that_loses_data_fails_with_its_verdict(
    run: Callable[..., Findings], scenario: Scenario, restores: Callable[[Tree], Tree], verdict: Verdict
) -> None:
    findings = run(World(restores=restores), scenario)
    assert findings.outcome is Outcome.FAIL
    assert findings.decisive is not None
    assert findings.decisive.judgement.verdict is verdict


def test_an_engine_that_brings_an_older_generation_back_is_stale(run: Callable[..., Findings]) -> None:
    class Stale(World):
        def _fill(self, claim: str, capacity: str = "1Gi", wanted: Wanted = NEWEST) -> None:
            newest_last, self.points = self.points, self.points[:1]
            super()._fill(claim, capacity, wanted)
            self.points = newest_last

    findings = run(Stale(syncs_first=False), NAMESPACE_LOST)
    assert findings.outcome is Outcome.FAIL
    assert findings.decisive is not None
    assert findings.decisive.judgement.verdict is Verdict.STALE


def test_a_backup_without_a_restore_point_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    findings = run(World(backs_up=False), FRESH_INSTALL)
    assert findings.outcome is Outcome.FAIL
    assert "the repository has no new restore point" in findings.report()


def test_an_app_that_is_backed_up_only_on_demand_is_not_backed_up_in_time(
    run: Callable[..., Findings],
) -> None:
    findings = run(World(syncs_first=False), UNASKED)
    assert findings.outcome is Outcome.FAIL
    assert "a restore point of shop/orders that nobody asked for" in findings.report()


def test_a_backup_of_the_schedule_that_comes_before_a_restore_begins_is_what_is_restored(
    run: Callable[..., Findings],
) -> None:
    class Ticking(World):
        def restore_into_second_claim(self, app: App, claim: str, wanted: Wanted = NEWEST) -> None:
            self._point(self.claims[app.name])
            super().restore_into_second_claim(app, claim, wanted)

    findings = run(Ticking(), FRESH_INSTALL)
    assert findings.passed, findings.report()


def test_a_restore_point_that_vanishes_in_the_rebuild_is_missed(run: Callable[..., Findings]) -> None:
    findings = run(World(keeps=lambda points: points[1:]), NAMESPACE_LOST)
    assert findings.outcome is Outcome.FAIL
    assert "no restore point was lost but by the rule" in findings.report()


def test_a_backup_of_a_volume_whose_restore_had_not_ended_is_noticed(run: Callable[..., Findings]) -> None:
    findings = run(World(poisons=True), CLUSTER_LOST)
    assert findings.outcome is Outcome.FAIL
    assert "every backup since the loss holds a whole generation" in findings.report()


def test_data_without_a_populated_volume_is_no_proof(run: Callable[..., Findings]) -> None:
    assert run(World(populates=False), FRESH_INSTALL).outcome is Outcome.INCONCLUSIVE


def test_a_volume_that_survives_the_loss_ends_the_drill_before_anything_is_judged_by_it(
    run: Callable[..., Findings],
) -> None:
    findings = run(World(loses_volumes=False), NAMESPACE_LOST)
    assert findings.outcome is Outcome.FAIL
    assert "PersistentVolume pv-orders to be gone" in findings.report()


def test_a_cluster_that_is_still_the_same_one_was_not_destroyed(run: Callable[..., Findings]) -> None:
    class Same(World):
        def raise_again(self) -> None:
            """Nothing was made anew."""

    findings = run(Same(), CLUSTER_LOST)
    assert findings.outcome is Outcome.FAIL
    assert "the cluster is another one" in findings.report()


def test_an_api_server_that_errs_leaves_the_drill_without_an_answer(run: Callable[..., Findings]) -> None:
    findings = run(World(answers=False), FRESH_INSTALL)
    assert findings.outcome is Outcome.INCONCLUSIVE
    assert "the API server is ill" in findings.report()


def test_a_store_that_already_holds_something_is_no_ground_for_a_fresh_install(run: Callable[..., Findings]) -> None:
    world = World()
    world._point(EMPTY)
    assert run(world, FRESH_INSTALL).outcome is Outcome.FAIL


def test_a_repository_that_cannot_be_read_leaves_the_backup_unsure(run: Callable[..., Findings]) -> None:
    class Dark(World):
        def _restore_points(self, store: Store) -> Truth:
            return Unknown("no route to the store")

    findings = run(Dark(), FRESH_INSTALL)
    assert findings.outcome is not Outcome.PASS
    assert "no route to the store" in findings.report()


def test_a_child_too_many_is_named(run: Callable[..., Findings]) -> None:
    world = World()
    world.claims["left-over"] = EMPTY
    findings = run(world, FRESH_INSTALL)
    assert findings.outcome is Outcome.FAIL
    assert "unexpected PersistentVolumeClaim left-over" in findings.report()


def test_an_app_that_never_comes_up_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    class Pending(World):
        def first_reading(self, app: App, wait: Any, *, since: datetime | None = None) -> FirstReading:
            raise Expired(expected="the pod to run", seen="claim Pending", waited_s=300, wait=self.waits.restore)

    findings = run(Pending(), FRESH_INSTALL)
    assert findings.outcome is Outcome.FAIL
    assert "claim Pending" in findings.report()
    assert findings.decisive is not None
    assert findings.decisive.judgement.verdict is Verdict.UNKNOWN
    assert "the volume could not be read: Expired: expected the pod to run" in findings.report()


def test_a_namespace_that_went_only_since_something_was_let_go_was_helped(
    run: Callable[..., Findings], tmp_path: Path
) -> None:
    class Held(World):
        def await_gone(self, namespace: str) -> None:
            self.interventions.append(f"let go the claim {namespace}/orders")

    findings = run(Held(), NAMESPACE_LOST)
    told = "let go the claim shop/orders"
    assert read(tmp_path / "drill").all(Helped) == [Helped("shop/orders", told)]
    assert told in findings.evidence


def test_help_that_another_app_gets_while_help_is_noted_is_noted_too_and_nothing_twice(
    run: Callable[..., Findings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    given = world.pods.interventions
    given.append("woken")
    note = Ledger.note

    def note_and_help_another(ledger: Ledger, event: Event) -> None:
        note(ledger, event)
        if isinstance(event, Helped):
            assert event.what not in given  # or whoever notes beside it would do so as well
            given.extend(["woken too"] if event.what == "woken" else [])

    monkeypatch.setattr(Ledger, "note", note_and_help_another)
    findings = run(world, FRESH_INSTALL)
    assert [helped.what for helped in read(tmp_path / "drill").all(Helped)] == ["woken", "woken too"]
    assert {"woken", "woken too"} <= set(findings.evidence)
