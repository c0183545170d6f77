"""A22, A23, C25: whoever looks at a claim that waits reads what it waits for, of the reference controller."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from controller import contract
from controller.contract import Reason
from e2e.desk import NAME
from fixtures.components.snapshot_controller import COMPONENT as SNAPSHOT_CONTROLLER
from fixtures.engines import DRILL_LABEL
from fixtures.engines.reference import PROTECTED
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import CLAIM, DEPLOYMENT, STORAGE_CLASS
from fixtures.kube.objects import condition
from fixtures.wait import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.desk import Desk
    from fixtures.ground import Ground
    from fixtures.kube.objects import Object

NOT_NOW: Final = 409
# The CSI driver of the tests takes none: what a class asks of it so is refused at each try.
UNKNOWN_PARAMETER: Final = {"replicas": "3"}


@contextmanager
def snapshot_controller_scaled_to_zero(ground: Ground) -> Iterator[None]:
    [workload] = SNAPSHOT_CONTROLLER.workloads
    before = ground.kube.get(DEPLOYMENT, workload.name, workload.namespace)
    assert before is not None
    ground.kube.patch(DEPLOYMENT, workload.name, workload.namespace, {"spec": {"replicas": 0}})
    try:
        yield
    finally:
        replicas = before["spec"]["replicas"]
        ground.kube.patch(DEPLOYMENT, workload.name, workload.namespace, {"spec": {"replicas": replicas}})
        ground.await_components()


def apply_again(desk: Desk) -> None:
    """Once nothing of the previous claim is left; until then it is refused for a moment."""

    def refused() -> str:
        try:
            desk.apply_claim()
        except KubeError as error:
            if error.status != NOT_NOW:
                raise
            return error.message
        return ""

    eventually(refused, lambda why: not why, expected="the claim is admitted again", wait=desk.ground.waits.gone)


def told(desk: Desk, *words: str) -> str:
    """What the claim's condition says, once it tells a fault of storage with all of these words."""

    def look() -> Object:
        return condition(desk.claim, PROTECTED) or {}

    found = eventually(
        look,
        lambda seen: seen.get("reason") == Reason.STORAGE.value and all(word in seen["message"] for word in words),
        expected=f"the claim's condition says {', '.join(words)}",
        wait=desk.ground.waits.restore,
    )
    heard = [
        event["message"]
        for event in desk.ground.kube.events(desk.namespace)
        if event["reason"] == Reason.STORAGE.value and event["type"] == "Warning"
    ]
    assert found["message"] in heard
    return str(found["message"])


@pytest.mark.thorough
def test_without_a_snapshot_controller_backup_and_restore_say_so_and_go_on_when_it_is_back(desk: Desk) -> None:
    desk.apply_claim()
    desk.start_app()
    desk.shell("echo one >/data/word && sync")
    desk.await_protected()
    assert "restore point" in desk.done("back-up", f"{desk.namespace}/{NAME}")

    with snapshot_controller_scaled_to_zero(desk.ground):
        annotations = {contract.BACK_UP_NOW_ANNOTATION: "once-more"}
        desk.ground.kube.patch(CLAIM, NAME, desk.namespace, {"metadata": {"annotations": annotations}})
        told(desk, "[68]", "the backup to the local repository", "-src is not ready", "has not taken it up")
    assert "restore point" in desk.done("back-up", f"{desk.namespace}/{NAME}")

    desk.stop_app()
    desk.delete_claim()
    with snapshot_controller_scaled_to_zero(desk.ground):
        apply_again(desk)
        told(desk, "[50]", "is not restored yet", "-dest-", "the snapshot controller has not taken it up")
    desk.start_app()
    assert desk.shell("cat /data/word") == "one"
    desk.await_protected()


@pytest.mark.thorough
def test_a_provisioner_that_refuses_is_quoted_on_the_claim(desk: Desk) -> None:
    kube = desk.ground.kube
    working = kube.get(STORAGE_CLASS, desk.ground.classes.block)
    assert working is not None
    name = f"{desk.namespace}-broken"
    metadata = {"name": name, "labels": {DRILL_LABEL: desk.namespace}}
    kept = {key: working[key] for key in ("apiVersion", "kind", "provisioner", "reclaimPolicy")}
    kube.apply({**kept, "metadata": metadata, "volumeBindingMode": "Immediate", "parameters": UNKNOWN_PARAMETER})
    try:
        kube.apply(
            {
                "apiVersion": CLAIM.api_version,
                "kind": CLAIM.name,
                "metadata": {"name": NAME, "namespace": desk.namespace, "labels": {contract.TIER_LABEL: "hourly"}},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": name,
                    "resources": {"requests": {"storage": "96Mi"}},
                },
            }
        )
        told(desk, "[33]", f"the claim {NAME} is not bound: ProvisioningFailed", "unknown parameters: replicas")
    finally:
        kube.delete(STORAGE_CLASS, name)
