"""The driver killed at every step of every operation: its next start clears what it left, and the retry succeeds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from fixtures.components.hostpath.driver import ext4
from fixtures.components.hostpath.driver.steps import Step
from fixtures.components.hostpath.driver.store import Placement, Store
from tests.hostpath import trees
from tests.hostpath.machine import (
    BLOCK,
    FILE_SYSTEM,
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
    from collections.abc import Callable, Mapping

    from tests.hostpath.machine import Cluster, Driver

GROWN_BYTES = 128 * MIB


@dataclass
class Story:
    """A volume, taken as far as an operation needs it; then the operation, which is killed and repeated."""

    cluster: Cluster
    driver: Driver
    capability: Mapping[str, Any] = field(default_factory=lambda: FILE_SYSTEM)
    volume: str = ""

    @property
    def pod(self) -> Pod:
        return Pod(self.driver, self.volume, self.cluster.base, self.capability)

    def created(self) -> None:
        self.volume = create(self.driver, "source", volumeCapabilities=[self.capability])

    def filled(self) -> None:
        """Created, with data, mounted nowhere."""
        self.created()
        trees.plant(self.pod.up())
        self.pod.down()

    def in_use(self) -> None:
        """Created, with data, mounted by a pod."""
        self.created()
        trees.plant(self.pod.up())

    def staged(self) -> None:
        self.created()
        self.pod.stage()

    def enlarged(self) -> None:
        """Created, with data, and longer than its file system; mounted nowhere."""
        self.filled()
        self.expand()

    def enlarged_in_use(self) -> None:
        self.in_use()
        self.expand()

    def expand(self) -> None:
        self.driver.call("ControllerExpandVolume", volumeId=self.volume, capacityRange={"requiredBytes": GROWN_BYTES})

    def snapshot(self) -> str:
        return take_snapshot(self.driver, "snap", self.volume)

    def clone(self) -> str:
        return create(self.driver, "clone", **from_volume(self.volume))


def _raw_created(story: Story) -> None:
    story.capability = BLOCK
    story.created()


def _snapshot_taken(story: Story) -> None:
    story.filled()
    story.snapshot()


def _nothing(_story: Story) -> None:
    pass


def _stage_device(story: Story) -> None:
    story.pod.stage()


def _node_expand(story: Story) -> None:
    try:
        story.driver.call("NodeExpandVolume", volumeId=story.volume, volumePath=str(story.pod.path))
    except Refused as refused:
        # Where the machine withholds CAP_SYS_RESOURCE a mounted file system cannot grow; its device can.
        if ext4.may_grow_while_mounted() or refused.code is not grpc.StatusCode.FAILED_PRECONDITION:
            raise


def _delete_snapshot(story: Story) -> None:
    [snapshot] = [entry.snapshot.snapshot_id for entry in story.driver.call("ListSnapshots").entries] or [None]
    if snapshot is not None:
        delete_snapshot(story.driver, snapshot)


# Step -> what comes before, and the operation that reaches it.
STORIES: dict[Step, tuple[Callable[[Story], object], Callable[[Story], object]]] = {
    Step.VOLUME_DRAFTED: (_nothing, Story.created),
    Step.VOLUME_FILLED: (_nothing, Story.created),
    Step.VOLUME_COMMITTED: (_nothing, Story.created),
    Step.VOLUME_SOURCE_FROZEN: (Story.in_use, Story.clone),
    Step.VOLUME_SOURCE_COPIED: (Story.in_use, Story.clone),
    Step.VOLUME_SOURCE_THAWED: (Story.in_use, Story.clone),
    Step.VOLUME_RETIRED: (Story.filled, lambda story: delete(story.driver, story.volume)),
    Step.VOLUME_REMOVED: (Story.filled, lambda story: delete(story.driver, story.volume)),
    Step.VOLUME_EXPANDED: (Story.filled, Story.expand),
    Step.SNAPSHOT_DRAFTED: (Story.in_use, Story.snapshot),
    Step.SNAPSHOT_SOURCE_FROZEN: (Story.in_use, Story.snapshot),
    Step.SNAPSHOT_SOURCE_COPIED: (Story.in_use, Story.snapshot),
    Step.SNAPSHOT_SOURCE_THAWED: (Story.in_use, Story.snapshot),
    Step.SNAPSHOT_COMMITTED: (Story.in_use, Story.snapshot),
    Step.SNAPSHOT_RETIRED: (_snapshot_taken, _delete_snapshot),
    Step.SNAPSHOT_REMOVED: (_snapshot_taken, _delete_snapshot),
    Step.STAGE_CHECKED: (Story.enlarged, lambda story: story.pod.stage()),
    Step.STAGE_GROWN: (Story.enlarged, lambda story: story.pod.stage()),
    Step.STAGE_ATTACHED: (Story.created, lambda story: story.pod.stage()),
    Step.STAGE_MOUNTED: (Story.created, lambda story: story.pod.stage()),
    Step.STAGE_DEVICE_ATTACHED: (_raw_created, _stage_device),
    Step.STAGE_DEVICE_BOUND: (_raw_created, _stage_device),
    Step.PUBLISH_TARGET_MADE: (Story.staged, lambda story: story.pod.publish()),
    Step.PUBLISH_BOUND: (Story.staged, lambda story: story.pod.publish()),
    Step.PUBLISH_READ_ONLY: (Story.staged, lambda story: story.pod.publish(read_only=True)),
    Step.UNPUBLISH_UNMOUNTED: (Story.in_use, lambda story: story.pod.unpublish()),
    Step.UNPUBLISH_REMOVED: (Story.in_use, lambda story: story.pod.unpublish()),
    Step.UNSTAGE_UNMOUNTED: (Story.staged, lambda story: story.pod.unstage()),
    Step.UNSTAGE_DETACHED: (Story.staged, lambda story: story.pod.unstage()),
    Step.NODE_EXPAND_RESIZED: (Story.enlarged_in_use, _node_expand),
    Step.NODE_EXPAND_GROWN: (Story.enlarged_in_use, _node_expand),
}


def _reachable() -> list[Step]:
    # This one lies behind a refusal where the machine withholds the capability, and is then never taken.
    return [step for step in Step if step is not Step.NODE_EXPAND_GROWN or ext4.may_grow_while_mounted()]


def test_every_step_has_a_story() -> None:
    assert set(STORIES) == set(Step)


@pytest.mark.parametrize("step", _reachable(), ids=lambda step: step.value)
def test_after_a_kill_at_this_step_nothing_is_left_and_the_retry_succeeds(cluster: Cluster, step: Step) -> None:
    before, operation = STORIES[step]
    story = Story(cluster, cluster.start(crash_at=step))
    before(story)
    with pytest.raises(Refused) as died:
        operation(story)
    assert died.value.code is grpc.StatusCode.UNAVAILABLE
    assert story.driver.killed()

    story.driver = cluster.start()
    assert _unfinished(cluster) == []
    if story.volume and story.pod.staging.is_mount():
        # Would block for ever on a file system that is still frozen.
        (story.pod.staging / "after-the-kill").write_text("x")
        os.sync()
    operation(story)
    _check_and_remove(story)


@pytest.mark.parametrize("step", [Step.SNAPSHOT_SOURCE_FROZEN, Step.VOLUME_SOURCE_COPIED], ids=lambda step: step.value)
@pytest.mark.parametrize("cluster", [Placement.REPLICATED], indirect=True, ids=lambda placement: placement.value)
def test_a_dead_freeze_does_not_stand_in_the_way_of_another_node(cluster: Cluster, step: Step) -> None:
    """The driver of another node repeats the operation; the one that died never comes back."""
    other = cluster.start("node-2", node_part=False)
    before, operation = STORIES[step]
    story = Story(cluster, cluster.start(crash_at=step))
    before(story)
    with pytest.raises(Refused):
        operation(story)
    assert story.driver.killed()
    story.driver = other
    operation(story)
    story.driver = cluster.start()
    (story.pod.path / "after-the-kill").write_text("x")
    _check_and_remove(story)


def test_what_a_dead_driver_left_is_also_cleared_without_a_retry(cluster: Cluster) -> None:
    driver = cluster.start(crash_at=Step.VOLUME_FILLED)
    with pytest.raises(Refused):
        create(driver, "never-again")
    assert driver.killed()
    assert _unfinished(cluster) != []
    cluster.start()
    assert _unfinished(cluster) == []


def _unfinished(cluster: Cluster) -> list[str]:
    return [item for shelf in Store(cluster.store).all_shelves() for item in shelf.unfinished()]


def _check_and_remove(story: Story) -> None:
    """Every copy that was made is whole, the volume still is, and all of it can be removed."""
    driver, base = story.driver, story.cluster.base
    for entry in driver.call("ListSnapshots").entries:
        create(driver, "restored", size_bytes=GROWN_BYTES, **from_snapshot(entry.snapshot.snapshot_id))
        delete_snapshot(driver, entry.snapshot.snapshot_id)
    reference: dict[str, object] | None = None
    for entry in driver.call("ListVolumes").entries:
        pod = Pod(driver, entry.volume.volume_id, base, story.capability)
        pod.unpublish()  # it may have been published read-only
        pod.up()
        if story.capability is FILE_SYSTEM:
            found = {path: what for path, what in trees.seen(pod.path).items() if path != "after-the-kill"}
            reference = found if reference is None else reference
            assert found == reference
        pod.down()
        delete(driver, pod.volume)


@pytest.mark.parametrize("cluster", [Placement.REPLICATED], indirect=True, ids=lambda placement: placement.value)
def test_a_driver_of_the_other_placement_thaws_what_it_clears(cluster: Cluster) -> None:
    """Both placements share the snapshots: whichever driver starts first clears the draft, and with it the freeze."""
    story = Story(cluster, cluster.start(crash_at=Step.SNAPSHOT_SOURCE_FROZEN))
    story.in_use()
    with pytest.raises(Refused):
        story.snapshot()
    assert story.driver.killed()
    cluster.placement = Placement.NODE_LOCAL
    cluster.start("node-2")
    (story.pod.staging / "after-the-kill").write_text("x")
    os.sync()
    cluster.placement = Placement.REPLICATED
    story.driver = cluster.start()
    _check_and_remove(story)
