"""Delete a claim and apply it again, changed: the only way to fill a volume anew, or to make it smaller.

What it held is not lost with it: its volume is kept, and its manifest is written to a file before anything is touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import yaml

from controller import contract, stamp
from controller.cluster.api import CLAIMS, VOLUMES, ApiError, Patch
from controller.operate.site import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from controller.model import Object, RestorePoint
    from controller.operate.site import Found, Name, Site

# What Kubernetes and the controller wrote about the volume that goes; `restore` asks anew.
_NOT_CARRIED: Final = re.compile(r"pv\.kubernetes\.io/|volume\.(beta\.)?kubernetes\.io/|kubectl\.kubernetes\.io/")
_OURS_NOT_CARRIED: Final = frozenset(
    {
        contract.DECISION_ANNOTATION,
        contract.SETTLED_ANNOTATION,
        contract.ACCEPT_VOLUME_ANNOTATION,
        contract.SKIP_RESTORE_ANNOTATION,
        contract.RESTORE_PREVIOUS_ANNOTATION,
        contract.RESTORE_AS_OF_ANNOTATION,
        contract.RESTORE_FROM_ANNOTATION,
        contract.BACK_UP_NOW_ANNOTATION,
    }
)
_GONE_DEADLINE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Change:
    """What comes back, and what is different in the claim that returns.

    `asked` are the annotations that ask for `point` where it is not the newest; `request` None is the size as before.
    """

    point: RestorePoint
    asked: Mapping[str, str] = field(default_factory=dict)
    request: str | None = None


def manifest(body: Object, change: Change) -> Object:
    """The claim as it is to be applied again. A data source goes: it would be restored from that, or from nothing."""
    metadata, spec = body["metadata"], dict(body["spec"])
    carried = {
        name: text
        for name, text in (metadata.get("annotations") or {}).items()
        if name not in _OURS_NOT_CARRIED and not _NOT_CARRIED.match(name)
    }
    for filled in ("volumeName", "dataSource", "dataSourceRef"):
        spec.pop(filled, None)
    if change.request is not None:
        resources = spec.get("resources") or {}
        spec["resources"] = {**resources, "requests": {**resources.get("requests", {}), "storage": change.request}}
    kept = {name: metadata[name] for name in ("name", "namespace", "labels", "ownerReferences") if name in metadata}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**kept, "annotations": {**carried, **change.asked}},
        "spec": spec,
    }


async def check_unused(site: Site, name: Name) -> None:
    """Raise `Refused` while pods use the claim: it would only go once they have, at whatever moment that is."""
    if users := await site.users(name):
        raise Refused(
            f"{name} is in use by {', '.join(users)}; scale its app to 0 first, and suspend whatever would scale it up "
            "again or apply the claim by itself"
        )


async def recreate(site: Site, name: Name, found: Found, change: Change, folder: Path) -> None:
    """Return when it was decided that the claim is restored as ordered; it is filled when its app starts.

    Raises `Refused`, with what to do about a claim that is gone, or was decided otherwise.
    """
    body = manifest(found.body, change)
    file = folder / f"{name.namespace}-{name.claim}-{found.uid[:8]}.yaml"
    file.write_text(yaml.safe_dump(body, sort_keys=False))
    site.tell(f"{name}: its manifest is in {file}")
    await _keep_volume(site, name, found)
    await site.api.delete(CLAIMS.path(name.namespace, name.claim), found.uid)

    async def gone() -> str | None:
        remaining = await site.find(name)
        return None if remaining is None or remaining.uid != found.uid else "it is still there"

    await site.until(f"{name} to be gone", _GONE_DEADLINE_S, gone)
    returned = await _apply(site, name, body, file)
    if change.asked:
        # They count at each creation: left on, they would ask for the same old restore point the next time.
        await site.annotate(returned, dict.fromkeys(change.asked))
    decided = stamp.read(returned.claim.annotations)
    if decided is None:
        raise Refused(
            f"{name} was created again, and nobody decided what it starts from: the webhook was not called; "
            f"kubectl describe pvc -n {name.namespace} {name.claim}"
        )
    if decided.restore is None or decided.restore.point != change.point.id:
        raise Refused(f"{name} returned, but not from restore point {change.point.id[:8]}: {decided.why}")
    site.tell(f"{name}: {decided.why}")
    site.tell(f"{name}: start its app; it waits until the volume is filled")


async def _keep_volume(site: Site, name: Name, found: Found) -> None:
    volume = found.claim.volume_name
    if volume is None:
        return
    body = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}
    await site.api.patch(VOLUMES.path(name=volume), body, Patch.MERGE)
    site.tell(
        f"{name}: the volume {volume} is kept as it is. To free it when all is well: kubectl patch pv {volume} "
        '-p \'{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}\''
    )


class _Taken(Refused):
    """Somebody else has created the claim."""


async def _apply(site: Site, name: Name, body: Object, file: Path) -> Found:
    """Create it; refused for a moment while what backed up its predecessor still goes."""

    async def look() -> str | None:
        try:
            await site.api.create(CLAIMS.path(name.namespace), body)
        except ApiError as error:
            # A conflict is the webhook's answer as well, while something of the predecessor is there.
            if error.is_conflict and await site.find(name) is not None:
                raise _Taken(
                    f"{name} was created by somebody else meanwhile, and starts from whatever that asked for: suspend "
                    f"what did it, delete the claim, then: kubectl create -f {file}"
                ) from error
            return str(error)
        return None

    try:
        await site.until(f"{name} to be created again", _GONE_DEADLINE_S, look)
    except _Taken:
        raise
    except Refused as refused:
        raise Refused(f"{refused}\nThe claim is gone, its backups and its old volume are not. Once the cause is "
                      f"mended: kubectl create -f {file}") from refused  # fmt: skip
    return await site.claim(name)
