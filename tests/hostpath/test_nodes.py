"""Several nodes on one store: who may have a volume, what is lost with a node, and what is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from fixtures.components.hostpath import driver as driver_package
from fixtures.components.hostpath.driver import locks, mounts
from fixtures.components.hostpath.driver.store import Placement, Store
from fixtures.components.hostpath.driver.wipe import wipe_node, wipe_store
from tests.hostpath import trees
from tests.hostpath.machine import (
    BLOCK,
    MIB,
    TOPOLOGY_KEY,
    Pod,
    Refused,
    create,
    delete,
    delete_snapshot,
    from_snapshot,
    from_volume,
    take_snapshot,
)

if TYPE_CHECKING:
    from tests.hostpath.machine import Cluster, Driver

REPLICATED = pytest.mark.parametrize("cluster", [Placement.REPLICATED], indirect=True, ids=["replicated"])
BOTH = pytest.mark.parametrize("cluster", list(Placement), indirect=True, ids=lambda placement: placement.value)


def _on(node: str) -> dict[str, Any]:
    return {"accessibilityRequirements": {"requisite": [{"segments": {TOPOLOGY_KEY: node}}]}}


def test_a_node_local_volume_is_made_where_the_scheduler_wants_it_or_not_at_all(cluster: Cluster) -> None:
    one, two = cluster.start("node-1"), cluster.start("node-2")
    assert one.call("NodeGetInfo").accessible_topology.segments[TOPOLOGY_KEY] == "node-1"
    with pytest.raises(Refused, match="not among those") as refused:
        create(one, "there", **_on("node-2"))
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    volume = create(two, "there", **_on("node-2"))
    assert create(one, "there", **_on("node-2")) == volume  # asked again, of another node: it is there already
    with pytest.raises(Refused, match="exists on node node-2") as refused:
        create(one, "there", **_on("node-1"))
    assert refused.value.code is grpc.StatusCode.ALREADY_EXISTS
    with pytest.raises(Refused, match="is on node node-2") as refused:
        Pod(one, volume, cluster.base).stage()
    assert refused.value.code is grpc.StatusCode.FAILED_PRECONDITION
    delete(one, volume)


def test_a_node_local_snapshot_is_restored_on_another_node(cluster: Cluster) -> None:
    one, two = cluster.start("node-1"), cluster.start("node-2")
    source = Pod(one, create(one, "source", **_on("node-1")), cluster.base)
    trees.plant(source.up())
    snapshot = take_snapshot(one, "snap", source.volume)
    copies = [
        Pod(two, create(two, "restored", **_on("node-2"), **from_snapshot(snapshot)), cluster.base),
        Pod(two, create(two, "cloned", **_on("node-2"), **from_volume(source.volume)), cluster.base),
    ]
    for copy in copies:
        assert trees.seen(copy.up()) == trees.seen(source.path)
    for pod in (source, *copies):
        pod.down()
        delete(pod.driver, pod.volume)
    delete_snapshot(two, snapshot)


@REPLICATED
def test_a_replicated_volume_is_on_every_node_but_on_one_at_a_time(cluster: Cluster) -> None:
    one, two = cluster.start("node-1"), cluster.start("node-2")
    assert not one.call("NodeGetInfo").accessible_topology.segments
    volume = create(one, "moving")
    first, second = Pod(one, volume, cluster.base), Pod(two, volume, cluster.base)
    trees.plant(first.up())
    before = trees.seen(first.path)
    with pytest.raises(Refused, match="attached on node-1") as refused:
        second.stage()
    assert refused.value.code is grpc.StatusCode.FAILED_PRECONDITION
    first.down()
    assert trees.seen(second.up()) == before
    second.down()
    delete(two, volume)


@REPLICATED
def test_a_controller_without_node_part_copies_a_volume_that_a_node_has_mounted(cluster: Cluster) -> None:
    node, controller = cluster.start("node-1"), cluster.start("node-0", node_part=False)
    source = Pod(node, create(controller, "source"), cluster.base)
    trees.plant(source.up())
    snapshot = take_snapshot(controller, "snap", source.volume)
    (source.path / "later").write_text("not in the snapshot")
    copy = Pod(node, create(controller, "copy", **from_snapshot(snapshot)), cluster.base)
    copy.up()
    (source.path / "later").unlink()
    assert trees.seen(copy.path) == trees.seen(source.path)
    with pytest.raises(Refused) as refused:
        controller.call("NodeGetInfo")
    assert refused.value.code is grpc.StatusCode.UNIMPLEMENTED
    for pod in (source, copy):
        pod.down()
        delete(controller, pod.volume)
    delete_snapshot(controller, snapshot)


@REPLICATED
def test_when_a_node_dies_another_one_has_its_replicated_volumes(cluster: Cluster) -> None:
    dying, living = cluster.start("node-1", own_mounts=True), cluster.start("node-2")
    volume = create(dying, "survivor")
    Pod(dying, volume, cluster.base).up()
    assert len(cluster.loops()) == 1
    dying.kill()
    assert cluster.loops() == []
    pod = Pod(living, volume, cluster.base)
    pod.up()
    pod.down()
    delete(living, volume)


@REPLICATED
def test_a_wiped_node_that_still_writes_reaches_nothing_any_more(cluster: Cluster) -> None:
    """As when a node was only cut off: its mounts live on, but its volume has to move."""
    lost, living = cluster.start("node-1"), cluster.start("node-2")
    volume = create(lost, "taken-over")
    old, new = Pod(lost, volume, cluster.base), Pod(living, volume, cluster.base)
    trees.plant(old.up())
    before = trees.seen(old.path)
    os.sync()
    lost.kill()
    wiped = wipe_node(cluster.store, "node-1")
    assert (wiped.volumes, wiped.cut) == (0, 1)
    with pytest.raises(OSError, match=r"Input/output error|Read-only"):  # noqa: PT012 - whichever of them notices first
        (old.path / "too-late").write_text("x")
        _sync(old.path)
    assert trees.seen(new.up()) == before
    new.down()
    mounts.unmount(old.path)
    mounts.unmount(old.staging)
    delete(living, volume)


@BOTH
def test_what_a_destroyed_node_had_is_gone_and_the_rest_is_not(cluster: Cluster) -> None:
    doomed, other = cluster.start("node-1", own_mounts=True), cluster.start("node-2")
    volumes = [create(doomed, f"doomed-{n}") for n in range(2)]
    raw = create(doomed, "raw", size_bytes=16 * MIB, volumeCapabilities=[BLOCK])
    Pod(doomed, volumes[0], cluster.base).up()
    Pod(doomed, raw, cluster.base, BLOCK).up()
    snapshots = [take_snapshot(doomed, "doomed", volumes[0])]
    kept = create(other, "kept")
    kept_snapshot = take_snapshot(other, "kept", kept)
    doomed.kill()
    wiped = wipe_node(cluster.store, "node-1")
    left = {entry.volume.volume_id for entry in other.call("ListVolumes").entries}
    left_snapshots = {entry.snapshot.snapshot_id for entry in other.call("ListSnapshots").entries}
    assert cluster.loops() == []
    match cluster.placement:
        case Placement.NODE_LOCAL:
            assert (wiped.volumes, wiped.snapshots, wiped.loops, wiped.cut) == (3, 1, 1, 0)
            assert (left, left_snapshots) == ({kept}, {kept_snapshot})
        case Placement.REPLICATED:
            assert (wiped.volumes, wiped.snapshots, wiped.loops, wiped.cut) == (0, 0, 1, 0)
            assert (left, left_snapshots) == ({kept, raw, *volumes}, {kept_snapshot, *snapshots})
    assert wipe_node(cluster.store, "node-1").loops == 0  # once more, as after an interruption
    for volume in left:
        delete(other, volume)
    for snapshot in left_snapshots:
        delete_snapshot(other, snapshot)


def test_a_pod_is_let_go_although_its_volume_was_wiped(cluster: Cluster) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "gone"), cluster.base)
    pod.up()
    wipe_node(cluster.store, "node-1")
    pod.down()
    assert driver.call("ListVolumes").entries == []


def test_a_node_that_was_frozen_when_it_died_leaves_no_loop(cluster: Cluster) -> None:
    driver = cluster.start("node-1", "--freeze-seconds-max", "600", own_mounts=True)
    pod = Pod(driver, create(driver, "frozen"), cluster.base)
    pod.up()
    _freeze_in_its_mounts(driver, pod.staging)
    driver.kill()
    assert len(cluster.loops()) == 1, "a frozen file system outlives its mounts; if not, this test shows nothing"
    wiped = wipe_node(cluster.store, "node-1")
    assert (wiped.loops, wiped.cut) == (1, 0)
    assert cluster.loops() == []


def test_loops_of_raw_block_volumes_that_a_restarted_node_no_longer_hands_out_are_detached(cluster: Cluster) -> None:
    driver = cluster.start(own_mounts=True)
    volume = create(driver, "raw", size_bytes=16 * MIB, volumeCapabilities=[BLOCK])
    Pod(driver, volume, cluster.base, BLOCK).up()
    driver.kill()  # and its mounts with it
    assert len(cluster.loops()) == 1
    with locks.held(Store(cluster.store).locks, volume):  # by who is about to hand it out
        cluster.start().kill()
    assert len(cluster.loops()) == 1
    driver = cluster.start()
    assert cluster.loops() == []
    delete(driver, volume)


def test_the_whole_store_is_wiped_by_the_program_for_it(cluster: Cluster) -> None:
    driver = cluster.start(own_mounts=True)
    volume = create(driver, "all")
    Pod(driver, volume, cluster.base).up()
    take_snapshot(driver, "all", volume)
    driver.kill()
    done = _wipe("--store", str(cluster.store), "--all")
    assert done.returncode == 0, done.stderr
    assert "1 volumes and 1 snapshots removed" in done.stdout
    assert list(cluster.store.iterdir()) == []


def test_a_wipe_without_a_store_says_so(cluster: Cluster) -> None:
    done = _wipe("--store", str(cluster.base / "nowhere"), "--node", "node-1")
    assert done.returncode == 2
    assert "there is no store at" in done.stderr
    assert not (cluster.base / "nowhere").exists()


def test_two_stores_do_not_touch_each_other(cluster: Cluster, tmp_path: Path) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "mine"), cluster.base)
    pod.up()
    (tmp_path / "store-id").write_text("ffffffff")
    assert wipe_store(tmp_path).loops == 0
    (pod.path / "written").write_text("still mine")
    pod.down()
    delete(driver, pod.volume)


def _wipe(*arguments: str) -> subprocess.CompletedProcess[str]:
    folder = Path(driver_package.__path__[0]).parent
    return subprocess.run(
        [sys.executable, "-m", "driver.wipe", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def _freeze_in_its_mounts(driver: Driver, point: Path) -> None:
    namespace = f"--mount=/proc/{driver.process.pid}/ns/mnt"
    subprocess.run(["nsenter", namespace, "fsfreeze", "--freeze", point], check=True)
    assert driver.process.poll() is None


def _sync(path: Path) -> None:
    descriptor = os.open(path / "too-late", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def test_a_driver_ends_well_when_asked(cluster: Cluster) -> None:
    driver = cluster.start()
    driver.process.send_signal(signal.SIGTERM)
    assert driver.process.wait(20) == 0
    assert not driver.socket.exists()


@BOTH
def test_a_volume_that_is_still_in_use_is_not_let_go_half(cluster: Cluster) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "held"), cluster.base)
    with (pod.up() / "open").open("w"):
        with pytest.raises(Refused, match=r"^INTERNAL: .*busy"):
            pod.unpublish()
        with pytest.raises(Refused, match=r"^ABORTED: .* still in use"):
            pod.unstage()
    pod.down()
    delete(driver, pod.volume)
