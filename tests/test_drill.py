"""The scenarios on a stand-in for the cluster that can be made to lie: an honest one passes, every lie is told."""

# ruff: noqa: ARG002 - the stand-in has the signatures of what it stands in for, and needs less
from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from e2e.test_fresh_install import FRESH_INSTALL
from e2e.test_rebuild import CLAIM_LOST_BESIDE_ITS_DESTINATION, CLUSTER_LOST, NAMESPACE_LOST
from fixtures.app import FirstReading
from fixtures.drill import Drill
from fixtures.engines import App, Child, Store, Variant, child
from fixtures.history import Evidence
from fixtures.kube import CLAIM, VOLUME, KubeError, Seen
from fixtures.ledger import Ledger
from fixtures.oracle import Verdict
from fixtures.report import Outcome
from fixtures.repository import Absent, Points, RestorePoint, Retention, Truth, Unknown
from fixtures.tree import Tree
from fixtures.wait import Expired, Waits
from fixtures.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.findings import Findings
    from fixtures.scenario import Scenario
    from fixtures.workload import Generation

NONCE = "nonce-of-this-run"
EMPTY = Tree.of([])
SCENARIOS = (FRESH_INSTALL, NAMESPACE_LOST, CLUSTER_LOST, CLAIM_LOST_BESIDE_ITS_DESTINATION)


@dataclass
class World:
    """A cluster, the stores beside it, and everything a drill calls: ground, kube, engine and pods in one.

    Backups and restores copy trees. The knobs make it lie: `restores` changes what a restore brings, `keeps` which
    restore points stay when the cluster or namespace is lost, `backs_up` whether a backup leaves a restore point.
    """

    restores: Callable[[Tree], Tree] = lambda tree: tree
    keeps: Callable[[list[RestorePoint]], list[RestorePoint]] = lambda points: points
    backs_up: bool = True
    poisons: bool = False
    loses_volumes: bool = True
    populates: bool = True
    answers: bool = True
    points: list[RestorePoint] = field(default_factory=list)
    content: dict[str, Tree] = field(default_factory=dict)
    claims: dict[str, Tree] = field(default_factory=dict)
    images: dict[str, tuple[str, str | None, datetime]] = field(default_factory=dict)
    volumes: set[str] = field(default_factory=set)
    age: int = 1
    seen_first: Tree = EMPTY

    def __post_init__(self) -> None:
        self.kube = self.engine = self.pods = self
        self.cluster = SimpleNamespace(name="stand-in", store=None)
        self.waits = Waits.load(clock=SimpleNamespace(now_s=self._now_s, sleep=self._sleep))
        self.name, self.variant = "stand-in", Variant.FAITHFUL
        self._passed_s = 0.0

    def _now_s(self) -> float:
        return self._passed_s

    def _sleep(self, seconds: float) -> None:
        self._passed_s += seconds

    # --- ground ---

    def request_removal(self, app: App) -> None:
        self._forget_everything()

    def await_gone(self, namespace: str) -> None:
        """A namespace of this world is gone at once."""

    def incarnation(self) -> str:
        return str(self.age)

    def destroy(self) -> str:
        self._forget_everything()
        return "all machines destroyed"

    def raise_again(self) -> None:
        self.age += 1

    def _forget_everything(self) -> None:
        self.claims.clear()
        self.images.clear()
        self.points = self.keeps(self.points)
        if self.loses_volumes:
            self.volumes.clear()

    # --- kube ---

    def apply(self, body: Any) -> None:
        del body

    def get(self, kind: Any, name: str, namespace: str) -> Any:
        assert kind == CLAIM
        return {"spec": {"volumeName": f"pv-{name}"}} if name in self.claims else None

    def look(self, kind: Any, name: str) -> Seen:
        return Seen({"metadata": {"name": name}} if kind == VOLUME and name in self.volumes else None)

    def delete(self, kind: Any, name: str, namespace: str) -> None:
        assert kind == CLAIM
        del self.claims[name]
        self.volumes.discard(f"pv-{name}")

    def list(self, kind: Any, namespace: str) -> Any:
        assert kind == CLAIM
        return [{"metadata": {"name": name}} for name in self.claims]

    # --- engine ---

    def protect(self, app: App) -> None:
        if not self.answers:
            raise KubeError("apply", "claim", 500, "InternalError", "the API server is ill")
        self._fill(app.name)

    def _fill(self, claim: str) -> None:
        if claim not in self.images:  # a destination restores once
            newest = self.points[-1] if self.points else None
            self.images[claim] = (f"image-{uuid4()}", newest.id if newest else None, datetime.now(UTC))
        point = self.images[claim][1]
        self.claims[claim] = self.restores(self.content[point]) if point else EMPTY
        self.volumes.add(f"pv-{claim}")
        if self.poisons and self.age > 1:
            self._point(EMPTY)

    def back_up_now(self, app: App, store: Store) -> datetime:
        copied_at = datetime.now(UTC)
        if self.backs_up:
            self._point(self.claims[app.name])
        return copied_at

    def _point(self, tree: Tree) -> None:
        point = RestorePoint(datetime.now(UTC), uuid4().hex * 2, "volsync", ("/data",), len(tree.entries), 1)
        self.content[point.id] = tree
        self.points = list(Retention(hourly=24, daily=7).survivors([*self.points, point]))

    def await_quiet(self, app: App) -> None:
        """Nothing moves here by itself."""

    def restore_into_second_claim(self, app: App, claim: str) -> None:
        self._fill(claim)

    def remove_second_claim(self, app: App, claim: str) -> None:
        del self.claims[claim]

    def evidence(self, app: App, claim: str) -> Evidence:
        image, point, created_at = self.images[claim]
        origin = image if self.populates else None
        return Evidence(origin, image, created_at, point[:8] if point else None)

    def repository(self, app: App, store: Store) -> Any:
        return SimpleNamespace(restore_points=self._restore_points, paths_in=lambda point: self.content[point].entries)

    def _restore_points(self) -> Truth:
        return Points(tuple(self.points)) if self.points else Absent("nothing was ever backed up")

    def retention(self, store: Store) -> Retention:
        return Retention(hourly=24, daily=7)

    def children(self, app: App) -> tuple[Child, ...]:
        return (child(CLAIM, app.name),)

    # --- pods ---

    def prepare(self, app: App) -> None:
        """The agent needs no folder here."""

    def declare(self, app: App, first_run: Generation) -> None:
        self.seen_first = self.claims[app.name]
        if not self.seen_first.entries:
            self.claims[app.name] = first_run.tree()

    def remove(self, app: App) -> None:
        """The app itself leaves nothing."""

    def first_reading(self, app: App, wait: Any) -> FirstReading:
        return FirstReading(self.seen_first, datetime.now(UTC))

    def write(self, app: App, generation: Generation) -> None:
        self.claims[app.name] = generation.tree()

    def observe_claim(self, app: App, claim: str, wait: Any) -> Tree:
        return self.claims[claim]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.start(tmp_path / "drill", run="r", seed=1, nonce=NONCE, versions={}) as started:
        yield started


@pytest.fixture
def run(ledger: Ledger) -> Callable[[World, Scenario], Findings]:
    def run_scenario(world: World, scenario: Scenario) -> Findings:
        app = App(name="orders", namespace="shop", drill="d", repository_password="-")  # noqa: S106
        drill = Drill(world, ledger, app, nonce=NONCE, seed=1, say=lambda _: None)  # type: ignore[arg-type]
        small = replace(scenario, data=Workload(files=3, large_files=0))
        return drill.run(small)

    return run_scenario


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
        def _fill(self, claim: str) -> None:
            newest_last, self.points = self.points, self.points[:1]
            super()._fill(claim)
            self.points = newest_last

    findings = run(Stale(), NAMESPACE_LOST)
    assert findings.outcome is Outcome.FAIL
    assert findings.decisive is not None
    assert findings.decisive.judgement.verdict is Verdict.STALE


def test_a_backup_without_a_restore_point_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    findings = run(World(backs_up=False), FRESH_INSTALL)
    assert findings.outcome is Outcome.FAIL
    assert "the repository has no new restore point" in findings.report()


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
        def _restore_points(self) -> Truth:
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
        def first_reading(self, app: App, wait: Any) -> FirstReading:
            raise Expired(expected="the pod to run", seen="claim Pending", waited_s=300, wait=self.waits.restore)

    findings = run(Pending(), FRESH_INSTALL)
    assert findings.outcome is Outcome.FAIL
    assert "claim Pending" in findings.report()
