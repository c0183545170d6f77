"""What the cluster lacks for backups: VolSync and its fields, snapshots and their class. Asked seldom."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from controller.cluster.api import SNAPSHOT_CLASSES, ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.cluster.api import Api
    from controller.settings import Settings

_ASKED_EVERY_S: Final = 60.0
# Somebody waits for what is missing, but not each of ten thousand claims has to ask for it.
_LACKING_ASKED_EVERY_S: Final = 2.0
_VOLSYNC: Final = "apis/volsync.backube/v1alpha1"
# What is set or read of VolSync's kinds and came with some release of it; a schema without a field drops it in silence.
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "ReplicationSource": (
        "spec.trigger.manual",
        "spec.restic.retain",
        "spec.restic.moverSecurityContext",
        "status.lastManualSync",
        "status.lastSyncStartTime",
    ),
    "ReplicationDestination": (
        "spec.restic.enableFileDeletion",
        "spec.restic.moverSecurityContext",
        "spec.restic.previous",
        "spec.restic.restoreAsOf",
        "status.latestImage",
        "status.latestMoverStatus.logs",
    ),
}


class Platform:
    """What is lacking, at most a minute old."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self._api = api
        self._snapshot_class = settings.snapshot_class
        self._lacking: tuple[str, ...] = ()
        self._asked_at_s = float("-inf")
        self._schema: tuple[str, tuple[str, ...]] = ("", ())

    async def lacking(self) -> tuple[str, ...]:
        """In words, with what to do. Raises `ApiError` where the API server does not say."""
        every_s = _LACKING_ASKED_EVERY_S if self._lacking else _ASKED_EVERY_S
        if time.monotonic() - self._asked_at_s > every_s:
            self._lacking = (*await self._of_volsync(), *await self._of_snapshots())
            self._asked_at_s = time.monotonic()
        return self._lacking

    async def _of_volsync(self) -> tuple[str, ...]:
        index = await self._api.get("/openapi/v3")
        described = index["paths"].get(_VOLSYNC)
        if described is None:
            return ("VolSync's CRDs are not installed; install VolSync",)
        address = described["serverRelativeURL"]  # changes with the schema
        if self._schema[0] != address:
            self._schema = (address, missing_fields(await self._api.get(address)))
        return self._schema[1]

    async def _of_snapshots(self) -> tuple[str, ...]:
        try:
            if self._snapshot_class is not None:
                await self._api.get(SNAPSHOT_CLASSES.path(name=self._snapshot_class))
                return ()
            found = await self._api.list(SNAPSHOT_CLASSES.path(), metadata_only=True)
        except ApiError as error:
            if not error.is_missing:
                raise
            if self._snapshot_class is not None:
                return (f"there is no VolumeSnapshotClass {self._snapshot_class}; create it, or name another one",)
            return ("the CRDs of volume snapshots are not installed; install the snapshot controller",)
        return () if found else ("there is no VolumeSnapshotClass; create one for the driver of the volumes",)


def missing_fields(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What VolSync's kinds lack that we set or read, by the OpenAPI document of their group."""
    schemas = {
        each["x-kubernetes-group-version-kind"][0]["kind"]: each
        for each in document["components"]["schemas"].values()
        if each.get("x-kubernetes-group-version-kind")
    }
    lacking = [
        f"{kind}.{field}"
        for kind, fields in _FIELDS.items()
        for field in fields
        if not _has(schemas.get(kind, {}), field)
    ]
    if not lacking:
        return ()
    return (f"VolSync's CRDs are too old: they lack {', '.join(lacking)}; install a newer VolSync with its CRDs",)


def _has(schema: Mapping[str, Any], field: str) -> bool:
    found: Mapping[str, Any] | None = schema
    for part in field.split("."):
        found = (found.get("properties") or {}).get(part) if found is not None else None
    return found is not None
