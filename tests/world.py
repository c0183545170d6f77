"""A stand-in for the cluster and everything a drill calls, which can be made to lie."""

# ruff: noqa: ARG002 - the stand-in has the signatures of what it stands in for, and needs less
from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fixtures import misleading
from fixtures.agent.database import DatabaseFacts
from fixtures.app import FirstReading
from fixtures.drill import Drill
from fixtures.engines import NEWEST, NO_TIER, Absence, App, Child, Store, Tier, Variant, Wanted, child
from fixtures.entry import Space
from fixtures.gitops import Round
from fixtures.history import Evidence
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import CLAIM, JOB, NODE, POD, REPLICATION_SOURCE, VOLUME
from fixtures.kube.objects import Seen, bytes_of
from fixtures.ledger import Ledger
from fixtures.report import Outcome
from fixtures.repository import Absent, Points, RestorePoint, Retention, Truth
from fixtures.sightings import Sighted, Turn
from fixtures.tree import Tree
from fixtures.wait import Waits, eventually
from fixtures.workload import Generation, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence, Sequence
    from pathlib import Path

    from fixtures.engines import Lies
    from fixtures.findings import Findings
    from fixtures.scenario import Scenario

NONCE = "nonce-of-this-run"
EMPTY = Tree.of([])
TIERS = {"hourly": ("0 * * * *", {"hourly": 24, "daily": 7}), "daily": ("0 2 * * *", {"daily": 14})}


def run_in(folder: Path, world: World, scenario: Scenario) -> Findings:
    """What a drill of the scenario finds in this world, with a small volume."""
    app = App(name="orders", namespace="shop", drill="d", repository_password="-")  # noqa: S106
    world.store = folder / "store"
    with Ledger.start(folder / "drill", run="r", seed=1, nonce=NONCE, versions={}) as ledger:
        world.ledger = ledger
        drill = Drill(world, ledger, app, nonce=NONCE, seed=1, say=lambda _: None)  # type: ignore[arg-type]
        return drill.run(replace(scenario, data=Workload(files=3, large_files=0)))


def fails(findings: Findings, saying: str) -> None:
    """The drill found what is wrong, and says so in these words."""
    assert findings.outcome is Outcome.FAIL, findings.report()
    assert saying in findings.report()


@dataclass
class World:
    """A cluster, the stores beside it, and everything a drill calls: ground, kube, engine and pods in one.

    Backups and restores copy trees. The knobs make it lie: `restores` changes what a restore brings, `keeps` which
    restore points stay when the cluster or namespace is lost, `backs_up` whether a backup leaves a restore point, and
    `syncs_first` whether a new app is backed up before anybody asks.
    `believes_emptiness` is whether a claim starts fresh where the store only looks empty, `believes_oddities` whether
    one is made that asks for what nobody knows, and `reports` whether either is said of claims that are there.
    `templates_work` is whether a StatefulSet makes its claims.
    `loop_does` is what a GitOps loop finds to do in each round, and `loops` whether it makes again what is gone;
    `destination_goes` is whether what filled a claim goes with it where such a loop is at work.
    `makes_children` is whether a claim gets its source each time, `children_go` whether that goes with it, and `owns`
    whom of the claim's uid a new source names as its owner. `volsync_node` is where VolSync's own pod runs.
    """

    restores: Callable[[Tree], Tree] = lambda tree: tree
    keeps: Callable[[list[RestorePoint]], list[RestorePoint]] = lambda points: points
    backs_up: bool = True
    syncs_first: bool = True
    poisons: bool = False
    loses_volumes: bool = True
    populates: bool = True
    answers: bool = True
    believes_emptiness: bool = False
    reports: bool = True
    lost_sight: str = ""
    believes_oddities: bool = False
    templates_work: bool = True
    odd: set[str] = field(default_factory=set)
    told: str = ""
    kept: list[RestorePoint] = field(default_factory=list)
    aside: list[RestorePoint] = field(default_factory=list)
    loop_does: Round = field(default_factory=lambda: Round(0))
    loops: bool = True
    destination_goes: bool = True
    loop: LoopStandIn | None = None
    makes_children: bool = True
    children_go: bool = True
    owns: Callable[[str], str] = lambda uid: uid
    sources: dict[str, Any] = field(default_factory=dict)
    points: list[RestorePoint] = field(default_factory=list)
    far: list[RestorePoint] = field(default_factory=list)
    content: dict[str, Tree] = field(default_factory=dict)
    claims: dict[str, Tree] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    requested: dict[str, str] = field(default_factory=dict)
    spans: dict[str, str] = field(default_factory=dict)
    images: dict[str, tuple[str, str | None, datetime, str]] = field(default_factory=dict)
    volumes: set[str] = field(default_factory=set)
    age: int = 1
    seen_first: Tree = EMPTY
    node: str = "worker"
    volsync_node: str = "worker2"
    ready: set[str] = field(default_factory=lambda: {"worker", "worker2"})
    store: Path | None = None
    damage: str | None = None
    interventions: list[str] = field(default_factory=list)
    ledger: Ledger | None = None

    def __post_init__(self) -> None:
        self.kube = self.engine = self.cluster = self
        self.pods = Pods(self)
        self.waits = Waits.load(clock=SimpleNamespace(now_s=self._now_s, sleep=self._sleep))
        self.installation = self
        self.name, self.variant = "stand-in", Variant.FAITHFUL
        self.tiers = {name: Tier(re.compile(re.escape(cron)), keeps) for name, (cron, keeps) in TIERS.items()}
        self._passed_s = 0.0

    def _now_s(self) -> float:
        return self._passed_s

    def _sleep(self, seconds: float) -> None:
        self._passed_s += seconds

    # --- ground and cluster ---

    def request_removal(self, app: App) -> None:
        self._forget_everything()

    def await_gone(self, namespace: str) -> None:
        """A namespace of this world is gone at once."""

    def await_components(self) -> None:
        """Nothing has to start here."""

    def await_pods_off(self, node: str) -> None:
        """The taint is obeyed at once."""

    def incarnation(self) -> str:
        return str(self.age)

    def destroy(self) -> str:
        self._forget_everything()
        return "all machines destroyed"

    def raise_again(self) -> None:
        self.age += 1

    def stop_node(self, node: str) -> None:
        self.ready.discard(node)

    def start_node(self, node: str) -> None:
        self.ready.add(node)

    def destroy_node(self, node: str) -> None:
        self.ready.discard(node)
        if self.store is not None and self.loses_volumes:
            shutil.rmtree(self.store / "csi" / "nodes" / node)

    def _forget_everything(self) -> None:
        self.claims.clear()
        self.pending.clear()
        self.sources.clear()
        self.images.clear()
        self.points = self.keeps(self.points)
        if self.loses_volumes:
            self.volumes.clear()

    # --- kube ---

    def apply(self, body: Any) -> None:
        del body

    def get(self, kind: Any, name: str, namespace: str | None = None) -> Any:
        if kind == NODE:
            return self.look(NODE, name).item
        if kind == VOLUME:
            affinity = {"nodeSelectorTerms": [{"matchExpressions": [{"values": [self.node]}]}]}
            spec = {"nodeAffinity": {"required": affinity}, "csi": {"volumeHandle": name}}
            return {"metadata": {"name": name}, "spec": spec} if name in self.volumes else None
        if kind == REPLICATION_SOURCE:
            return self.sources.get(name)
        assert kind == CLAIM
        if name not in self.claims and name not in self.pending:
            return None
        requests = {"resources": {"requests": {"storage": self.requested[name]}}}
        bound = {"volumeName": self._volume_of(name)} if name in self.claims else {}
        status = {"phase": "Bound", "capacity": {"storage": self.requested[name]}} if bound else {"phase": "Pending"}
        return {"metadata": {"name": name, "uid": self.uids[name]}, "spec": {**bound, **requests}, "status": status}

    def look(self, kind: Any, name: str) -> Seen:
        if kind == NODE:
            ready = {"type": "Ready", "status": "True" if name in self.ready else "Unknown"}
            return Seen({"metadata": {"name": name}, "status": {"conditions": [ready]}})
        return Seen({"metadata": {"name": name}} if kind == VOLUME and name in self.volumes else None)

    def delete(self, kind: Any, name: str, namespace: str | None = None) -> None:
        if kind == VOLUME:
            self.volumes.discard(name)
        elif kind == CLAIM:
            self.claims.pop(name, None)
            self.pending.pop(name, None)
            if self.loses_volumes:
                self.volumes.discard(self._volume_of(name))
            self._delete_sources(name)

    def _volume_of(self, claim: str) -> str:
        life = self.lives.get(claim, 1)
        return f"pv-{claim}" if life == 1 else f"pv-{claim}-{life}"

    def _delete_sources(self, claim: str) -> None:
        for name in [name for name in self.sources if name.startswith(f"{claim}-")]:
            if not self.children_go:
                continue
            if self.sources[name]["metadata"]["finalizers"]:
                self.sources[name]["metadata"]["deletionTimestamp"] = "now"
            else:
                del self.sources[name]

    def patch(self, kind: Any, name: str, namespace: str | None, changes: Any) -> None:
        if kind == REPLICATION_SOURCE:
            metadata = self.sources[name]["metadata"]
            metadata["finalizers"] = changes["metadata"]["finalizers"]
            if "deletionTimestamp" in metadata and not metadata["finalizers"]:
                del self.sources[name]
        if kind == CLAIM:
            size = changes["spec"]["resources"]["requests"]["storage"]
            if bytes_of(size) < bytes_of(self.requested[name]):
                raise KubeError("patch", name, 422, "Invalid", "field can not be less than status.capacity")
            self.requested[name] = size

    def list(self, kind: Any, namespace: str | None = None, *, labels: Any = None) -> Any:
        if kind == VOLUME and labels is None:
            return [self.get(VOLUME, name) for name in self.volumes]
        if kind == REPLICATION_SOURCE:
            return list(self.sources.values())
        if kind == POD:
            return [{"spec": {"nodeName": self.volsync_node}}]
        if kind != CLAIM:
            return []
        return [
            {"kind": CLAIM.name, "metadata": {"name": name, "uid": self.uids.get(name, "-")}}
            for name in self.claims | self.pending
        ]

    def events(self, namespace: str) -> Any:
        reported = [
            {"involvedObject": {"name": claim, "uid": self.uids[claim]}, "message": self.lost_sight}
            for claim in self.claims
            if self.lost_sight and self.reports
        ]
        reported += [
            {"involvedObject": {"name": claim, "uid": self.uids[claim]}, "message": self.told}
            for claim in self.claims
            if self.told and self.reports
        ]
        reported += [
            {"involvedObject": {"name": claim, "uid": self.uids[claim]}, "message": "there is no such tier"}
            for claim in self.odd
            if self.reports
        ]
        return reported + [
            {"involvedObject": {"name": f"vs-prime-{self.uids[claim]}"}, "message": message}
            for claim, message in self.pending.items()
        ]

    # --- store and installation ---

    def look_elsewhere(self, store: Store, lies: Lies) -> None:
        missing = "there is no such bucket"
        self.lost_sight = missing if lies.bucket == misleading.NOWHERE else "it may be the wrong bucket or prefix"

    def stop_keeping_up(self) -> None:
        """Nobody acts on claims here."""

    def set_right(self) -> None:
        self.lost_sight = ""

    def move_store(self, store: Store) -> None:
        self.lost_sight = "the store did not answer"

    def move_store_back(self, store: Store) -> bool:
        return False

    def tell_where(self, store: Store) -> None:
        """It has no address here."""

    def renew_access(self, store: Store) -> None:
        self.lost_sight = ""

    def stop_deciding(self, how: Absence) -> None:
        self.lost_sight = "failed calling webhook" if how is Absence.STOPPED else "nobody has decided"

    def bucket(self, store: Store, name: str | None = None) -> Any:
        here, there = (self.aside, self.points) if name == misleading.ASIDE else (self.points, self.aside)
        return SimpleNamespace(
            exists=lambda: name == misleading.ASIDE,
            ensure=lambda: None,
            clear=lambda: None,
            delete_prefix=lambda _: 0,
            count=lambda _: len(here),
            objects=lambda _: iter(here),
            move_to=lambda _, prefix: self._move(here, there, prefix),
        )

    def _move(self, here: MutableSequence[RestorePoint], there: MutableSequence[RestorePoint], prefix: str) -> int:
        count = len(here)
        there[:] = [*there, *here]
        here[:] = []
        if there is self.aside:
            whole = "it may be the wrong bucket or prefix"
            self.lost_sight = f"the claim has had restore points in this store: {prefix}" if prefix else whole
        return count

    # --- engine ---

    def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
        if not self.answers:
            raise KubeError("apply", "claim", 500, "InternalError", "the API server is ill")
        if app.tier not in {*TIERS, NO_TIER}:
            if app.name not in self.claims and not self.believes_oddities:
                raise KubeError("apply", "claim", 403, "Forbidden", "there is no such tier")
            self.odd.add(app.name)
            return
        self.odd.discard(app.name)
        if self.lost_sight and not self.believes_emptiness and app.name not in self.claims:
            raise KubeError("apply", "claim", 503, "ServiceUnavailable", f"nobody can say: {self.lost_sight}")
        if app.name in self.claims:
            self.requested[app.name] = app.capacity
        else:
            self._fill(app.name, app.capacity, wanted)
        if app.tier == NO_TIER:
            self._delete_sources(app.name)
        else:
            self._make_source(app.name)
            self._schedule(app)

    def claim_template(self, app: App) -> Any:
        return {"metadata": {"labels": {"backup": app.tier}}, "spec": {}}

    def follow(self, app: App) -> None:
        if self.loop is not None:
            self.loop.go_round()
        eventually(
            lambda: app.name in self.claims, bool, expected=f"claim {app.name} to be made", wait=self.waits.restore
        )

    def _schedule(self, app: App) -> None:
        schedule, retain = TIERS[app.tier]
        for name, source in self.sources.items():
            if name.startswith(f"{app.name}-"):
                source["spec"] = {"trigger": {"schedule": schedule}, "restic": {"retain": retain}}

    def _make_source(self, claim: str) -> None:
        if not self.makes_children or any(name.startswith(f"{claim}-") and self._lives(name) for name in self.sources):
            return
        name = f"{claim}-{uuid4().hex[:8]}-src"
        owner = {"kind": CLAIM.name, "name": claim, "uid": self.owns(self.uids[claim])}
        metadata = {"name": name, "uid": str(uuid4()), "ownerReferences": [owner], "finalizers": []}
        self.sources[name] = {"kind": REPLICATION_SOURCE.name, "metadata": metadata}

    def _lives(self, source: str) -> bool:
        return "deletionTimestamp" not in self.sources[source]["metadata"]

    def manifests(self, app: App, wanted: Wanted = NEWEST) -> tuple[Any, ...]:
        metadata = {"name": app.name, "namespace": app.namespace}
        return ({"apiVersion": CLAIM.api_version, "kind": CLAIM.name, "metadata": metadata},)

    def gitops_loop(self, app: App) -> LoopStandIn:
        self.loop = LoopStandIn(self, app)
        return self.loop

    def _fill(self, claim: str, capacity: str = "1Gi", wanted: Wanted = NEWEST) -> None:
        points = [] if self.lost_sight else self._points_in(wanted.store)
        if claim not in self.images:  # a destination restores once
            as_of = wanted.as_of
            eligible = [point for point in points if as_of is None or point.taken_at.replace(microsecond=0) <= as_of]
            newest = eligible[-1 - wanted.previous] if len(eligible) > wanted.previous else None
            self.images[claim] = (f"image-{uuid4()}", newest.id if newest else None, datetime.now(UTC), capacity)
        _, point, _, size = self.images[claim]
        self.uids[claim] = str(uuid4())
        self.requested[claim] = capacity
        if bytes_of(capacity) < bytes_of(size):
            self.pending[claim] = f"requested volume size {capacity} is less than the size {size} of its image"
            return
        self.spans[claim] = capacity
        self.claims[claim] = self.restores(self.content[point]) if point else EMPTY
        self.lives[claim] = self.lives.get(claim, 0) + 1
        self.volumes.add(self._volume_of(claim))
        self.node = max(self.ready)
        if self.store is not None:
            (self.store / "csi" / "nodes" / self.node / "vols" / self._volume_of(claim)).mkdir(
                parents=True, exist_ok=True
            )
        if self.poisons and self.age > 1:
            self._point(EMPTY)

    def remove(self, app: App) -> None:
        self.delete(CLAIM, app.name)
        self.images.pop(app.name, None)

    def back_up_now(self, app: App, store: Store) -> datetime:
        copied_at = datetime.now(UTC)
        self._sight_mover(app, "backup")
        if self.backs_up:
            self._point(self.claims[app.name], store)
        return copied_at

    def _sight_mover(self, app: App, what: str) -> None:
        """As the monitors do, which are not there."""
        if self.ledger is not None:
            for turn in (Turn.APPEARED, Turn.GONE):
                self.ledger.note(Sighted(JOB.name, f"{app.namespace}/{what}", str(uuid4()), turn, {"mover": what}))

    def _points_in(self, store: Store) -> MutableSequence[RestorePoint]:
        return self.points if store is Store.LOCAL else self.far

    def _point(self, tree: Tree, store: Store = Store.LOCAL) -> None:
        point = RestorePoint(datetime.now(UTC), uuid4().hex * 2, "volsync", ("/data",), len(tree.entries), 1)
        self.content[point.id] = tree
        points = self._points_in(store)
        points[:] = Retention(hourly=24, daily=7).survivors([*points, point])

    def time_passed(self, app: App) -> None:
        """It notes nothing of its restore points."""

    def await_quiet(self, app: App) -> None:
        """Nothing moves here by itself."""

    def diagnosis(self, app: App, claim: str) -> tuple[str, ...]:
        return ()

    def restore_into_second_claim(self, app: App, claim: str, wanted: Wanted = NEWEST) -> None:
        self._fill(claim, app.capacity, wanted)

    def remove_second_claim(self, app: App, claim: str) -> None:
        self.delete(CLAIM, claim)
        self.images.pop(claim, None)

    def declare_claim(self, app: App, wanted: Wanted = NEWEST) -> None:
        self.protect(app, wanted)

    def unprotect(self, app: App) -> None:
        self.odd.discard(app.name)
        self.told = "backups are not asked for"
        self._delete_sources(app.name)

    def evidence(self, app: App, claim: str) -> Evidence:
        image, point, created_at, _ = self.images[claim]
        origin = image if self.populates else None
        return Evidence(origin, image, created_at, point[:8] if point else None)

    def repository(self, app: App, store: Store) -> Any:
        return SimpleNamespace(
            restore_points=lambda: self._restore_points(store),
            count_paths=lambda point: len(self.content[point].entries),
            destroy=lambda: self._destroy(store),
            age=lambda by: self._age(store, by),
            copy_of=lambda point, times: self._copy(store, point, times),
            create=lambda: None,
            prefix=lambda: "d/orders/",
            damage=lambda: self.damage,
            leave_files=self._leave_files,
            keep_copy=lambda: self.kept.extend(self._points_in(store)),
            put_back=lambda: self._put_back(store),
        )

    def _put_back(self, store: Store) -> None:
        self._points_in(store)[:] = self.kept
        self.told = "it is gone, though no rule took it"

    def _leave_files(self, files: Any) -> None:
        """Nobody looks at them."""

    def _age(self, store: Store, by: timedelta) -> dict[str, RestorePoint]:
        points = self._points_in(store)
        aged = [replace(point, id=uuid4().hex * 2, taken_at=point.taken_at - by) for point in points]
        became = {old.id: new for old, new in zip(points, aged, strict=True)}
        self.content |= {new.id: self.content[old] for old, new in became.items()}
        points[:] = aged
        return became

    def _copy(self, store: Store, point: str, times: Sequence[datetime]) -> tuple[RestorePoint, ...]:
        points = self._points_in(store)
        copies = [replace(points[-1], id=uuid4().hex * 2, taken_at=time) for time in times]
        self.content |= {copy.id: self.content[point] for copy in copies}
        points[:] = sorted((*points, *copies))
        return tuple(copies)

    def _destroy(self, store: Store) -> None:
        self._points_in(store).clear()

    def _restore_points(self, store: Store) -> Truth:
        points = self._points_in(store)
        return Points(tuple(points)) if points else Absent("nothing was ever backed up")

    def retention(self, store: Store) -> Retention:
        return Retention(hourly=24, daily=7)

    def children(self, app: App) -> tuple[Child, ...]:
        source = re.compile(rf"{app.name}-[0-9a-f]{{8}}-src")
        return child(CLAIM, app.name), Child(REPLICATION_SOURCE, source)

    # --- pods ---

    def prepare(self, app: App) -> None:
        """The agent needs no folder here."""

    def declare(self, app: App, first_run: Generation) -> None:
        if app.name not in self.claims:
            return
        self.seen_first = self.claims[app.name]
        if not self.seen_first.entries:
            self.claims[app.name] = first_run.tree()
            is_backed_up = any(name.startswith(f"{app.name}-") for name in self.sources) and not self.lost_sight
            if self.syncs_first and is_backed_up:
                self._point(first_run.tree())

    def declare_set(self, body: Any) -> None:
        spec = body["spec"]
        [container] = spec["template"]["spec"]["containers"]
        first_runs = [Generation.from_json(each["value"]) for each in container["env"]]
        for ordinal, first_run in enumerate(first_runs):
            name = f"{spec['volumeClaimTemplates'][0]['metadata']['name']}-{body['metadata']['name']}-{ordinal}"
            app = App(name=name, namespace="shop", drill="d", repository_password="-")  # noqa: S106
            if self.templates_work:
                self.protect(app)
                self.declare(app, first_run)

    def first_reading(self, app: App, wait: Any, *, since: datetime | None = None) -> FirstReading:
        if since is not None:  # the app has come up again
            self.seen_first = self.claims[app.name]
            self.node = self.node if self.node in self.ready else max(self.ready)
        tree = self._in_its_space(app.name, self.seen_first)
        return FirstReading(tree, datetime.now(UTC), self.node, DatabaseFacts(is_there=False))

    def node_of(self, app: App) -> str:
        return self.node

    def stop(self, app: App) -> None:
        """Nothing runs in this world."""

    def start(self, app: App) -> None:
        self.spans[app.name] = self.requested[app.name]

    def empty(self, app: App) -> None:
        self.claims[app.name] = EMPTY

    def await_created(self, app: App) -> None:
        """Pods are there at once."""

    def write(self, app: App, generation: Generation) -> None:
        self.claims[app.name] = generation.tree()

    def observe_claim(self, app: App, claim: str, wait: Any) -> Tree:
        return self._in_its_space(claim, self.claims[claim])

    def _in_its_space(self, claim: str, tree: Tree) -> Tree:
        space = Space(size_bytes=bytes_of(self.spans[claim]) * 95 // 100, used_bytes=0, inodes_used=0)
        return Tree.of(tree.entries.values(), replace(tree.header, space=space))


class LoopStandIn:
    """A GitOps loop that goes round when it is asked to, and does besides what the world says."""

    def __init__(self, world: World, app: App) -> None:
        self.strangers_pruned = world.loop_does.pruned
        self._world = world
        self._app = app
        self._first_run: Generation | None = None
        self.is_stopped = False
        self.rounds: tuple[Round, ...] = ()

    def commit(self, manifests: Sequence[Any]) -> None:
        if not manifests:
            self._first_run = None
            self._world.delete(CLAIM, self._app.name)
            return
        *_, deployment = manifests
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        [first_run] = [each["value"] for each in container["env"] if each["name"] == "FIRST_RUN"]
        self._first_run = Generation.from_json(first_run)

    def go_round(self) -> None:
        if self._app.name not in self._world.claims and self._world.destination_goes:
            self._world.images.pop(self._app.name, None)
        if self._first_run is not None and (self._world.loops or not self.rounds):
            self._world.protect(self._app)
            self._world.declare(self._app, self._first_run)
        self.rounds += (replace(self._world.loop_does, number=len(self.rounds) + 1),)

    def await_rounds(self, count: int, wait: Any) -> tuple[Round, ...]:
        self.rounds += tuple(
            replace(self._world.loop_does, number=len(self.rounds) + 1 + each) for each in range(count)
        )
        return self.rounds[-count:]

    def stop(self) -> None:
        self.is_stopped = True


class Pods:
    """The pods of a world: all of them are its own, but removing them leaves the rest of the app."""

    def __init__(self, world: World) -> None:
        self.interventions: list[str] = []
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def remove(self, app: App) -> None:
        """The app itself leaves nothing."""
