"""What volumes hold and keep: real sizes, real growth, whole copies."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest

from fixtures.components.hostpath.driver import ext4
from fixtures.components.hostpath.driver.store import Store
from tests.hostpath import trees
from tests.hostpath.machine import (
    BLOCK,
    MIB,
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
    from pathlib import Path

    from tests.hostpath.machine import Cluster, Driver


def _grow(driver: Driver, volume: str, size_bytes: int) -> None:
    driver.call("ControllerExpandVolume", volumeId=volume, capacityRange={"requiredBytes": size_bytes})


def _total_bytes(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_blocks * status.f_frsize


def test_a_volume_is_as_large_as_asked_and_then_full(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "small", size_bytes=32 * MIB)
    pod = Pod(driver, volume, cluster.base)
    path = pod.up()
    with pytest.raises(OSError, match="No space left"):
        (path / "big").write_bytes(os.urandom(33 * MIB))
    assert 20 * MIB < (path / "big").stat().st_size < 32 * MIB
    pod.down()
    delete(driver, volume)


def test_a_new_volume_takes_almost_no_space(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "sparse", size_bytes=1024 * MIB)
    [image] = cluster.store.rglob(f"{volume}/image")
    assert image.stat().st_size == 1024 * MIB
    assert image.stat().st_blocks * 512 < 4 * MIB
    delete(driver, volume)


def test_data_outlives_the_pod_and_the_driver(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "kept")
    pod = Pod(driver, volume, cluster.base)
    trees.plant(pod.up())
    before = trees.seen(pod.path)
    pod.down()
    assert cluster.loops() == []
    driver.kill()
    driver = cluster.start()
    pod = Pod(driver, volume, cluster.base)
    assert trees.seen(pod.up()) == before
    pod.down()
    delete(driver, volume)


def test_a_pod_keeps_its_volume_while_the_driver_is_down(cluster: Cluster) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "in-use"), cluster.base)
    path = pod.up()
    driver.kill()
    (path / "written").write_text("while the driver was down")
    pod.driver = cluster.start()
    assert (path / "written").read_text() == "while the driver was down"
    pod.down()
    delete(pod.driver, pod.volume)


def test_a_read_only_pod_cannot_write(cluster: Cluster) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "looked-at"), cluster.base)
    pod.stage()
    pod.publish(read_only=True)
    with pytest.raises(OSError, match="Read-only"):
        (pod.path / "x").write_text("x")
    pod.down()
    delete(driver, pod.volume)


def test_requests_that_come_twice_do_nothing_twice(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "again")
    assert create(driver, "again") == volume
    pod = Pod(driver, volume, cluster.base)
    for _ in range(2):
        pod.up()
    assert len(cluster.loops()) == 1
    snapshot = take_snapshot(driver, "again", volume)
    assert take_snapshot(driver, "again", volume) == snapshot
    for _ in range(2):
        _grow(driver, volume, 128 * MIB)
        pod.unpublish()
        pod.unpublish()
        pod.unstage()
        delete_snapshot(driver, snapshot)
    delete(driver, volume)
    delete(driver, volume)


def test_the_file_system_grows_with_its_volume(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "growing", size_bytes=64 * MIB)
    pod = Pod(driver, volume, cluster.base)
    trees.plant(pod.up())
    before, small_bytes = trees.seen(pod.path), _total_bytes(pod.path)
    _grow(driver, volume, 512 * MIB)
    node_expand = {"volumeId": volume, "volumePath": str(pod.path), "capacityRange": {"requiredBytes": 512 * MIB}}
    if ext4.may_grow_while_mounted():
        driver.call("NodeExpandVolume", **node_expand)
    else:
        with pytest.raises(Refused, match="restart its pod") as refused:
            driver.call("NodeExpandVolume", **node_expand)
        assert refused.value.code is grpc.StatusCode.FAILED_PRECONDITION
        assert _total_bytes(pod.path) == small_bytes
        pod.down()
        pod.up()
        assert driver.call("NodeExpandVolume", **node_expand).capacity_bytes == 512 * MIB
    assert _total_bytes(pod.path) > 400 * MIB
    assert trees.seen(pod.path) == before
    pod.down()
    delete(driver, volume)


def test_a_snapshot_is_restored_whole_and_does_not_change_with_its_volume(cluster: Cluster) -> None:
    driver = cluster.start()
    source = Pod(driver, create(driver, "source"), cluster.base)
    trees.plant(source.up())
    before = trees.seen(source.path)
    snapshot = take_snapshot(driver, "snap", source.volume)
    (source.path / "later").write_text("not in the snapshot")
    source.down()
    delete(driver, source.volume)
    restored = Pod(driver, create(driver, "restored", **from_snapshot(snapshot)), cluster.base)
    assert trees.seen(restored.up()) == before
    restored.down()
    delete(driver, restored.volume)
    delete_snapshot(driver, snapshot)


def test_a_clone_of_a_mounted_volume_is_whole_and_goes_its_own_way(cluster: Cluster) -> None:
    driver = cluster.start()
    source = Pod(driver, create(driver, "source"), cluster.base)
    trees.plant(source.up())
    before = trees.seen(source.path)
    clone = Pod(driver, create(driver, "clone", **from_volume(source.volume)), cluster.base)
    (source.path / "later").write_text("not in the clone")
    assert trees.seen(clone.up()) == before
    (clone.path / "own").write_text("not in the source")
    assert not (source.path / "own").exists()
    for pod in (source, clone):
        pod.down()
        delete(driver, pod.volume)


@pytest.mark.parametrize("kind", ["snapshot", "clone"])
def test_a_copy_larger_than_its_source_has_a_larger_file_system(cluster: Cluster, kind: str) -> None:
    driver = cluster.start()
    source = Pod(driver, create(driver, "source", size_bytes=64 * MIB), cluster.base)
    trees.plant(source.up())
    before = trees.seen(source.path)
    snapshot = take_snapshot(driver, "snap", source.volume)
    origin = from_snapshot(snapshot) if kind == "snapshot" else from_volume(source.volume)
    copy = Pod(driver, create(driver, "copy", size_bytes=512 * MIB, **origin), cluster.base)
    copy.up()
    assert _total_bytes(copy.path) > 400 * MIB
    assert trees.seen(copy.path) == before
    for pod in (source, copy):
        pod.down()
        delete(driver, pod.volume)
    delete_snapshot(driver, snapshot)


def test_a_copy_is_as_large_as_its_source_when_no_size_is_asked(cluster: Cluster) -> None:
    driver = cluster.start()
    source = create(driver, "source", size_bytes=48 * MIB)
    answer = driver.call(
        "CreateVolume",
        name="copy",
        volumeCapabilities=[{"mount": {}, "accessMode": {"mode": 1}}],
        **from_volume(source),
    )
    assert answer.volume.capacity_bytes == 48 * MIB
    delete(driver, source)
    delete(driver, answer.volume.volume_id)


def test_a_snapshot_under_writes_is_one_moment_of_a_sound_file_system(cluster: Cluster) -> None:
    driver = cluster.start()
    source = Pod(driver, create(driver, "busy", size_bytes=256 * MIB), cluster.base)
    path = source.up()
    enough, wrote = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            for name in ("first", "second"):  # in this order: a moment never has the second ahead of the first
                with (path / name).open("w") as file:
                    file.write(str(number).zfill(8))
                    os.fsync(file.fileno())
            (path / f"filler-{number % 50}").write_bytes(os.urandom(200_000))
            if number == 20:
                wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(60)
        snapshots = [take_snapshot(driver, f"moment-{n}", source.volume) for n in range(5)]
    finally:
        enough.set()
        writer.join()
    for number, snapshot in enumerate(snapshots):
        [image] = cluster.store.rglob(f"{snapshot}/image")
        checked = subprocess.run(["e2fsck", "-f", "-n", image], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
        copy = Pod(
            driver, create(driver, f"copy-{number}", size_bytes=256 * MIB, **from_snapshot(snapshot)), cluster.base
        )
        copy.up()
        # A file that is being written anew may be empty at that moment.
        first, second = (int((copy.path / name).read_text() or 0) for name in ("first", "second"))
        assert not (first and second) or 0 <= first - second <= 1
        copy.down()
        delete(driver, copy.volume)
        delete_snapshot(driver, snapshot)
    source.down()
    delete(driver, source.volume)


def test_a_copy_that_takes_too_long_is_given_up_and_the_writers_go_on(cluster: Cluster) -> None:
    driver = cluster.start("node-1", "--freeze-seconds-max", "0.000001")
    pod = Pod(driver, create(driver, "slow", size_bytes=256 * MIB), cluster.base)
    path = pod.up()
    (path / "data").write_bytes(os.urandom(64 * MIB))
    with pytest.raises(Refused, match="writers may be kept waiting") as refused:
        take_snapshot(driver, "never", pod.volume)
    assert refused.value.code is grpc.StatusCode.INTERNAL
    (path / "after").write_text("not frozen")
    assert Store(cluster.store).snapshots_shelf.finished() == []
    assert Store(cluster.store).snapshots_shelf.unfinished() == []
    pod.down()
    delete(driver, pod.volume)


def test_a_raw_block_volume_is_a_device_that_keeps_its_bytes_and_grows(cluster: Cluster) -> None:
    driver = cluster.start()
    raw = {"volumeCapabilities": [BLOCK]}
    pod = Pod(driver, create(driver, "raw", size_bytes=16 * MIB, **raw), cluster.base, BLOCK)
    pod.up()
    assert pod.path.is_block_device()
    written = os.urandom(MIB)
    _write_device(pod.path, written)
    snapshot = take_snapshot(driver, "raw", pod.volume)
    _write_device(pod.path, bytes(MIB))
    _grow(driver, pod.volume, 32 * MIB)
    driver.call("NodeExpandVolume", volumeId=pod.volume, volumePath=str(pod.path))
    assert _device_bytes(pod.path) == 32 * MIB
    usage = driver.call("NodeGetVolumeStats", volumeId=pod.volume, volumePath=str(pod.path)).usage
    assert [use.total for use in usage] == [32 * MIB]
    restored = Pod(
        driver, create(driver, "raw-2", size_bytes=16 * MIB, **raw, **from_snapshot(snapshot)), cluster.base, BLOCK
    )
    restored.up()
    with restored.path.open("rb") as device:
        assert device.read(MIB) == written
    for each in (pod, restored):
        each.down()
        delete(driver, each.volume)
    delete_snapshot(driver, snapshot)


def test_a_raw_block_volume_stays_attached_while_the_driver_is_down(cluster: Cluster) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "raw", size_bytes=16 * MIB, volumeCapabilities=[BLOCK]), cluster.base, BLOCK)
    pod.up()
    driver.kill()
    pod.driver = cluster.start()
    _write_device(pod.path, b"still here")
    pod.down()
    assert cluster.loops() == []
    delete(pod.driver, pod.volume)


def test_usage_is_that_of_the_volume_and_not_of_the_host(cluster: Cluster) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "measured", size_bytes=64 * MIB), cluster.base)
    path = pod.up()
    (path / "data").write_bytes(os.urandom(10 * MIB))
    os.sync()
    usage = {
        use.unit: use for use in driver.call("NodeGetVolumeStats", volumeId=pod.volume, volumePath=str(path)).usage
    }
    by_bytes, by_inodes = usage[1], usage[2]
    assert 32 * MIB < by_bytes.total <= 64 * MIB
    assert 10 * MIB <= by_bytes.used < 12 * MIB
    assert by_inodes.used >= 1
    pod.down()
    delete(driver, pod.volume)


def test_a_pool_with_a_limit_is_full_at_its_limit(cluster: Cluster) -> None:
    driver = cluster.start("node-1", "--capacity-bytes", str(100 * MIB))
    assert driver.call("GetCapacity").available_capacity == 100 * MIB
    first = create(driver, "first", size_bytes=64 * MIB)
    with pytest.raises(Refused, match="left in this pool") as refused:
        create(driver, "second", size_bytes=64 * MIB)
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(Refused, match="left in this pool"):
        _grow(driver, first, 128 * MIB)
    assert driver.call("GetCapacity").available_capacity == 36 * MIB
    delete(driver, first)
    delete(driver, create(driver, "second", size_bytes=64 * MIB))


def test_a_mounted_volume_is_not_deleted(cluster: Cluster) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "held"), cluster.base)
    pod.up()
    with pytest.raises(Refused, match="still attached") as refused:
        delete(driver, pod.volume)
    assert refused.value.code is grpc.StatusCode.FAILED_PRECONDITION
    pod.down()
    delete(driver, pod.volume)


def test_lists_come_in_pages_that_skip_nothing_when_entries_are_deleted(cluster: Cluster) -> None:
    driver = cluster.start()
    volumes = [create(driver, f"v{n}", size_bytes=8 * MIB) for n in range(5)]
    page = driver.call("ListVolumes", maxEntries=2)
    assert [entry.volume.volume_id for entry in page.entries] == volumes[:2]
    delete(driver, volumes[1])
    rest = driver.call("ListVolumes", startingToken=page.next_token)
    assert [entry.volume.volume_id for entry in rest.entries] == volumes[2:]
    assert not rest.next_token
    for volume in volumes:
        delete(driver, volume)


def test_the_log_names_requests_and_their_outcome(cluster: Cluster) -> None:
    driver = cluster.start()
    volume = create(driver, "logged")
    delete(driver, volume)
    text = driver.log.read_text()
    assert re.search(r"CreateVolume logged: OK, \d+ ms", text)
    assert re.search(rf"DeleteVolume {volume}: OK, \d+ ms", text)


def _write_device(path: Path, content: bytes) -> None:
    with path.open("r+b") as device:
        device.write(content)
        os.fsync(device.fileno())


def _device_bytes(path: Path) -> int:
    with path.open("rb") as device:
        return device.seek(0, os.SEEK_END)


def test_operations_on_one_volume_at_the_same_moment_wait_for_each_other(cluster: Cluster) -> None:
    driver = cluster.start()
    pod = Pod(driver, create(driver, "shared"), cluster.base)
    trees.plant(pod.up())
    with ThreadPoolExecutor(3) as pool:
        snapshots = list(pool.map(lambda n: take_snapshot(driver, f"at-once-{n}", pod.volume), range(3)))
    assert len(set(snapshots)) == 3
    pod.down()
    delete(driver, pod.volume)
    for snapshot in snapshots:
        delete_snapshot(driver, snapshot)
