"""A22, A23, A24, C25: whoever looks at a claim that waits reads what it waits for, of the reference controller."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from controller import contract
from controller.contract import Reason
from e2e.desk import NAME
from fixtures.components.snapshot_controller import COMPONENT as SNAPSHOT_CONTROLLER
from fixtures.engines import DRILL_LABEL, Store
from fixtures.kube.kinds import CLAIM, DEPLOYMENT, STORAGE_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.desk import Desk
    from fixtures.ground import Ground

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
        desk.told(Reason.STORAGE, "[68]", "backup to the local repository", "-src is not ready", "has not taken it up")
    assert "restore point" in desk.done("back-up", f"{desk.namespace}/{NAME}")

    desk.stop_app()
    desk.delete_claim()
    with snapshot_controller_scaled_to_zero(desk.ground):
        desk.apply_claim_again()
        desk.told(Reason.STORAGE, "[50]", "is not restored yet", "-dest-", "snapshot controller has not taken it up")
    desk.start_app()
    assert desk.shell("cat /data/word") == "one"
    desk.await_protected()


@pytest.mark.beside_drills
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
        desk.told(
            Reason.STORAGE, "[33]", f"claim {NAME} is not bound: ProvisioningFailed", "unknown parameters: replicas"
        )
    finally:
        kube.delete(STORAGE_CLASS, name)


@contextmanager
def data_away(desk: Desk) -> Iterator[None]:
    """The restore points are listed, and none of what they hold is there."""
    bucket, data = desk.ground.bucket(Store.LOCAL), f"{desk.repository.prefix()}data/"
    aside = f"{desk.namespace}/aside/"
    bucket.copy_prefix(data, aside)
    bucket.delete_prefix(data)
    try:
        yield
    finally:
        bucket.copy_prefix(aside, data)


@pytest.mark.beside_drills
@pytest.mark.thorough
def test_a24_a_restore_that_fails_is_told_with_the_job_to_look_at_and_ends_well_once_it_can(desk: Desk) -> None:
    desk.apply_claim()
    desk.start_app()
    desk.shell("echo one >/data/word && sync")
    desk.await_protected()
    assert "restore point" in desk.done("back-up", f"{desk.namespace}/{NAME}")
    desk.stop_app()
    desk.delete_claim()
    with data_away(desk):
        desk.apply_claim_again()
        see = f"see kubectl -n {desk.namespace} logs job/volsync-dst-"
        desk.told(Reason.REPORTED, "[50]", "the mover has failed to restore", "exit code 1", see)
        # What is wrong is not said by handing out what is not there.
        assert desk.claim["status"]["phase"] == "Pending"
    desk.start_app()
    assert desk.shell("cat /data/word") == "one"
    desk.await_protected()
