"""What is applied to a cluster, looked at without one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from fixtures.components.component import SYSTEM_NAMESPACE
from fixtures.components.hostpath import manifests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.kube.objects import Object

SIDECARS = {name: f"registry/{name}:v1" for name in (manifests.PROVISIONER, manifests.SNAPSHOTTER, manifests.RESIZER)}
OBJECTS = manifests.objects(image="driver:v1", sidecars=SIDECARS, nodes=["worker", "worker2"])
CLUSTER_WIDE = {"CSIDriver", "StorageClass", "VolumeSnapshotClass", "ClusterRole", "ClusterRoleBinding"}


def _all(kind: str) -> list[Object]:
    return [item for item in OBJECTS if item["kind"] == kind]


def _pods() -> Iterator[tuple[str, Object]]:
    for item in OBJECTS:
        if "template" in item.get("spec", {}):
            yield item["metadata"]["name"], item["spec"]["template"]["spec"]


def _containers(name: str | None = None) -> Iterator[Object]:
    for _, pod in _pods():
        yield from (container for container in pod["containers"] if name in {None, container["name"]})


def test_the_objects_are_plain_data_and_each_has_a_name_of_its_own() -> None:
    assert list(yaml.safe_load_all(yaml.safe_dump_all(OBJECTS))) == OBJECTS
    names = [(item["kind"], item["metadata"]["name"]) for item in OBJECTS]
    assert len(set(names)) == len(names)


def test_what_is_namespaced_is_in_our_namespace_and_the_rest_is_not() -> None:
    for item in OBJECTS:
        namespace = item["metadata"].get("namespace")
        assert namespace == (None if item["kind"] in CLUSTER_WIDE else SYSTEM_NAMESPACE), item


def test_each_class_belongs_to_a_driver_that_is_installed_and_served() -> None:
    drivers = {item["metadata"]["name"] for item in _all("CSIDriver")}
    served = {
        match[1]
        for container in _containers("driver")
        if (match := re.search(r"--driver-name=(\S+)", _words(container)))
    }
    assert drivers == served
    assert {item["provisioner"] for item in _all("StorageClass")} == drivers
    assert {item["driver"] for item in _all("VolumeSnapshotClass")} == drivers


def test_no_driver_has_two_default_snapshot_classes() -> None:
    default = "snapshot.storage.kubernetes.io/is-default-class"
    drivers = [item["driver"] for item in _all("VolumeSnapshotClass") if item["metadata"]["annotations"].get(default)]
    assert len(set(drivers)) == len(drivers) == 2


def test_every_mount_has_its_volume_and_no_volume_is_left_over() -> None:
    for name, pod in _pods():
        volumes = [volume["name"] for volume in pod["volumes"]]
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert len(set(volumes)) == len(volumes), name
        assert mounted == set(volumes), name


def test_the_kubelet_finds_each_socket_where_it_is_told() -> None:
    for _, pod in _pods():
        [driver] = [container for container in pod["containers"] if container["name"] == "driver"]
        told = re.search(r"--kubelet-endpoint=(\S+)/csi\.sock", _words(driver))
        if told is not None:
            paths = {volume["name"]: volume.get("hostPath", {}).get("path") for volume in pod["volumes"]}
            assert paths["socket"] == told[1]
            assert paths["registry"] == "/var/lib/kubelet/plugins_registry"


def test_only_the_driver_has_privileges_and_mounts_reach_the_node_only_from_there() -> None:
    for container in _containers():
        privileged = container["securityContext"].get("privileged", False)
        assert privileged == (container["name"] == "driver"), container["name"]
        for mount in container["volumeMounts"]:
            if mount.get("mountPropagation") == "Bidirectional":
                assert (container["name"], mount["mountPath"]) == ("driver", "/var/lib/kubelet")


def test_no_image_is_pulled_that_is_there_and_node_names_come_from_the_node() -> None:
    for container in _containers():
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["image"] in {"driver:v1", *SIDECARS.values()}
        [variable] = [entry for entry in container["env"] if entry["name"] == "NODE_NAME"]
        assert variable["valueFrom"]["fieldRef"]["fieldPath"] == "spec.nodeName"


def test_permissions_have_no_wildcard_and_reach_no_secret() -> None:
    rules = [rule for item in [*_all("ClusterRole"), *_all("Role")] for rule in item["rules"]]
    assert rules
    for rule in rules:
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}, rule
        assert "secrets" not in rule["resources"]


def test_storage_is_offered_on_the_nodes_that_were_named() -> None:
    for item in _all("DaemonSet"):
        affinity: Any = item["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
        terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert [term["matchFields"][0]["values"] for term in terms] == [["worker"], ["worker2"]]


def test_arguments_of_the_driver_are_known_to_it(stubs: object) -> None:
    del stubs  # its arguments can be parsed only where its messages are compiled
    from fixtures.components.hostpath.driver.__main__ import parse  # noqa: PLC0415 - see above

    for container in _containers("driver"):
        config = parse([word.replace("$(NODE_NAME)", "worker") for word in container["args"]])
        assert str(config.store) == manifests.STORE
        assert (config.registration is None) == ("/registration" not in _words(container))


def _words(container: Object) -> str:
    return " ".join(container["args"])
