"""Loop devices as a container sees them: with a /dev that does not follow the kernel."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.components.hostpath.driver.loop import NODES_MADE_MIN, Life, Loops, Tag
from tests.hostpath.machine import MIB, Pod, create, delete

if TYPE_CHECKING:
    from tests.hostpath.machine import Cluster


def test_the_driver_makes_the_device_nodes_that_are_missing(cluster: Cluster) -> None:
    devices = cluster.base / "dev"
    devices.mkdir()
    driver = cluster.start("node-1", "--devices", str(devices))
    assert {f"loop{number}" for number in range(NODES_MADE_MIN)} < {path.name for path in devices.iterdir()}
    control = (devices / "loop-control").stat()
    assert (stat.S_ISCHR(control.st_mode), control.st_rdev) == (True, Path("/dev/loop-control").stat().st_rdev)
    assert (devices / "loop3").stat().st_rdev == Path("/dev/loop3").stat().st_rdev
    pod = Pod(driver, create(driver, "somewhere"), cluster.base)
    (pod.up() / "x").write_text("x")
    pod.down()
    delete(driver, pod.volume)


def test_an_attached_loop_says_whose_it_is_and_goes_when_nobody_has_it(cluster: Cluster) -> None:
    image = cluster.base / "image"
    with image.open("wb") as file:
        file.truncate(MIB)
    loops = Loops(Path("/dev"))
    tag = Tag.of(
        "0123abcd", "a-node-whose-name-alone-is-longer-than-the-room-that-there-is-for-a-tag", "vol-" + "1" * 24
    )
    assert len(tag.text()) <= 63
    with loops.attach(image, tag, Life.WHILE_IN_USE) as loop:
        [seen] = loops.of_volume("0123abcd", tag.volume)
        assert (seen.number, seen.device, seen.tag, seen.until_detached) == (loop.number, loop.device, tag, False)
    assert loops.of_volume("0123abcd", tag.volume) == []


def test_a_loop_that_was_cut_takes_nothing_any_more_and_counts_no_longer(cluster: Cluster) -> None:
    image = cluster.base / "image"
    image.write_bytes(bytes(MIB))
    loops, tag = Loops(Path("/dev")), Tag.of("0123abcd", "node", "vol-" + "2" * 24)
    with (
        loops.attach(image, tag, Life.WHILE_IN_USE) as loop,
        loops.path(loop.number).open("r+b", buffering=0) as device,
    ):
        loops.cut(loop)
        with pytest.raises(OSError, match=r"No space left|Input/output"):
            os.pwrite(device.fileno(), b"late" * 1024, 8192)
        assert loops.of_volume("0123abcd", tag.volume) == []
    assert image.read_bytes() == bytes(MIB)


def test_loops_of_others_are_left_alone() -> None:
    assert Tag.parse("/var/lib/something/else.img") is None
    assert Tag.parse("firedrill/a/b") is None
    assert Tag.parse(Tag("a", "b", "c").text()) == Tag("a", "b", "c")
