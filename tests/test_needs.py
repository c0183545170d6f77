"""A cluster that lacks what drills need, snapshots above all, is refused in one message before anything is tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from clusters import versions
from clusters.problem import Problem
from fixtures import needs
from fixtures.bucket import BucketError
from fixtures.components.minio import Store
from fixtures.engines import StorageClasses
from fixtures.kube.kinds import CRD, SNAPSHOT_CLASS, STORAGE_CLASS
from fixtures.stack import Stack
from fixtures.theirs import Theirs
from fixtures.wait import Waits

CLASSES = StorageClasses(block="ceph-block", snapshot="ceph-snapshots")
SNAPSHOTS = "snapshot.storage.k8s.io"


@dataclass
class Api:
    """An API server with all that drills need, but for what a test takes away."""

    without: str = "-"
    storage: dict[str, str] = field(default_factory=lambda: {"ceph-block": "rbd.csi", "nfs": "nfs.csi"})
    snapshots: dict[str, str] = field(default_factory=lambda: {"ceph-snapshots": "rbd.csi"})

    def is_gone(self, kind: Any, name: str) -> bool:
        assert kind is CRD
        return self.without in name

    def get(self, kind: Any, name: str) -> Any:
        return next((each for each in self.list(kind) if each["metadata"]["name"] == name), None)

    def list(self, kind: Any) -> Any:
        # Asked for instances of a kind that it does not know, an API server answers with an error.
        assert kind is STORAGE_CLASS or SNAPSHOTS not in self.without
        found = {STORAGE_CLASS: self.storage, SNAPSHOT_CLASS: self.snapshots}[kind]
        return [{"metadata": {"name": name}, "provisioner": who, "driver": who} for name, who in found.items()]


class Buckets:
    """Buckets of these names are there; a store called "shut" lets nobody see."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, store: Any) -> Any:
        return SimpleNamespace(exists=lambda: self._exists(store))

    def _exists(self, store: Any) -> bool:
        if store.name == "shut":
            raise BucketError("look for", store.bucket, "403 Forbidden")
        return store.bucket in self.names


def store(name: str, bucket: str = "drills") -> Store:
    return Store(name, f"https://{name}", f"http://{name}", "k", "s", bucket)


def refusal(monkeypatch: pytest.MonkeyPatch, api: Any, *stores: Store) -> Problem:
    monkeypatch.setattr(needs, "Bucket", Buckets("drills"))
    with pytest.raises(Problem) as refused:
        needs.check("theirs", api, CLASSES, {each.name: each for each in stores})
    return refused.value


def test_a_cluster_with_everything_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "Bucket", Buckets("drills"))
    api: Any = Api()
    needs.check("theirs", api, CLASSES, {"local": store("local")})


def test_a_cluster_that_knows_no_volume_snapshots_is_refused_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = refusal(monkeypatch, Api(without=SNAPSHOTS))
    assert "the cluster does not know volume snapshots" in refused.why
    assert f"volumesnapshotclasses.{SNAPSHOTS}, volumesnapshotcontents.{SNAPSHOTS}" in refused.why
    assert "volsync" not in refused.why
    assert "kubectl apply -k" in refused.remedy


def test_a_cluster_without_volsync_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = refusal(monkeypatch, Api(without="volsync"))
    assert "replicationsources.volsync.backube" in refused.why
    assert SNAPSHOTS not in refused.why
    assert "helm install" in refused.remedy


def test_a_class_that_is_not_there_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = refusal(monkeypatch, Api(snapshots={"other": "nfs.csi"}, storage={"nfs": "nfs.csi"}))
    assert "no storage class ceph-block (there are: nfs)" in refused.why
    assert "no volume snapshot class ceph-snapshots (there are: other of nfs.csi)" in refused.why
    assert "(there are: none)" in refusal(monkeypatch, Api(snapshots={})).why


def test_a_storage_class_whose_driver_makes_no_snapshots_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = refusal(monkeypatch, Api(storage={"ceph-block": "rancher.io/local-path"}))
    assert "their driver is rancher.io/local-path, the one of the volume snapshot class ceph-snapshots is rbd.csi" in (
        refused.why
    )
    assert "kubectl get volumesnapshotclass,storageclass" in refused.remedy


def test_a_bucket_that_is_not_there_or_cannot_be_seen_is_refused_and_all_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = refusal(monkeypatch, Api(without=SNAPSHOTS), store("far", "none"), store("shut"))
    assert "there is no bucket none at https://far" in refused.why
    assert "403 Forbidden" in refused.why
    assert "volume snapshots" in refused.why
    assert str(refused).count("why:") == 1


def test_the_stack_asks_before_it_installs_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "Bucket", Buckets("drills"))
    cluster: Any = SimpleNamespace(name="theirs", up=lambda: None)
    images: Any = versions.choose()
    told = Theirs(CLASSES, {"local": store("local")}, "image")

    class Never:
        """A component that must not be touched."""

    components: Any = (Never(),)
    stack = Stack(cluster, images, Waits.load(), components=components, theirs=told)
    monkeypatch.setattr(Stack, "kube", Api(without=SNAPSHOTS))
    with pytest.raises(Problem, match="the cluster theirs lacks what every drill needs"):
        stack.up()
