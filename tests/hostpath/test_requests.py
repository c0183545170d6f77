"""What is answered to requests that are wrong, and to arguments that are."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.components.hostpath import driver as driver_package
from fixtures.components.hostpath.driver import locks
from fixtures.components.hostpath.driver.store import Store
from tests.hostpath.machine import BLOCK, FILE_SYSTEM, MIB, Pod, Refused, create, delete, from_snapshot, from_volume

if TYPE_CHECKING:
    from tests.hostpath.machine import Cluster

UNKNOWN = "vol-0123456789abcdef01234567"
TIB = 1024 * 1024 * MIB

WRONG: list[tuple[str, str, str, dict[str, Any]]] = [
    ("INVALID_ARGUMENT", "at most 128 characters", "CreateVolume", {"name": "x" * 129}),
    ("INVALID_ARGUMENT", "needs a capability", "CreateVolume", {"volumeCapabilities": []}),
    ("INVALID_ARGUMENT", "not both", "CreateVolume", {"volumeCapabilities": [FILE_SYSTEM, BLOCK]}),
    (
        "INVALID_ARGUMENT",
        "MULTI_NODE_MULTI_WRITER is not offered.*ReadWriteOnce",
        "CreateVolume",
        {"volumeCapabilities": [{"mount": {}, "accessMode": {"mode": "MULTI_NODE_MULTI_WRITER"}}]},
    ),
    (
        "INVALID_ARGUMENT",
        "btrfs is not offered, only ext4",
        "CreateVolume",
        {"volumeCapabilities": [{"mount": {"fsType": "btrfs"}, "accessMode": {"mode": "SINGLE_NODE_WRITER"}}]},
    ),
    ("INVALID_ARGUMENT", "unknown parameters: colour", "CreateVolume", {"parameters": {"colour": "blue"}}),
    ("INVALID_ARGUMENT", "cannot be negative", "CreateVolume", {"capacityRange": {"requiredBytes": -1}}),
    ("INVALID_ARGUMENT", "limit is below", "CreateVolume", {"capacityRange": {"requiredBytes": 2, "limitBytes": 1}}),
    ("OUT_OF_RANGE", "are more than", "CreateVolume", {"capacityRange": {"requiredBytes": 17 * TIB}}),
    ("OUT_OF_RANGE", "limit of 1048576", "CreateVolume", {"capacityRange": {"limitBytes": MIB}}),
    ("NOT_FOUND", "does not exist", "CreateVolume", from_snapshot("snap-0123456789abcdef01234567")),
    ("NOT_FOUND", "does not exist", "CreateVolume", from_volume(UNKNOWN)),
    ("NOT_FOUND", "does not exist", "CreateVolume", from_volume("../../etc")),
    ("NOT_FOUND", "no volume", "ControllerExpandVolume", {"volumeId": UNKNOWN, "capacityRange": {"requiredBytes": 1}}),
    ("INVALID_ARGUMENT", "no capacity_range", "ControllerExpandVolume", {"volumeId": UNKNOWN}),
    ("NOT_FOUND", "no volume", "CreateSnapshot", {"sourceVolumeId": UNKNOWN}),
    ("NOT_FOUND", "nothing with the id", "CreateSnapshot", {"sourceVolumeId": "../../etc/passwd"}),
    ("INVALID_ARGUMENT", "unknown parameters", "CreateSnapshot", {"sourceVolumeId": UNKNOWN, "parameters": {"a": "b"}}),
    ("ABORTED", "never given out", "ListVolumes", {"startingToken": "made up"}),
    ("INVALID_ARGUMENT", "cannot be negative", "ListSnapshots", {"maxEntries": -1}),
    ("NOT_FOUND", "no volume", "NodeStageVolume", {"volumeId": UNKNOWN, "volumeCapability": FILE_SYSTEM}),
    ("INVALID_ARGUMENT", "no volume_capability", "NodeStageVolume", {"volumeId": UNKNOWN}),
    ("NOT_FOUND", "no volume", "NodeGetVolumeStats", {"volumeId": UNKNOWN, "volumePath": "/nowhere"}),
    ("NOT_FOUND", "no volume", "NodeExpandVolume", {"volumeId": "../..", "volumePath": "/nowhere"}),
]
COMMON: dict[str, dict[str, Any]] = {
    "CreateVolume": {"name": "wrong", "volumeCapabilities": [FILE_SYSTEM]},
    "CreateSnapshot": {"name": "wrong"},
    "NodeStageVolume": {"stagingTargetPath": "/nowhere/at/all"},
}


def test_wrong_requests_are_refused_with_the_code_and_reason_that_fit(cluster: Cluster) -> None:
    driver = cluster.start()
    for code, reason, method, fields in WRONG:
        with pytest.raises(Refused, match=rf"^{code}: .*{reason}"):
            driver.call(method, **{**COMMON.get(method, {}), **fields})
    assert cluster.leftovers() == []
    assert not Path("/nowhere").exists()


def test_a_name_that_is_taken_by_something_else_is_refused(cluster: Cluster) -> None:
    driver = cluster.start()
    volume, other = create(driver, "taken", size_bytes=32 * MIB), create(driver, "other", size_bytes=32 * MIB)
    for fields in ({"size_bytes": 64 * MIB}, {"volumeCapabilities": [BLOCK]}, from_volume(other)):
        with pytest.raises(Refused, match=r"^ALREADY_EXISTS: volume taken exists"):
            create(driver, "taken", **{"size_bytes": 32 * MIB, **fields})
    snapshot = driver.call("CreateSnapshot", name="taken", sourceVolumeId=volume).snapshot.snapshot_id
    with pytest.raises(Refused, match=r"^ALREADY_EXISTS: snapshot taken exists"):
        driver.call("CreateSnapshot", name="taken", sourceVolumeId=other)
    with pytest.raises(Refused, match=r"^OUT_OF_RANGE: .* too few for a copy"):
        create(driver, "smaller", size_bytes=16 * MIB, **from_snapshot(snapshot))
    driver.call("DeleteSnapshot", snapshotId=snapshot)
    for each in (volume, other):
        delete(driver, each)


def test_ids_that_were_never_given_out_are_deleted_already(cluster: Cluster) -> None:
    driver = cluster.start()
    outside = cluster.base / "outside"
    outside.mkdir()
    for name in (UNKNOWN, "x", "../../../outside", str(outside)):
        driver.call("DeleteVolume", volumeId=name)
        driver.call("DeleteSnapshot", snapshotId=name)
    assert outside.is_dir()


def test_a_volume_is_published_only_where_it_is_staged_and_as_what_it_is(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "staged")
    with pytest.raises(Refused, match=r"^FAILED_PRECONDITION: .* not staged"):
        Pod(driver, volume, cluster.base).publish()
    with pytest.raises(Refused, match=r"^INVALID_ARGUMENT: .* is a file-system volume"):
        Pod(driver, volume, cluster.base, BLOCK).stage()
    delete(driver, volume)


def test_capabilities_are_confirmed_or_denied_with_a_reason(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "asked")
    ask = {"volumeId": volume, "volumeCapabilities": [FILE_SYSTEM]}
    assert driver.call("ValidateVolumeCapabilities", **ask).HasField("confirmed")
    denied = driver.call("ValidateVolumeCapabilities", **{**ask, "volumeCapabilities": [BLOCK]})
    assert not denied.HasField("confirmed")
    assert "is a file-system volume" in denied.message
    delete(driver, volume)


def test_an_operation_on_a_volume_that_another_one_works_on_is_to_be_tried_again(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "busy")
    with locks.held(Store(cluster.store).locks, volume), pytest.raises(Refused, match=r"^ABORTED: .* try again"):
        delete(driver, volume)
    delete(driver, volume)


def test_a_snapshot_waits_for_a_longer_operation_on_its_volume(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "slow")
    with ThreadPoolExecutor(1) as pool:
        with locks.held(Store(cluster.store).locks, volume):
            asked = pool.submit(driver.call, "CreateSnapshot", name="patient", sourceVolumeId=volume)
            with pytest.raises(TimeoutError):
                asked.result(locks.A_MOMENT_S + 1)
        driver.call("DeleteSnapshot", snapshotId=asked.result().snapshot.snapshot_id)
    delete(driver, volume)


def test_a_full_host_is_told_apart_from_a_broken_one_and_leaves_no_draft(cluster: Cluster) -> None:
    cluster.store.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500k", "none", cluster.store], check=True)
    try:
        driver = cluster.start()
        with pytest.raises(Refused, match=r"^RESOURCE_EXHAUSTED: .*No space left"):
            create(driver, "too-much", volumeCapabilities=[FILE_SYSTEM], size_bytes=1024 * MIB)
        assert cluster.leftovers() == [str(cluster.store)]  # the mount of this test
        cluster.stop()
    finally:
        subprocess.run(["umount", cluster.store], check=True)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (["--node", "No_Such.Name"], "does not look like"),
        (["--endpoint", "tcp://127.0.0.1:1"], "does not look like"),
        (["--placement", "everywhere"], "everywhere"),
        (["--endpoint", f"unix:///{'x' * 120}"], "too long for a Unix socket"),
        (["--capacity-bytes", "-5"], "at least"),
        (["--freeze-seconds-max", "0"], "more than 0"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_done(
    stubs: Path, tmp_path: Path, wrong: list[str], reason: str
) -> None:
    good = [
        "--driver-name",
        "a.b",
        "--node",
        "n",
        "--endpoint",
        f"unix://{tmp_path}/s",
        "--store",
        str(tmp_path / "store"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "driver", *good, *wrong],
        cwd=Path(driver_package.__path__[0]).parent,
        env={**os.environ, "PYTHONPATH": str(stubs), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert not (tmp_path / "store").exists()
