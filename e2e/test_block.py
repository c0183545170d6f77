"""A raw block volume grows under the pod that uses it: the kubelet has the driver grow it, and the device is larger."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.engines import DRILL_LABEL, IMAGE
from fixtures.kube.kinds import CLAIM, NAMESPACE, POD
from fixtures.kube.objects import bytes_of, is_true, status_of
from fixtures.wait import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.ground import Ground
    from fixtures.kube.objects import Object

NAME: Final = "disk"
DEVICE: Final = "/dev/disk"
BEFORE: Final = "64Mi"
AFTER: Final = "160Mi"
# A pattern that no empty device has, at the beginning and at the end.
MARK: Final = f"printf 'firedrill' | dd of={DEVICE} bs=1 conv=notrunc,fsync status=none seek="
READ: Final = f"dd if={DEVICE} bs=1 count=9 status=none skip="
EXEC_DEADLINE_S: Final = 60.0


@pytest.fixture
def namespace(ground: Ground) -> Iterator[str]:
    """A namespace of this test's own."""
    name = f"drill-{secrets.token_hex(3)}"
    metadata = {"name": name, "labels": {DRILL_LABEL: name}}
    ground.kube.apply({"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.name, "metadata": metadata})
    yield name
    ground.kube.delete(NAMESPACE, name)
    ground.await_gone(name)


def start(ground: Ground, namespace: str) -> str:
    """A claim of a raw block volume, and a pod that runs with it; the pod's uid."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "volumeMode": "Block",
        "storageClassName": ground.classes.block,
        "resources": {"requests": {"storage": BEFORE}},
    }
    metadata = {"name": NAME, "namespace": namespace}
    ground.kube.apply(
        {"apiVersion": CLAIM.api_version, "kind": CLAIM.name, "metadata": metadata, "spec": spec},
    )
    container = {
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sleep", "infinity"],
        "volumeDevices": [{"name": "data", "devicePath": DEVICE}],
    }
    ground.kube.apply(
        {
            "apiVersion": POD.api_version,
            "kind": POD.name,
            "metadata": metadata,
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [container],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": NAME}}],
            },
        }
    )
    return str(running(ground, namespace)["metadata"]["uid"])


def running(ground: Ground, namespace: str) -> Object:
    pod = eventually(
        lambda: ground.kube.get(POD, NAME, namespace),
        lambda pod: pod is not None and is_true(pod, "Ready"),
        expected="the pod to run with its device",
        wait=ground.waits.pod,
    )
    assert pod is not None
    return pod


def shell(ground: Ground, namespace: str, line: str) -> str:
    """What a command in the pod says."""
    done = ground.kube.exec(
        NAME, namespace, ["/bin/bash", "-c", line], container=NAME, deadline_s=EXEC_DEADLINE_S
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return done.stdout.decode().strip()


def size_seen(ground: Ground, namespace: str) -> int:
    return int(shell(ground, namespace, f"blockdev --getsize64 {DEVICE}"))


@pytest.mark.beside_drills
@pytest.mark.thorough
def test_a_running_pod_sees_its_raw_block_volume_grow_with_its_bytes(ground: Ground, namespace: str) -> None:
    pod = start(ground, namespace)
    assert size_seen(ground, namespace) == bytes_of(BEFORE)
    shell(ground, namespace, f"{MARK}0 && {MARK}{bytes_of(BEFORE) - 9}")
    ground.kube.patch(CLAIM, NAME, namespace, {"spec": {"resources": {"requests": {"storage": AFTER}}}})
    eventually(
        lambda: size_seen(ground, namespace),
        lambda size_bytes: size_bytes == bytes_of(AFTER),
        expected=f"the pod to see a device of {AFTER}",
        wait=ground.waits.bind,
    )
    claim = eventually(
        lambda: ground.kube.get(CLAIM, NAME, namespace),
        lambda claim: (status_of(claim).get("capacity") or {}).get("storage") == AFTER,
        expected=f"the claim to have {AFTER}",
        wait=ground.waits.bind,
    )
    assert not [each["type"] for each in status_of(claim).get("conditions") or []]
    shell(ground, namespace, f"{MARK}{bytes_of(AFTER) - 9}")
    for at in (0, bytes_of(BEFORE) - 9, bytes_of(AFTER) - 9):
        assert shell(ground, namespace, f"{READ}{at}") == "firedrill"
    assert running(ground, namespace)["metadata"]["uid"] == pod
