"""A small model of a cluster with VolSync and a store, one claim in it. It knows nothing of how the controller decides.

It behaves as VolSync 0.16.0, restic and Kubernetes were seen to: the first sync comes at once; a source names its claim
by name alone; a restore of nothing succeeds and gives an empty image; the populator takes whatever image is there; the
sync that ends acknowledges the trigger; a mover goes on after its source is deleted; a killed one leaves its lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from controller import contract, naming, stamp
from controller.contract import Repo
from controller.model import (
    Absent,
    Annotate,
    Announce,
    Child,
    Claim,
    Create,
    Decision,
    Delete,
    Exists,
    Kind,
    Lock,
    Moment,
    Mover,
    Phase,
    Pods,
    PodState,
    RemoveLock,
    Replace,
    RestorePoint,
    Truth,
    Unknown,
    World,
    Write,
)
from fixtures import repository
from tests.controller.scene import BASE, NOW, SETTINGS, restore_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Content = tuple[int, ...]  # the generations that were written, one after another; () is an empty volume


@dataclass(frozen=True)
class Point:
    """One restore point, and what a restore of it gives."""

    id: str
    at: datetime
    content: Content


@dataclass
class Running:
    """A mover that reads a point-in-time copy and will save it."""

    pod: str
    owner: str
    copy: Content
    retain: Mapping[str, int]


@dataclass
class Life:
    """What is due in one life of the claim: the newest point when it was admitted, if any."""

    due: Content | None
    waived: bool  # the owner asked to start empty
    unguarded: bool  # born while no webhook was called
    born_at: datetime
    bound_with: Content | None = None
    right: frozenset[Content] = frozenset()  # what it may be bound with


@dataclass
class Cluster:
    """Everything there is. Times move on with each event, so that no two points share a second."""

    now: datetime = NOW
    store_up: bool = True
    movers_misled: bool = False  # their Secret names another store than ours, an empty one
    points: list[Point] = field(default_factory=list)
    announced: bool = False  # in the store; it stays there
    claim: Claim | None = None
    life: Life | None = None
    content: Content = ()
    populated_from: str | None = None
    objects: dict[tuple[Kind, str], Child] = field(default_factory=dict)
    images: dict[str, Content] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)  # by pod
    locks: dict[str, Lock] = field(default_factory=dict)
    forgotten: list[tuple[tuple[Point, ...], tuple[Point, ...], Mapping[str, int]]] = field(default_factory=list)
    backups_begun: list[tuple[Child, Claim, Content]] = field(default_factory=list)
    acknowledged: list[tuple[str | None, str | None]] = field(default_factory=list)
    counter: int = 0

    def tick(self) -> int:
        """Let 7 minutes pass; a number never given before."""
        self.counter += 1
        self.now += timedelta(minutes=7)
        return self.counter

    # --- what is seen

    def truth(self) -> Truth:
        if not self.store_up:
            return Unknown("connection refused")
        if not self.points:
            return Absent(self.announced)
        points = tuple(RestorePoint(point.at, point.id) for point in self.points)
        return Exists(points[-1].id, points[-1].at, len(points), points)

    def world(self, claim: Claim | None, moment: Moment = Moment.RECONCILE) -> World:
        return World(
            moment=moment,
            namespace="shop",
            name="orders",
            claim=claim,
            truths={Repo.LOCAL: self.truth()},
            children=tuple(self.objects.values()),
            movers=tuple(Mover(mover.pod, mover.owner) for mover in self.running.values()),
            snapshots=tuple(self.images),
            populated_from=self.populated_from,
            credentials={Repo.LOCAL: BASE},
            locks=tuple(self.locks.values()) if self.store_up else (),
            pods=Pods(dict.fromkeys(self.running, PodState.ALIVE), nodes_ready=True),
            nonce=f"request-{self.counter}",
        )

    # --- what the API server does with a write

    def carry_out(self, writes: Iterable[Write]) -> None:
        """One write after another; the first that fails ends it."""
        for each in writes:
            if isinstance(each, Announce) and not self.store_up:
                return
            self.write(each)

    def write(self, write: Write) -> None:
        match write:
            case Create(kind, name, body, uid):
                if (kind, name) not in self.objects and self.claim is not None and self.claim.uid == uid:
                    self.objects[kind, name] = self._child(kind, name, body, f"object-{self.tick()}")
            case Replace(kind, name, body, version):
                found = self.objects.get((kind, name))
                if found is not None and found.version == version:
                    made = self._child(kind, name, body, found.uid)
                    self.objects[kind, name] = replace(made, status=found.status, created_at=found.created_at)
            case Delete(Kind.SNAPSHOT, name, _):
                self.images.pop(name, None)
            case Delete(kind, name, uid):
                found = self.objects.get((kind, name))
                if found is not None and uid in {None, found.uid}:
                    self.delete(found)
            case Annotate(uid, annotations):
                if self.claim is not None and self.claim.uid == uid:
                    self.claim = replace(self.claim, annotations={**self.claim.annotations, **annotations})
            case RemoveLock(_, lock):
                self.locks.pop(lock, None)
            case Announce():
                self.announced = True

    def delete(self, found: Child) -> None:
        """An object goes, with what it owns; its mover's pod has 30 seconds more, and uses them."""
        del self.objects[found.kind, found.name]
        if found.kind is Kind.DESTINATION:
            prefix = naming.image_prefix(found.name)
            self.images = {name: held for name, held in self.images.items() if not name.startswith(prefix)}

    def _child(self, kind: Kind, name: str, body: Mapping[str, Any], uid: str) -> Child:
        return Child(
            kind=kind,
            name=name,
            uid=uid,
            version=str(self.tick()),
            claim=body["metadata"]["annotations"][contract.CLAIM_ANNOTATION],
            owner_uid=body["metadata"]["ownerReferences"][0]["uid"],
            created_at=self.now,
            content=body["data"] if kind is Kind.SECRET else body["spec"],
        )

    def update(self, found: Child, **changes: Any) -> Child:
        """A change of an object by somebody else; its version changes with it."""
        changed = replace(found, version=str(self.tick()), **changes)
        self.objects[found.kind, found.name] = changed
        return changed

    # --- what Kubernetes does by itself

    def store_claim(self, claim: Claim, decision: Decision | None) -> None:
        """A claim is stored, admitted by this decision or by nobody."""
        newest = self.points[-1].content if self.points else None
        waived = contract.SKIP_RESTORE_ANNOTATION in claim.annotations
        self.claim, self.content, self.populated_from = claim, (), None
        self.life = Life(newest, waived=waived, unguarded=decision is None, born_at=self.now)

    def collect_garbage(self) -> None:
        alive = self.claim.uid if self.claim else None
        for found in list(self.objects.values()):
            if found.owner_uid not in {None, alive}:
                self.delete(found)

    def finish_deletion(self) -> None:
        """A claim goes unless a source's snapshot waits for it to be bound, for ever."""
        if self.claim is None or not self.claim.terminating:
            return
        held = self.claim.phase is Phase.PENDING and self.sources()
        if not held:
            self.claim = self.life = self.populated_from = None
            self.content = ()

    def bind(self) -> None:
        """The provisioner, or VolSync's populator with whichever image is there."""
        if self.claim is None or self.life is None or self.claim.phase is not Phase.PENDING or self.claim.terminating:
            return
        if self.claim.source is not None:
            destination = self.objects.get((Kind.DESTINATION, self.claim.source.name))
            image = ((destination.status.get("latestImage") or {}).get("name")) if destination else None
            if image is None or image not in self.images:
                return
            self.content, self.populated_from = self.images[image], f"shop/{image}"
        self.claim = replace(self.claim, phase=Phase.BOUND)
        self.life.bound_with = self.content
        newer = {point.content for point in self.points if point.at > self.life.born_at}
        self.life.right = frozenset({self.life.due or ()} | newer)

    # --- what VolSync does

    def sources(self) -> list[Child]:
        return [found for found in self.objects.values() if found.kind is Kind.SOURCE]

    def begin_backup(self, found: Child) -> None:
        """A scheduled, requested or first sync begins: whatever claim of that name is bound is copied."""
        syncing = any(mover.owner == found.name for mover in self.running.values())
        if syncing or found.content.get("paused") or self.claim is None or self.claim.phase is not Phase.BOUND:
            return
        manual = found.content["trigger"].get("manual")
        if manual is not None and found.status.get("lastManualSync") == manual:
            return
        number = self.tick()
        pod = f"{naming.source_job(found.name)}-{number:05d}"
        copy = found.status.get("copy", self.content)  # a failed sync is tried again with the copy that it has
        begun_with = found.status.get("begunWith", manual)
        status = {"lastSyncStartTime": str(number), "copy": copy, "begunWith": begun_with}
        self.update(found, status={**found.status, **status})
        self.running[pod] = Running(pod, found.name, copy, found.content["restic"].get("retain") or {})
        self.backups_begun.append((found, self.claim, copy))

    def end_backup(self, mover: Running) -> None:
        if not self.store_up:
            return
        number = self.tick()
        del self.running[mover.pod]
        if mover.copy:
            self.points.append(Point(f"{number:064x}", self.now, mover.copy))
            if any(lock.host not in self.running for lock in self.locks.values()):
                return  # forget fails, the sync is never done, and is tried again
            self._forget(mover.retain)
        found = self.objects.get((Kind.SOURCE, mover.owner))
        if found is not None:
            ended = {"lastSyncStartTime", "copy", "begunWith"}
            status = {name: value for name, value in found.status.items() if name not in ended}
            manual = found.content["trigger"].get("manual")
            self.acknowledged.append((manual, found.status.get("begunWith")))
            self.update(found, status={**status, **({"lastManualSync": manual} if manual else {})})

    def _forget(self, retain: Mapping[str, int]) -> None:
        before = tuple(self.points)
        if retain:
            rule = repository.Retention(hourly=retain.get("hourly", 0), daily=retain.get("daily", 0))
            seen = [repository.RestorePoint(point.at, point.id, "volsync", ("/data",), 1, 1) for point in before]
            kept = {point.id for point in rule.survivors(seen)}
            self.points = [point for point in before if point.id in kept]
        else:
            self.points = self.points[-1:]  # `forget --keep-last 1`
        self.forgotten.append((before, tuple(self.points), retain))

    def kill(self, mover: Running, *, exclusive: bool) -> None:
        """Its lock stays."""
        del self.running[mover.pod]
        lock = f"lock-{self.tick()}"
        self.locks[lock] = Lock(Repo.LOCAL, lock, mover.pod, self.now, exclusive=exclusive)

    def restore(self) -> None:
        """Every destination that has not done its sync does it, if it can."""
        for found in [each for each in self.objects.values() if each.kind is Kind.DESTINATION]:
            manual = found.content["trigger"]["manual"]
            locked = any(lock.exclusive for lock in self.locks.values())
            if found.status.get("lastManualSync") == manual or not self.store_up or locked:
                continue
            newest = self.points[-1] if self.points and not self.movers_misled else None
            image = f"{naming.image_prefix(found.name)}{self.tick():014d}"
            left_over: Content = found.status.get("volume", ())
            # A destination that syncs again keeps what its volume held, and restores beside it.
            held = newest.content if newest else ()
            merged = held if not left_over or left_over == held else (*left_over, *held)
            self.images[image] = merged
            log = restore_log(newest.id) if newest else "No eligible snapshots found\n"
            self.update(
                found,
                status={
                    "lastManualSync": manual,
                    "volume": merged,
                    "latestImage": {"name": image},
                    "latestMoverStatus": {"result": "Successful", "logs": log},
                },
            )


def is_settled(claim: Claim) -> bool:
    """Whether the claim bears the mark of this life."""
    return stamp.is_settled(claim.uid, claim.annotations)


__all__ = ["SETTINGS", "Cluster", "Content", "Life", "Point", "Running", "is_settled"]
