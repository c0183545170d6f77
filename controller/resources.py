"""Bodies of the objects that are made for a claim, for VolSync 0.16.0. Each belongs to one life of the claim.

The claim owns them, so that Kubernetes removes them with it even while no controller runs; but for a standby, which is
there to outlive it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from controller import contract, naming, schedule
from controller.intent import Earlier
from controller.model import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.contract import Repo
    from controller.intent import MoverIdentity, Request
    from controller.model import Claim, Credentials, Object
    from controller.settings import ExternalSecrets, Settings, Tier

REPOSITORY_KEY: Final = "RESTIC_REPOSITORY"
BASE_KEYS: Final = ("RESTIC_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_API_VERSIONS: Final[Mapping[Kind, str]] = {
    Kind.SOURCE: "volsync.backube/v1alpha1",
    Kind.DESTINATION: "volsync.backube/v1alpha1",
    Kind.EXTERNAL_SECRET: "external-secrets.io/v1",
    Kind.SECRET: "v1",
}


def missing_keys(data: Mapping[str, str]) -> tuple[str, ...]:
    """Which keys that a mover needs are not in a base Secret, or are empty."""
    return tuple(key for key in BASE_KEYS if not data.get(key))


def repository_url(claim: Claim, repo: Repo, settings: Settings) -> str:
    """The repository of a claim as restic addresses it."""
    store = settings.stores[repo]
    path = naming.repository_path(store.prefix, claim.namespace, claim.name)
    return f"s3:{store.endpoint.rstrip('/')}/{store.bucket}/{path}"


def secret(claim: Claim, name: str, repo: Repo, credentials: Credentials, settings: Settings) -> Object:
    """The Secret of one repository: all keys of the base Secret, and which repository."""
    url = base64.b64encode(repository_url(claim, repo, settings).encode()).decode()
    return {**_head(Kind.SECRET, claim, name), "type": "Opaque", "data": {**credentials.data, REPOSITORY_KEY: url}}


def external_secret(claim: Claim, name: str, repo: Repo, vault: ExternalSecrets, settings: Settings) -> Object:
    """What makes the External Secrets operator write that Secret, under the same name."""
    template = {
        "engineVersion": "v2",
        "mergePolicy": "Merge",
        "data": {REPOSITORY_KEY: repository_url(claim, repo, settings)},
    }
    spec = {
        "secretStoreRef": {"kind": vault.store_kind, "name": vault.store_name},
        "target": {"name": name, "template": template},
        "dataFrom": [{"extract": {"key": vault.keys[repo]}}],
    }
    return {**_head(Kind.EXTERNAL_SECRET, claim, name), "spec": spec}


def restore_trigger(life: str) -> str:
    """The manual trigger of a destination. One value for one destination, for its life or point: it syncs exactly once.

    A destination that is used twice keeps the files of the first time in its volume, and merges them into the second.
    """
    return f"restore-{life}"


def destination(  # noqa: PLR0917 - a body is made of everything that is in it
    claim: Claim, life: str, secret_name: str, request: Request, mover: MoverIdentity, settings: Settings
) -> Object:
    """The destination that one life of a claim is restored from, with a volume just like the claim's.

    Its own volume is not cleaned up by VolSync: that may happen before the image is ready (VolSync #1504). It goes with
    the destination.
    """
    restic = _restored(claim, secret_name, mover, settings)
    if isinstance(request, Earlier):
        if request.previous:
            restic["previous"] = request.previous
        if request.as_of is not None:
            restic["restoreAsOf"] = request.as_of.strftime("%Y-%m-%dT%H:%M:%SZ")
    name = naming.destination(claim.namespace, claim.name, life)
    spec = {"trigger": {"manual": restore_trigger(life)}, "restic": restic}
    return {**_head(Kind.DESTINATION, claim, name), "spec": spec}


def standby(claim: Claim, key: str, secret_name: str, mover: MoverIdentity, settings: Settings) -> Object:
    """The destination whose image stands by, of the restore point that is newest now. Nobody owns it.

    As of every destination there is one for one restore point, with a volume of its own, and it syncs exactly once. The
    mover's cache, of no use afterwards, is cleaned up; its volume is not, as in `destination`.
    """
    restic = {**_restored(claim, secret_name, mover, settings), "cleanupCachePVC": True}
    head = _head(Kind.DESTINATION, claim, naming.standby(claim.namespace, claim.name, key))
    del head["metadata"]["ownerReferences"]
    return {**head, "spec": {"trigger": {"manual": restore_trigger(key)}, "restic": restic}}


def source(  # noqa: PLR0917 - a body is made of everything that is in it
    claim: Claim,
    name: str,
    repo: Repo,
    tier: Tier,
    mover: MoverIdentity,
    cache_capacity: str | None,
    settings: Settings,
) -> Object:
    """The source that backs a claim up to one repository, by schedule; its first sync comes at once."""
    restic: dict[str, Any] = {
        "repository": name,
        "copyMethod": "Snapshot",
        "pruneIntervalDays": settings.prune_interval_days,
        "retain": tier.retention.spec(),
        **_classes(claim, settings),
        **_mover(mover),
    }
    if cache_capacity is not None:
        restic["cacheCapacity"] = cache_capacity
    # The repository is part of what is hashed, so that both backups of a claim seldom begin in the same minute.
    at = schedule.cron(tier.cadence, f"{claim.full_name}/{repo.value}")
    spec = {"sourcePVC": claim.name, "trigger": {"schedule": at}, "restic": restic}
    return {**_head(Kind.SOURCE, claim, name), "spec": spec}


def with_trigger(body: Object, trigger: Object) -> Object:
    """The source with another trigger."""
    return {**body, "spec": {**body["spec"], "trigger": dict(trigger)}}


def _restored(claim: Claim, secret_name: str, mover: MoverIdentity, settings: Settings) -> dict[str, Any]:
    return {
        "repository": secret_name,
        "copyMethod": "Snapshot",  # the populator takes nothing else
        "capacity": claim.request,
        "accessModes": list(claim.access_modes),
        # What a failed attempt left behind must not stay beside what the next one restores.
        "enableFileDeletion": True,
        **_classes(claim, settings),
        **_mover(mover),
    }


def _classes(claim: Claim, settings: Settings) -> dict[str, str]:
    classes = {"cacheCapacity": settings.cache_capacity}
    if claim.storage_class:
        classes["storageClassName"] = claim.storage_class
    if settings.snapshot_class:
        classes["volumeSnapshotClassName"] = settings.snapshot_class
    return classes


def _mover(mover: MoverIdentity) -> dict[str, Any]:
    """The security context of both movers: one that runs as another user restores all files as that user's."""
    context: dict[str, Any] = {}
    if mover.run_as_user is not None:
        context["runAsUser"] = mover.run_as_user
        context["runAsNonRoot"] = mover.run_as_user != 0
    if mover.run_as_group is not None:
        context["runAsGroup"] = mover.run_as_group
    if mover.fs_group is not None:
        context["fsGroup"] = mover.fs_group
    return {"moverSecurityContext": context} if context else {}


def _head(kind: Kind, claim: Claim, name: str) -> dict[str, Any]:
    owner = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": claim.name, "uid": claim.uid}
    return {
        "apiVersion": _API_VERSIONS[kind],
        "kind": kind.value,
        "metadata": {
            "name": name,
            "namespace": claim.namespace,
            "labels": {
                contract.MANAGED_BY_LABEL: contract.MANAGED_BY,
                contract.CLAIM_KEY_LABEL: naming.claim_key(claim.namespace, claim.name),
            },
            "annotations": {contract.CLAIM_ANNOTATION: claim.full_name},
            "ownerReferences": [owner],
        },
    }
