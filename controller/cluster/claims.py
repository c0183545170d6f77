"""From objects of the API server to what decisions are made of. Only what decisions need is kept of an object."""

from __future__ import annotations

import functools
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from controller import contract, naming
from controller.model import Child, Claim, DataSource, Kind, Mover, Phase, PodState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.model import Object

ANNOTATION_PREFIX: Final = "firedrill.dev/"
# VolSync's mark on everything it makes, mover pods and images included (internal/controller/utils/labels.go).
MADE_BY_VOLSYNC: Final = "app.kubernetes.io/created-by=volsync"
_JOB_LABELS: Final = ("batch.kubernetes.io/job-name", "job-name")
_MOVER_JOB: Final = re.compile(r"volsync-(?:src|dst)-(.+)")
_CHILD_NAME: Final = re.compile(r".{0,14}-([a-z2-7]{13})-[a-z2-7]{8}-[a-z]+")
_PHASES: Final = {phase.value: phase for phase in Phase}
_SHARED: Final = frozenset({"hourly", "daily", "weekly", "monthly", "yearly", "schedule"})
_STATUS_FIELDS: Final = ("lastManualSync", "lastSyncStartTime", "lastSyncTime")


def claim_from(body: Object) -> Claim:
    """The claim that an object of the API server, or of an admission request, describes.

    A claim that is being created has no uid, and its namespace may stand in the request alone: whoever reads a request
    puts both right. A phase that nobody knows counts as pending, so nothing is taken for bound.
    """
    metadata, spec = body["metadata"], body.get("spec") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    tier = labels.get(contract.TIER_LABEL)
    return Claim(
        namespace=sys.intern(metadata.get("namespace", "")),
        name=sys.intern(metadata.get("name", "")),
        uid=_interned(metadata.get("uid")),
        labels=_labels(tier),
        annotations={name: text for name, text in annotations.items() if name.startswith(ANNOTATION_PREFIX)},
        request=((spec.get("resources") or {}).get("requests") or {}).get("storage", ""),
        access_modes=tuple(map(sys.intern, spec.get("accessModes") or ())),
        phase=_PHASES.get((body.get("status") or {}).get("phase") or "", Phase.PENDING),
        storage_class=_interned(spec.get("storageClassName")),
        volume_mode=spec.get("volumeMode") or "Filesystem",
        volume_name=spec.get("volumeName") or None,
        source=_data_source(spec.get("dataSourceRef")),
        source_without_ref=_data_source(spec.get("dataSource")),
        terminating="deletionTimestamp" in metadata,
        created_at=time_of(created) if (created := metadata.get("creationTimestamp")) else None,
    )


@functools.lru_cache(maxsize=64)
def _labels(tier: str | None) -> Mapping[str, str]:
    """One mapping for all claims of a tier: nobody changes it."""
    return {} if tier is None else {contract.TIER_LABEL: tier}


def child_from(kind: Kind, body: Object) -> Child:
    """The child that an object describes. One whose label was taken off counts as stripped of its marks.

    Of a status only what tells syncs, images and logs is kept; of a source's logs those of a failure.
    """
    metadata = body["metadata"]
    return Child(
        kind=kind,
        name=sys.intern(metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        claim=_interned(_marked_claim(metadata)),
        owner_uid=next((sys.intern(owner["uid"]) for owner in _owners(metadata)), None),
        created_at=time_of(metadata["creationTimestamp"]),
        content=_content(kind, body),
        status=_status(kind, body.get("status") or {}),
        terminating="deletionTimestamp" in metadata,
    )


def claim_names(body: Object) -> frozenset[str]:
    """The keys (`naming.claim_key`) of the claims that an object may concern: by its mark, and by its name."""
    metadata = body["metadata"]
    keys = set()
    if (marked := (metadata.get("annotations") or {}).get(contract.CLAIM_ANNOTATION)) and "/" in marked:
        keys.add(naming.claim_key(*marked.split("/", 1)))
    if named := _CHILD_NAME.fullmatch(metadata["name"]):
        keys.add(named.group(1))
    return frozenset(keys)


def claims_concerned(body: Object) -> frozenset[tuple[str, str]]:
    """The claims (namespace, name) that an object names: in its mark, or as its owner."""
    metadata = body["metadata"]
    names = {owner["name"] for owner in _owners(metadata)}
    marked = (metadata.get("annotations") or {}).get(contract.CLAIM_ANNOTATION, "")
    namespace, _, name = marked.partition("/")
    if namespace == metadata["namespace"] and name:
        names.add(name)
    return frozenset((metadata["namespace"], name) for name in names)


def mover_from(pod: Object) -> Mover | None:
    """The mover that a pod is; None if it is none, or has ended. One that is being deleted may still write."""
    owner = mover_owner(pod)
    if owner is None or pod_state(pod) is PodState.ENDED:
        return None
    waiting = (pod.get("status") or {}).get("phase") == "Pending"
    return Mover(pod["metadata"]["name"], owner, waiting=waiting)


def mover_owner(pod: Object) -> str | None:
    """The source or destination whose mover a pod is or was, by name; None if it is no mover."""
    labels = pod["metadata"].get("labels") or {}
    job = next((labels[name] for name in _JOB_LABELS if name in labels), "")
    owner = _MOVER_JOB.fullmatch(job)
    return owner.group(1) if owner else None


def pod_state(pod: Object) -> PodState:
    """What the API server says of a pod. Ended is only what the kubelet has reported of every container."""
    status = pod.get("status") or {}
    if status.get("phase") not in {"Succeeded", "Failed"}:
        return PodState.ALIVE
    containers = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    # The pod garbage collector sets `Failed` on pods of nodes that are gone, without a word of their containers.
    ended = bool(containers) and all("terminated" in (each.get("state") or {}) for each in containers)
    return PodState.ENDED if ended else PodState.ALIVE


def time_of(text: str) -> datetime:
    """A time of the API server, in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _marked_claim(metadata: Mapping[str, Any]) -> str | None:
    claim: str | None = (metadata.get("annotations") or {}).get(contract.CLAIM_ANNOTATION)
    if claim is None or "/" not in claim:
        return claim
    labels = metadata.get("labels") or {}
    key = naming.claim_key(*claim.split("/", 1))
    marks = {contract.CLAIM_KEY_LABEL: key, contract.MANAGED_BY_LABEL: contract.MANAGED_BY}
    theirs = claim_names({"metadata": {"name": metadata["name"], "annotations": {}}}) == {key}
    # Another claim's name on it is told as it is; our own counts only with the labels by which it is found.
    return claim if not theirs or all(labels.get(name) == mark for name, mark in marks.items()) else None


def _owners(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [owner for owner in metadata.get("ownerReferences") or () if owner["kind"] == "PersistentVolumeClaim"]


def _content(kind: Kind, body: Object) -> Object:
    content = body.get("data" if kind is Kind.SECRET else "spec") or {}
    return {sys.intern(name): _interned(value) for name, value in content.items()}


def _interned(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The same, with equal strings kept once: ten thousand children have few different ones."""
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, dict):
        found = {sys.intern(name): _interned(inner) for name, inner in value.items()}
        plain = all(isinstance(inner, (str, int)) for inner in found.values())
        return _shared(found) if plain and found.keys() <= _SHARED else found
    return [_interned(inner) for inner in value] if isinstance(value, list) else value


@functools.lru_cache(maxsize=1024)
def _one_of(items: tuple[tuple[str, Any], ...]) -> Mapping[str, Any]:
    return dict(items)


def _shared(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one mapping for all children that say the same of when and how long."""
    return _one_of(tuple(found.items()))


def _status(kind: Kind, status: Mapping[str, Any]) -> Object:
    kept: dict[str, Any] = {name: status[name] for name in _STATUS_FIELDS if status.get(name)}
    if kind is Kind.DESTINATION:
        if image := (status.get("latestImage") or {}).get("name"):
            kept["latestImage"] = {"name": image}
        if mover := status.get("latestMoverStatus"):
            kept["latestMoverStatus"] = _of_mover(mover)
    elif kind is Kind.SOURCE:
        if (mover := status.get("latestMoverStatus") or {}).get("result") == "Failed":
            kept["latestMoverStatus"] = _of_mover(mover)
    elif kind is Kind.EXTERNAL_SECRET:
        kept["conditions"] = status.get("conditions") or []
    return kept


def _of_mover(status: Mapping[str, Any]) -> Object:
    return {name: status[name] for name in ("result", "logs") if name in status}


def _data_source(found: Mapping[str, Any] | None) -> DataSource | None:
    if not found:
        return None
    return DataSource(found.get("apiGroup") or "", found["kind"], found["name"], found.get("namespace"))
