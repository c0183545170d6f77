"""What a cluster lacks for backups, from what its API server describes; and how often that is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller.cluster import platform
from controller.cluster.api import SNAPSHOT_CLASSES, ApiError
from controller.cluster.platform import Platform
from tests.controller.api_server import ApiServer, serving
from tests.controller.scene import SETTINGS

if TYPE_CHECKING:
    from controller.settings import Settings

GROUP = "apis/volsync.backube/v1alpha1"
CLASSES = SNAPSHOT_CLASSES.path()


def _schema(fields: tuple[str, ...]) -> dict[str, Any]:
    """The schema of a kind that has these fields."""
    found: dict[str, Any] = {}
    for field in fields:
        at = found
        for part in field.split("."):
            at = at.setdefault("properties", {}).setdefault(part, {})
    return found


def cluster(without: str | None = None, *, classes: tuple[str, ...] = ("fast",)) -> ApiServer:
    """One with VolSync, but for this field of one of its kinds, and with these snapshot classes."""
    schemas = {
        kind: {
            **_schema(tuple(field for field in fields if f"{kind}.{field}" != without)),
            "x-kubernetes-group-version-kind": [{"group": "volsync.backube", "kind": kind, "version": "v1alpha1"}],
        }
        for kind, fields in platform._FIELDS.items()
    }
    server = ApiServer()
    server.put("/openapi/v3", {"paths": {GROUP: {"serverRelativeURL": f"/openapi/v3/{GROUP}?hash=A"}}})
    server.put(f"/openapi/v3/{GROUP}", {"components": {"schemas": {**schemas, "of.no.kind": {}}}})
    for name in classes:
        server.put(f"{CLASSES}/{name}", {})
    return server


def lacking(server: ApiServer, settings: Settings = SETTINGS, times: int = 1) -> tuple[str, ...]:
    """What it is said to lack, asked some times."""

    async def within() -> tuple[str, ...]:
        async with serving(server) as api:
            asked = Platform(api, settings)
            return [await asked.lacking() for _ in range(times)][-1]

    return asyncio.run(within())


def test_a_cluster_with_volsync_and_a_snapshot_class_lacks_nothing_and_is_asked_once() -> None:
    server = cluster()
    assert lacking(server, times=100) == ()
    assert server.asked == ["GET /openapi/v3", f"GET /openapi/v3/{GROUP}", f"GET {CLASSES}"]


def test_without_volsync_its_crds_are_named() -> None:
    server = cluster()
    server.put("/openapi/v3", {"paths": {}})
    assert lacking(server) == ("VolSync's CRDs are not installed; install VolSync",)


@pytest.mark.parametrize("field", ["ReplicationSource.spec.restic.retain", "ReplicationDestination.status.latestImage"])
def test_a_volsync_that_would_drop_a_field_in_silence_is_too_old(field: str) -> None:
    (told,) = lacking(cluster(without=field))
    assert "too old" in told
    assert field in told


def test_without_any_snapshot_class_or_without_the_one_that_is_named_that_is_told() -> None:
    (told,) = lacking(cluster(classes=()))
    assert "there is no VolumeSnapshotClass; create one" in told
    named = replace(SETTINGS, snapshot_class="slow")
    server = cluster()
    server.refuse[f"{CLASSES}/slow"].append(404)
    (told,) = lacking(server, named)
    assert "there is no VolumeSnapshotClass slow" in told
    assert lacking(cluster(classes=("slow",)), named) == ()


def test_without_the_crds_of_snapshots_their_controller_is_named() -> None:
    server = cluster()
    server.refuse[CLASSES].append(404)
    (told,) = lacking(server)
    assert "CRDs of volume snapshots are not installed" in told


def test_where_the_server_does_not_say_nobody_says_that_something_is_lacking() -> None:
    server = cluster()
    server.refuse["/openapi/v3"].append(503)
    with pytest.raises(ApiError):
        lacking(server)


def test_what_is_lacking_is_not_asked_about_for_each_of_thousands_of_claims() -> None:
    server = cluster(classes=())
    lacking(server, times=100)
    assert server.asked.count(f"GET {CLASSES}") == 1


def test_what_was_lacking_is_seen_soon_after_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "_LACKING_ASKED_EVERY_S", -1.0)
    server = cluster(classes=())

    async def within() -> tuple[tuple[str, ...], tuple[str, ...]]:
        async with serving(server) as api:
            asked = Platform(api, SETTINGS)
            before = await asked.lacking()
            server.put(f"{CLASSES}/fast", {})
            return before, await asked.lacking()

    before, after = asyncio.run(within())
    assert before
    assert after == ()
