"""What something waits for, once it has waited for longer than it should: read now, and kept by nobody.

A healthy claim costs no request here. What cannot be read is left out: a cause is for people, and no decision rests on
it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from controller import children, naming, stamp
from controller.cluster.api import CHILDREN, CLAIMS, EVENTS, PODS, SNAPSHOT_CONTENTS, ApiError
from controller.cluster.claims import MADE_BY_VOLSYNC, mover_owner, pod_state, time_of
from controller.cluster.saying import CONTROLLER
from controller.model import Kind, Phase, PodState
from controller.stalls import (
    AwaitedMover,
    AwaitedSnapshot,
    AwaitedVolume,
    Complaint,
    FailedMover,
    Presence,
    SnapshotContent,
    Stall,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from controller.cluster.api import Api
    from controller.model import Child, Claim, Mover, Object

# VolSync says so of each claim whose destination is not done yet: that is no fault.
_NO_COMPLAINTS: Final = frozenset(
    {
        "VolSyncPopulatorReplicationDestinationMissing",
        "VolSyncPopulatorReplicationDestinationNoLatestImage",
    }
)


class Stalling:
    """Looks into what takes longer than `patience`. Never raises."""

    def __init__(self, api: Api, patience: timedelta) -> None:
        self._api = api
        self._patience = patience

    async def look(self, claim: Claim, found: Iterable[Child], movers: Iterable[Mover]) -> tuple[Stall, ...]:
        """What is awaited for this claim; nothing for one that does not wait, or not for long."""
        if claim.terminating:
            return ()
        running = {mover.owner for mover in movers if not mover.waiting}
        now = datetime.now(UTC)
        if stamp.is_settled(claim.uid, claim.annotations):
            late = [child for child in found if self._is_late(child, now)]
            return tuple([await self._of_owner(claim, each.name, running, _of_sync(each)) for each in late])
        if claim.phase is not Phase.PENDING or claim.created_at is None or now - claim.created_at <= self._patience:
            return ()
        decided = stamp.read(claim.annotations)
        current = children.current_names(claim, decided)
        begun = [child for child in found if child.kind is Kind.DESTINATION and child.name in current]
        if begun:
            of = [await self._of_owner(claim, each.name, running, _of_destination(each, claim)) for each in begun]
            return tuple(of)
        return (Stall(claim.name, await self._own_source(claim), await self._volumes(claim.namespace, [claim.name])),)

    def _is_late(self, child: Child, now: datetime) -> bool:
        """Whether it is a source, or something that is restored to stand by, and its sync takes too long."""
        began: str | None = child.status.get("lastSyncStartTime")
        return began is not None and now - time_of(began) > self._patience

    async def _of_owner(self, claim: Claim, name: str, running: set[str], volumes: Iterable[str]) -> Stall:
        namespace = claim.namespace
        pods = [pod for pod in await self._list(PODS.path(namespace), MADE_BY_VOLSYNC) if mover_owner(pod) == name]
        failed = tuple(each for pod in sorted(pods, key=_since) if (each := _failed(pod)) is not None)
        if name in running:
            return Stall(name, failed=failed)
        snapshots = [body for body in await self._snapshots(namespace) if _is_snapshot_of(name, body)]
        return Stall(
            name,
            tuple([await self._awaited(body) for body in snapshots]),
            await self._volumes(namespace, volumes),
            tuple([await self._awaited_mover(pod) for pod in pods if _is_pending(pod)]),
            failed,
        )

    async def _own_source(self, claim: Claim) -> tuple[AwaitedSnapshot, ...]:
        """The snapshot that the owner of the claim wants it to be made from."""
        if claim.source is None or claim.source.kind != Kind.SNAPSHOT.value:
            return ()
        named = [b for b in await self._snapshots(claim.namespace) if b["metadata"]["name"] == claim.source.name]
        return tuple([await self._awaited(body) for body in named])

    async def _snapshots(self, namespace: str) -> list[Object]:
        """Those that are not ready."""
        found = await self._list(CHILDREN[Kind.SNAPSHOT].path(namespace))
        return [body for body in found if (body.get("status") or {}).get("readyToUse") is not True]

    async def _awaited(self, body: Object) -> AwaitedSnapshot:
        metadata, status = body["metadata"], body.get("status") or {}
        of = ((body.get("spec") or {}).get("source") or {}).get("persistentVolumeClaimName") or ""
        content_name = status.get("boundVolumeSnapshotContentName")
        content, of_is = await asyncio.gather(self._content(content_name), self._presence(metadata["namespace"], of))
        return AwaitedSnapshot(
            name=metadata["name"],
            since=_since(body),
            of=of,
            of_is=of_is,
            taken_up=bool(status),
            terminating="deletionTimestamp" in metadata,
            error=(status.get("error") or {}).get("message"),
            content_name=content_name,
            content=content,
        )

    async def _content(self, name: str | None) -> SnapshotContent | None:
        if not name:
            return None
        try:
            body = await self._api.get(SNAPSHOT_CONTENTS.path(name=name))
        except ApiError as error:
            # Not to be read is not missing: then as much is said as is known.
            return None if error.is_missing else SnapshotContent(made=True)
        status = body.get("status") or {}
        return SnapshotContent(bool(status.get("snapshotHandle")), (status.get("error") or {}).get("message"))

    async def _presence(self, namespace: str, name: str) -> Presence:
        try:
            claim = await self._api.get(CLAIMS.path(namespace, name)) if name else {"metadata": {}}
        except ApiError as error:
            return Presence.GONE if error.is_missing else Presence.THERE
        return Presence.LEAVING if "deletionTimestamp" in claim["metadata"] else Presence.THERE

    async def _volumes(self, namespace: str, names: Iterable[str]) -> tuple[AwaitedVolume, ...]:
        found = await asyncio.gather(*(self._volume(namespace, name) for name in names))
        return tuple(volume for volume in found if volume is not None)

    async def _volume(self, namespace: str, name: str) -> AwaitedVolume | None:
        try:
            body = await self._api.get(CLAIMS.path(namespace, name))
        except ApiError:
            return None
        if (body.get("status") or {}).get("phase") != Phase.PENDING.value:
            return None
        return AwaitedVolume(name, _since(body), await self._complaint("PersistentVolumeClaim", body))

    async def _awaited_mover(self, pod: Object) -> AwaitedMover:
        return AwaitedMover(pod["metadata"]["name"], _since(pod), _why_pending(pod), await self._complaint("Pod", pod))

    async def _complaint(self, kind: str, body: Object) -> Complaint | None:
        """The newest warning of others about this object, of which the API server gives no others."""
        metadata = body["metadata"]
        fields = {"type": "Warning", "regarding.kind": kind, "regarding.name": metadata["name"]}
        selector = ",".join(f"{name}={value}" for name, value in fields.items())
        warnings = await self._list(EVENTS.path(metadata["namespace"]), fields=selector)
        theirs = [each for each in warnings if (each.get("regarding") or {}).get("uid") in {None, metadata["uid"]}]
        # What we said of it ourselves is no cause: we would quote ourselves, and then that, and so on.
        of_others = [each for each in theirs if each.get("reportingController") != CONTROLLER]
        counted = [each for each in of_others if each.get("reason") not in _NO_COMPLAINTS]
        newest = max(counted, key=_last_seen, default=None)
        return None if newest is None else Complaint(newest.get("reason") or "", newest.get("note") or "")

    async def _list(self, path: str, selector: str | None = None, *, fields: str | None = None) -> tuple[Object, ...]:
        try:
            return await self._api.list(path, selector, fields=fields)
        except ApiError:
            return ()


def _of_sync(child: Child) -> tuple[str, ...]:
    """The claims that VolSync makes for a sync: copy, or what is restored into, and cache (mover/restic/mover.go)."""
    if child.kind is Kind.SOURCE:
        return f"volsync-{child.name}-src", f"{naming.source_job(child.name)}-cache"
    return f"volsync-{child.name}-dest", f"{naming.destination_job(child.name)}-cache"


def _of_destination(child: Child, claim: Claim) -> tuple[str, ...]:
    """Those of its sync, what the populator fills, and the claim that becomes of it."""
    return *_of_sync(child), f"vs-prime-{claim.uid}", claim.name


def _is_snapshot_of(owner: str, body: Object) -> bool:
    name = body["metadata"]["name"]
    return bool(name == f"volsync-{owner}-src" or name.startswith(naming.image_prefix(owner)))


def _is_pending(pod: Object) -> bool:
    return bool((pod.get("status") or {}).get("phase") == "Pending")


def _failed(pod: Object) -> FailedMover | None:
    status = pod.get("status") or {}
    if status.get("phase") != "Failed" or pod_state(pod) is not PodState.ENDED:
        return None
    ended = _terminated(status)
    return FailedMover(
        pod["metadata"]["name"],
        ended.get("exitCode"),
        status.get("reason") or ended.get("reason") or "",
        ended.get("message") or "",
    )


def _terminated(status: Mapping[str, Any]) -> Mapping[str, Any]:
    ends = [(each.get("state") or {}).get("terminated") or {} for each in status.get("containerStatuses") or ()]
    return next((end for end in ends if end.get("exitCode")), ends[0] if ends else {})


def _why_pending(pod: Object) -> Complaint | None:
    """What the scheduler says, or the kubelet of a container that it cannot make."""
    status = pod.get("status") or {}
    for each in status.get("conditions") or ():
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return Complaint(each.get("reason") or "", each.get("message") or "")
    for each in status.get("containerStatuses") or ():
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("message"):
            return Complaint(waiting.get("reason") or "", waiting["message"])
    return None


def _since(body: Object) -> datetime:
    return time_of(body["metadata"]["creationTimestamp"])


def _last_seen(event: Object) -> str:
    """Times of one form sort as text."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("deprecatedLastTimestamp"), event.get("eventTime"))
    return str(next((each for each in times if each), event["metadata"]["creationTimestamp"]))
