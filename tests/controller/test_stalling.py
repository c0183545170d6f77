"""What is read of the cluster for whatever waits too long, and that a healthy claim costs no request: A22, A23, A24."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from controller import children, naming
from controller.cluster import saying
from controller.cluster.api import CHILDREN, CLAIMS, EVENTS, PODS, SNAPSHOT_CONTENTS
from controller.cluster.stalling import Stalling
from controller.contract import Repo
from controller.model import DataSource, Kind, Mover, Phase
from controller.stalls import AwaitedMover, AwaitedSnapshot, AwaitedVolume, Complaint, FailedMover, Presence, Stall
from controller.stalls import SnapshotContent as Content
from tests.controller import scene
from tests.controller.api_server import ApiServer, serving
from tests.controller.scene import (
    ABSENT,
    SETTINGS,
    admitted,
    destination_of,
    protecting,
    restoring_claim,
    settled_claim,
)

if TYPE_CHECKING:
    from controller.model import Child, Claim


NOW: Final = datetime.now(UTC).replace(microsecond=0)
LATE: Final = NOW - 10 * SETTINGS.patience
CREATED: Final = LATE.strftime("%Y-%m-%dT%H:%M:%SZ")
RESTORING: Final = restoring_claim(created_at=LATE)
DESTINATION: Final = destination_of(RESTORING).name
IMAGE: Final = f"{naming.image_prefix(DESTINATION)}20260110115900"
SETTLED: Final = settled_claim()
SOURCE: Final = children.source_name(SETTLED, Repo.LOCAL)
COPY: Final = f"volsync-{SOURCE}-src"


def put(server: ApiServer, path: str, body: dict[str, Any]) -> None:
    metadata = {"namespace": "shop", "creationTimestamp": CREATED, **body.get("metadata", {})}
    server.put(path, {**body, "metadata": metadata})


def put_snapshot(server: ApiServer, name: str, of: str, status: dict[str, Any] | None = None) -> None:
    body = {"spec": {"source": {"persistentVolumeClaimName": of}}, **({} if status is None else {"status": status})}
    put(server, CHILDREN[Kind.SNAPSHOT].path("shop", name), body)


def put_claim(server: ApiServer, name: str, phase: str = "Pending", **metadata: str) -> None:
    put(server, CLAIMS.path("shop", name), {"metadata": metadata, "status": {"phase": phase}})


def put_pod(server: ApiServer, name: str, job: str, status: dict[str, Any]) -> None:
    put(server, PODS.path("shop", name), {"metadata": {"labels": {"job-name": job}}, "status": status})


def put_event(
    server: ApiServer,
    name: str,
    reason: str,
    *,
    kind: str = "PersistentVolumeClaim",
    at: str = "1",
    type_: str = "Warning",
    by: str = "persistentvolume-controller",
) -> None:
    number = len(server.objects)
    regarding = {"kind": kind, "name": name, "uid": f"uid-of-{name}"}
    body = {"type": type_, "regarding": regarding, "reason": reason, "note": f"{reason} it is"}
    body["reportingController"] = by
    put(server, EVENTS.path("shop", f"event-{number}"), {**body, "eventTime": f"2026-01-10T12:00:0{at}.000000Z"})


def looked(
    server: ApiServer, claim: Claim, found: tuple[Child, ...] = (), movers: tuple[Mover, ...] = ()
) -> tuple[Stall, ...]:
    async def within() -> tuple[Stall, ...]:
        async with serving(server) as api:
            return await Stalling(api, SETTINGS.patience).look(claim, found, movers)

    return asyncio.run(within())


# Of a time to come: the tests before this one may take longer than the patience.
YOUNG: Final = NOW + timedelta(days=1)


def syncing(since: datetime = LATE) -> tuple[Child, ...]:
    return protecting(lastSyncStartTime=since.strftime("%Y-%m-%dT%H:%M:%SZ"))


# --- what costs nothing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        (SETTLED, protecting()),
        (SETTLED, syncing(YOUNG)),
        (replace(RESTORING, created_at=YOUNG), (destination_of(RESTORING),)),
        (replace(RESTORING, phase=Phase.BOUND), (destination_of(RESTORING),)),
        (replace(RESTORING, terminating=True), (destination_of(RESTORING),)),
        (replace(admitted(ABSENT), created_at=YOUNG), ()),
    ],
    ids=["at rest", "a young sync", "a young claim", "bound", "being deleted", "a young empty claim"],
)
def test_what_does_not_wait_or_not_for_long_costs_no_request(claim: Claim, found: tuple[Child, ...]) -> None:
    server = ApiServer()
    assert looked(server, claim, found) == ()
    assert server.asked == []


def test_while_a_mover_runs_nothing_is_asked_but_which_of_its_like_have_failed() -> None:
    server = ApiServer()
    put_snapshot(server, COPY, "orders")
    [stall] = looked(server, SETTLED, syncing(), (Mover("m", SOURCE),))
    assert stall == Stall(SOURCE)
    assert server.asked == [f"GET {PODS.path('shop')}"]


# --- A22 -------------------------------------------------------------------------------------------------------------


def test_a22_a_snapshot_that_nobody_takes_up_is_seen_without_status_and_with_its_source() -> None:
    server = ApiServer()
    put_snapshot(server, COPY, "orders")
    put_snapshot(server, "volsync-of-somebody-else-src", "theirs")
    put_claim(server, "orders", "Bound")
    [stall] = looked(server, SETTLED, syncing())
    assert stall == Stall(SOURCE, (AwaitedSnapshot(COPY, LATE, "orders", taken_up=False),))


@pytest.mark.parametrize(
    ("phase", "metadata", "presence"),
    [
        ("Bound", {"deletionTimestamp": CREATED}, Presence.LEAVING),
        (None, {}, Presence.GONE),
    ],
)
def test_a22_a_source_that_goes_or_is_gone_is_seen(
    phase: str | None, metadata: dict[str, str], presence: Presence
) -> None:
    server = ApiServer()
    put_snapshot(server, IMAGE, "dest")
    if phase is not None:
        put_claim(server, "dest", phase, **metadata)
    [stall] = looked(server, RESTORING, (destination_of(RESTORING),))
    assert [each.of_is for each in stall.snapshots] == [presence]


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (None, None),
        ({}, Content(made=False)),
        ({"snapshotHandle": "h"}, Content(made=True)),
        ({"error": {"message": "pool full"}}, Content(made=False, error="pool full")),
    ],
)
def test_a22_the_content_of_a_snapshot_is_read_and_missed(
    status: dict[str, Any] | None, content: Content | None
) -> None:
    server = ApiServer()
    told = {"readyToUse": False, "boundVolumeSnapshotContentName": "sc-1", "error": {"message": "e"}}
    put_snapshot(server, IMAGE, "dest", told)
    put_claim(server, "dest", "Bound")
    if status is not None:
        put(server, SNAPSHOT_CONTENTS.path(name="sc-1"), {"status": status})
    [stall] = looked(server, RESTORING, (destination_of(RESTORING),))
    assert stall.snapshots == (AwaitedSnapshot(IMAGE, LATE, "dest", error="e", content_name="sc-1", content=content),)


def test_a22_a_snapshot_that_is_ready_is_not_awaited() -> None:
    server = ApiServer()
    put_snapshot(server, IMAGE, "dest", {"readyToUse": True, "boundVolumeSnapshotContentName": "sc-1"})
    assert looked(server, RESTORING, (destination_of(RESTORING),)) == (Stall(DESTINATION),)


def test_a22_what_may_not_be_read_is_not_called_missing() -> None:
    server = ApiServer()
    put_snapshot(server, IMAGE, "dest", {"boundVolumeSnapshotContentName": "sc-1"})
    put_claim(server, "dest", "Bound")
    server.refuse[SNAPSHOT_CONTENTS.path(name="sc-1")].append(403)
    server.refuse[CLAIMS.path("shop", "dest")].append(403)
    [stall] = looked(server, RESTORING, (destination_of(RESTORING),))
    [snapshot] = stall.snapshots
    assert (snapshot.content, snapshot.of_is) == (Content(made=True), Presence.THERE)


# --- A23 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [f"volsync-{DESTINATION}-dest", f"volsync-dst-{DESTINATION}-cache", "vs-prime-uid-1", "orders"]
)
def test_a23_of_each_claim_on_the_way_the_newest_warning_is_read(name: str) -> None:
    server = ApiServer()
    put_claim(server, name)
    put_event(server, name, "ProvisioningFailed", at="5")
    put_event(server, name, "FailedBinding", at="2")
    put_event(server, name, "WaitForFirstConsumer", at="8", type_="Normal")
    put_event(server, name, "VolSyncPopulatorReplicationDestinationNoLatestImage", at="9")
    put_event(server, name, "FailedScheduling", kind="Pod", at="9")
    [stall] = looked(server, RESTORING, (destination_of(RESTORING),))
    said = Complaint("ProvisioningFailed", "ProvisioningFailed it is")
    assert stall.volumes == (AwaitedVolume(name, LATE, said),)


def test_a23_what_was_said_of_a_claim_by_ourselves_is_no_cause_of_its_waiting() -> None:
    server = ApiServer()
    put_claim(server, "orders", uid="uid-of-orders")
    put_event(server, "orders", "NeedsAttention", at="9", by=saying.CONTROLLER)
    [stall] = looked(server, RESTORING, (destination_of(RESTORING),))
    assert [volume.complaint for volume in stall.volumes] == [None]
    put_event(server, "orders", "ProvisioningFailed", at="1")
    [stall] = looked(server, RESTORING, (destination_of(RESTORING),))
    assert [volume.complaint for volume in stall.volumes] == [
        Complaint("ProvisioningFailed", "ProvisioningFailed it is")
    ]


def test_a23_a_warning_about_an_earlier_claim_of_the_name_does_not_count() -> None:
    server = ApiServer()
    put_claim(server, "orders", uid="uid-2")
    put_event(server, "orders", "ProvisioningFailed")
    [stall] = looked(server, replace(admitted(ABSENT), created_at=LATE))
    assert stall == Stall("orders", volumes=(AwaitedVolume("orders", LATE),))


def test_a23_a_claim_from_the_owners_own_snapshot_waits_for_that() -> None:
    server = ApiServer()
    put_claim(server, "orders")
    put_snapshot(server, "yesterday", "dest")
    put_snapshot(server, "another", "dest")
    own = DataSource("snapshot.storage.k8s.io", Kind.SNAPSHOT.value, "yesterday")
    [stall] = looked(server, replace(admitted(ABSENT), created_at=LATE, source=own))
    assert [each.name for each in stall.snapshots] == ["yesterday"]


# --- A24 -------------------------------------------------------------------------------------------------------------


def test_a24_movers_that_failed_and_one_that_cannot_start_are_told_apart() -> None:
    server = ApiServer()
    job = naming.destination_job(DESTINATION)
    ended = {"terminated": {"exitCode": 3, "reason": "Error", "message": "wrong password"}}
    put_pod(server, "m-1", job, {"phase": "Failed", "containerStatuses": [{"state": ended}]})
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}
    put_pod(server, "m-2", job, {"phase": "Pending", "conditions": [unscheduled]})
    put_pod(server, "m-3", naming.destination_job("another"), {"phase": "Pending"})
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    put_pod(server, "m-4", job, {"phase": "Pending", "containerStatuses": [{"state": waiting}]})
    put_event(server, "m-4", "FailedMount", kind="Pod")
    [stall] = looked(server, RESTORING, (destination_of(RESTORING),), (Mover("m-2", DESTINATION, waiting=True),))
    assert stall.failed == (FailedMover("m-1", 3, "Error", "wrong password"),)
    assert stall.movers == (
        AwaitedMover("m-2", LATE, Complaint("Unschedulable", "no node")),
        AwaitedMover(
            "m-4", LATE, Complaint("ErrImagePull", "not found"), Complaint("FailedMount", "FailedMount it is")
        ),
    )


def test_a_server_that_answers_nothing_leaves_the_cause_open_and_breaks_nothing() -> None:
    server = ApiServer()
    for path in (PODS.path("shop"), CHILDREN[Kind.SNAPSHOT].path("shop")):
        server.refuse[path].append(500)
    assert looked(server, SETTLED, syncing(NOW - timedelta(hours=1))) == (Stall(SOURCE),)


def test_of_a_settled_claim_what_is_restored_to_stand_by_is_looked_into_like_a_backup() -> None:
    server, standby = ApiServer(), scene.standby(of=SETTLED)
    put_claim(server, f"volsync-{standby.name}-dest")
    put_event(server, f"volsync-{standby.name}-dest", "ProvisioningFailed")
    late = replace(standby, status={"lastSyncStartTime": CREATED})
    [stall] = looked(server, SETTLED, (late,))
    assert (stall.owner, [volume.claim for volume in stall.volumes]) == (standby.name, [f"volsync-{standby.name}-dest"])
    server.asked.clear()
    assert looked(server, SETTLED, (standby,)) == ()
    assert server.asked == []
