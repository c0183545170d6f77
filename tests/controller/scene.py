"""Claims, worlds and children for the tests of the controller's core, and what an API server makes of a claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from controller import children, contract, intent, stamp
from controller.contract import Repo
from controller.decide import decide
from controller.intent import MoverIdentity
from controller.model import (
    Absent,
    Answer,
    Child,
    Claim,
    Create,
    Credentials,
    DataSource,
    Decision,
    Exists,
    Kind,
    Moment,
    Phase,
    RestorePoint,
    Source,
    World,
)
from controller.settings import Settings, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.model import Object, Write

NOW: Final = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
SETTINGS: Final = Settings(stores={Repo.LOCAL: Store("http://store.example:9000", "backups")})
TWO_STORES: Final = replace(
    SETTINGS, stores={**SETTINGS.stores, Repo.REMOTE: Store("https://far.example", "offsite", "cluster-a")}
)
BASE: Final = Credentials({"RESTIC_PASSWORD": "cA==", "AWS_ACCESS_KEY_ID": "YQ==", "AWS_SECRET_ACCESS_KEY": "cw=="})
POINTS: Final = tuple(RestorePoint(NOW - hours * HOUR, f"{hours:x}" * 64) for hours in (9, 5, 1))
EXISTS: Final = Exists(POINTS[-1].id, POINTS[-1].at, len(POINTS), POINTS)
# The object store gives names and counts; times come from the repository alone.
COUNTED: Final = replace(EXISTS, points=())
ABSENT: Final = Absent()
# Backups of a claim of this name were to begin.
ANNOUNCED: Final = Absent(announced=True)
MOVER: Final = MoverIdentity()


def claim(**changes: Any) -> Claim:
    """A labelled claim, bound."""
    base = Claim(
        namespace="shop",
        name="orders",
        uid="uid-1",
        labels={contract.TIER_LABEL: "hourly"},
        annotations={},
        request="1Gi",
        access_modes=("ReadWriteOnce",),
        phase=Phase.BOUND,
        storage_class="block",
    )
    return replace(base, **changes)


def new_claim(annotations: Mapping[str, str] | None = None, **changes: Any) -> Claim:
    """A labelled claim that is being created."""
    return claim(uid=None, phase=Phase.PENDING, annotations=annotations or {}, **changes)


def settled_claim(annotations: Mapping[str, str] | None = None, **changes: Any) -> Claim:
    """A labelled claim whose volume was shown to hold what it should."""
    return claim(annotations={**stamp.settled("uid-1", "fresh"), **(annotations or {})}, **changes)


def world(of: Claim | None, truth: Any = ABSENT, **changes: Any) -> World:
    """What is seen around a claim; an uid says whether it is stored."""
    base = World(
        moment=Moment.ADMISSION if of is not None and of.uid is None else Moment.RECONCILE,
        namespace="shop",
        name="orders",
        claim=of,
        truths={Repo.LOCAL: truth},
        credentials={Repo.LOCAL: BASE, Repo.REMOTE: BASE},
        nonce="request-1",
    )
    return replace(base, **changes)


def decision(seen: World, settings: Settings = SETTINGS, now: datetime = NOW) -> Decision:
    """What is decided about it."""
    reading = intent.NotOurs() if seen.claim is None else intent.read(seen.claim, settings)
    return decide(reading, seen, now, settings)


def stored(created: Claim, mutation: Any, *, uid: str = "uid-1", phase: Phase = Phase.PENDING) -> Claim:
    """What the API server stores of a claim and its mutation: sources that it does not know are dropped in silence.

    As seen by dry run: `dataSource` of another kind than the core's, and `dataSourceRef` with a namespace, are emptied.
    """
    annotations = dict(created.annotations)
    source, without_ref = created.source, created.source_without_ref
    if mutation is not None:
        for name, value in mutation.annotations.items():
            if value is None:
                annotations.pop(name, None)
            else:
                annotations[name] = value
        if mutation.source is not Source.KEEP:
            source = mutation.source if isinstance(mutation.source, DataSource) else None
            without_ref = None
    core = {"PersistentVolumeClaim", "VolumeSnapshot"}
    if source is None and without_ref is not None and without_ref.kind in core:
        source = without_ref
    if source is not None and source.namespace is not None:
        source = None
    return replace(created, uid=uid, phase=phase, annotations=annotations, source=source, source_without_ref=None)


def admitted(truth: Any, created: Claim | None = None, settings: Settings = SETTINGS, **changes: Any) -> Claim:
    """A claim as stored after it was admitted under this truth."""
    being_created = created or new_claim()
    found = decision(world(being_created, truth, **changes), settings)
    assert found.outcome.answer is Answer.ALLOW, found
    return stored(being_created, found.mutation)


def restoring_claim(**changes: Any) -> Claim:
    """A claim that was admitted to be restored from the newest of POINTS."""
    return replace(admitted(EXISTS), **changes)


def child(body: Object, *, uid: str = "child-1", status: Mapping[str, Any] | None = None, **changes: Any) -> Child:
    """An object as the cluster shows it."""
    kind = Kind(body["kind"])
    found = Child(
        kind=kind,
        name=body["metadata"]["name"],
        uid=uid,
        version="7",
        claim=body["metadata"]["annotations"][contract.CLAIM_ANNOTATION],
        owner_uid=body["metadata"]["ownerReferences"][0]["uid"],
        created_at=NOW - HOUR,
        content=body["data"] if kind is Kind.SECRET else body["spec"],
        status=status or {},
    )
    return replace(found, **changes)


def created_by(writes: tuple[Write, ...]) -> tuple[Child, ...]:
    """What the creations among these leave in the cluster."""
    bodies = [write.body for write in writes if isinstance(write, Create)]
    return tuple(child(body, uid=f"child-{number}") for number, body in enumerate(bodies))


def protecting(of: Claim | None = None, settings: Settings = SETTINGS, **status: Any) -> tuple[Child, ...]:
    """The children of a settled claim, as they should be; `status` is that of its sources."""
    found = created_by(decision(world(of or settled_claim(), EXISTS), settings).writes)
    return tuple(replace(each, status=status) if each.kind is Kind.SOURCE else each for each in found)


def restoring(of: Claim, settings: Settings = SETTINGS) -> tuple[Child, ...]:
    """The children of a claim whose restore has begun."""
    return created_by(decision(world(of, EXISTS), settings).writes)


def finished(found: tuple[Child, ...], log: str | None = None) -> tuple[Child, ...]:
    """The same, when the destination's mover has ended well, with this log (one of a real restore by default)."""
    destination = next(each for each in found if each.kind is Kind.DESTINATION)
    status = {
        "lastManualSync": destination.content["trigger"]["manual"],
        "latestImage": {"kind": "VolumeSnapshot", "name": image_of(destination)},
        "latestMoverStatus": {"result": "Successful", "logs": restore_log() if log is None else log},
    }
    return tuple(replace(each, status=status) if each is destination else each for each in found)


def restore_log(point: str = POINTS[-1].id) -> str:
    """What VolSync keeps of a mover's log, with restic's short id."""
    return f"restoring snapshot {point[:8]} of [/data] at 2026-01-10 by root@volsync to .\nRestic completed in 2s\n"


def image_of(destination: Child) -> str:
    """The volume snapshot that VolSync makes of a destination's volume."""
    return f"{contract.image_prefix(destination.name)}20260110115900"


def destination_of(of: Claim) -> Child:
    """The destination of a claim that is to be restored."""
    decided = stamp.read(of.annotations)
    assert decided is not None
    body = children.destination(of, decided, MOVER, SETTINGS)
    assert body is not None
    return child(body)
