"""A namespace in deletion is not held for a volume snapshot that cannot come; what still protects data stays."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.ground import Ground
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import CLAIM, POD
from fixtures.removal import HELD_S, SOURCE_FINALIZER, let_go
from tests.scene import at

OTHER = "kubernetes.io/pvc-protection"
NOW = at(10)


class Cluster:
    """One claim and perhaps a volume snapshot of it."""

    def __init__(
        self, *, volume: str | None = None, deleted_s_ago: float | None = HELD_S, snapshot: bool = True
    ) -> None:
        deleted = {} if deleted_s_ago is None else {"deletionTimestamp": _text(NOW - timedelta(seconds=deleted_s_ago))}
        meta = {"name": "c", "namespace": "n", "resourceVersion": "7", "finalizers": [OTHER, SOURCE_FINALIZER]}
        self.claim = {"metadata": {**meta, **deleted}, "spec": {"volumeName": volume} if volume else {}}
        source = {"spec": {"source": {"persistentVolumeClaimName": "c"}}}
        self.snapshots = [source] if snapshot else []
        self.refuses_with: int | None = None
        self.patched: list[Any] = []

    def list(self, kind: Any, _: str) -> Any:
        return [self.claim] if kind is CLAIM else self.snapshots

    def patch(self, _kind: Any, _name: str, _namespace: str, changes: Any) -> None:
        if self.refuses_with:
            raise KubeError("patch", "c", self.refuses_with, "Conflict", "changed")
        self.patched.append(changes["metadata"])


def _text(time: Any) -> str:
    return str(time.strftime("%Y-%m-%dT%H:%M:%SZ"))


@pytest.mark.parametrize(
    "cluster", [Cluster(), Cluster(volume="v", snapshot=False)], ids=["never bound", "no snapshot is left"]
)
def test_a_claim_of_which_no_snapshot_can_come_is_let_go_and_named(cluster: Any) -> None:
    assert let_go(cluster, "n", NOW) == ["let go the claim n/c, held for a volume snapshot that cannot come"]
    assert cluster.patched == [{"finalizers": [OTHER], "resourceVersion": "7"}]


@pytest.mark.parametrize(
    "cluster",
    [Cluster(deleted_s_ago=None), Cluster(deleted_s_ago=HELD_S - 1), Cluster(volume="v")],
    ids=["not deleted", "deleted just now", "its snapshot is being made"],
)
def test_a_claim_that_is_protected_for_a_reason_is_left_alone(cluster: Any) -> None:
    assert let_go(cluster, "n", NOW) == []
    assert cluster.patched == []


def test_a_claim_that_changed_meanwhile_is_looked_at_again_later_and_a_refusal_is_raised() -> None:
    cluster: Any = Cluster()
    cluster.refuses_with = 409
    assert let_go(cluster, "n", NOW) == []
    cluster.refuses_with = 403
    with pytest.raises(KubeError):
        let_go(cluster, "n", NOW)


def test_what_cannot_be_deleted_ahead_of_the_namespace_controller_is_left_to_it() -> None:
    asked: list[Any] = []

    def delete_all(kind: Any, _: str) -> None:
        asked.append(kind)
        if kind is POD:
            raise KubeError("delete", "every Pod in n", 403, "Forbidden", "pods is forbidden")

    ground: Any = Ground.__new__(Ground)
    ground.kube = SimpleNamespace(delete_all=delete_all)
    ground.empty("n")
    assert {POD, CLAIM} <= set(asked)
