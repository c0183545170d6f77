"""Operations on protected claims (docs/operations.md), typed as a person types them, on the reference controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller import contract
from e2e.desk import NAME
from fixtures.kube.kinds import CLAIM, REPLICATION_DESTINATION, REPLICATION_SOURCE
from fixtures.kube.objects import name_of, status_of
from fixtures.repository import Absent, Points
from fixtures.wait import eventually

if TYPE_CHECKING:
    from e2e.desk import Desk


@pytest.mark.beside_drills
@pytest.mark.thorough
def test_a_claim_is_backed_up_restored_shrunk_and_decommissioned_by_hand(desk: Desk) -> None:
    me = f"{desk.namespace}/{NAME}"
    desk.apply_claim()
    desk.start_app()
    desk.shell("echo one >/data/word && sync")
    desk.await_protected()

    assert "restore point" in desk.done("back-up", me)
    [_, _, point] = [line for line in desk.done("backups", me).splitlines() if "remote" not in line][:3]
    assert point.split()[0] == "0"

    desk.shell("echo two >/data/word && sync")
    assert "in use" in desk.refused("restore", me, "--yes")
    desk.stop_app()
    before = desk.claim["metadata"]["uid"]
    assert "add --yes" in desk.done("restore", me)
    assert "restore points" in desk.refused("restore", me, "--previous", "5", "--yes")
    assert desk.claim["metadata"]["uid"] == before

    assert "start its app" in desk.done("restore", me, "--yes")
    assert desk.claim["metadata"]["uid"] != before
    desk.start_app()
    assert desk.shell("cat /data/word") == "one"
    desk.await_protected()

    desk.shell("echo three >/data/word && sync")
    desk.stop_app()
    assert "start its app" in desk.done("resize", me, "64Mi", "--yes")
    desk.start_app()
    assert desk.shell("cat /data/word") == "three"
    assert desk.claim["status"]["capacity"]["storage"] == "64Mi"
    desk.await_protected()

    assert "decommission" in desk.refused("delete-backups", me, "--yes")
    assert "is not backed up any more" in desk.done("decommission", me)
    assert desk.ground.kube.list(REPLICATION_SOURCE, desk.namespace) == []
    assert desk.shell("cat /data/word") == "three"
    assert me not in desk.done("orphans")

    desk.stop_app()
    # Until it is gone its backups are no orphans.
    desk.delete_claim()
    assert me in desk.done("orphans")
    assert "deleted" in desk.done("delete-backups", me, "--yes")
    assert "no restore point" in desk.done("backups", me)
    assert me not in desk.done("orphans")


def await_skipped(desk: Desk) -> None:
    """Until both sources have synced, and nothing is in the repository for it."""
    eventually(
        lambda: [status_of(each) for each in desk.ground.kube.list(REPLICATION_SOURCE, desk.namespace)],
        lambda found: bool(found) and all("lastSyncTime" in status for status in found),
        expected="the first syncs to have met an empty volume",
        wait=desk.ground.waits.backup,
    )
    assert isinstance(desk.repository.restore_points(), Absent)


@pytest.mark.beside_drills
@pytest.mark.thorough
def test_an_app_that_writes_only_after_its_first_backup_is_backed_up_before_its_schedule_asks(desk: Desk) -> None:
    desk.apply_claim()
    desk.start_app()
    await_skipped(desk)
    # SC-12: syncs that skipped an empty volume are no backup, and nobody waits for one.
    desk.stop_app()
    desk.delete_claim()
    desk.apply_claim_again()
    desk.start_app()
    await_skipped(desk)
    desk.shell("echo late >/data/word && sync")
    eventually(
        desk.repository.restore_points, lambda truth: isinstance(truth, Points),
        expected="a restore point that nobody asked for", wait=desk.ground.waits.first_backup,
    )  # fmt: skip
    eventually(
        lambda: [each["spec"]["trigger"] for each in desk.ground.kube.list(REPLICATION_SOURCE, desk.namespace)],
        lambda triggers: all(trigger.keys() == {"schedule"} for trigger in triggers),
        expected="the schedules to be in force again",
        wait=desk.ground.waits.backup,
    )


STANDBY = {contract.STANDBY_ANNOTATION: "true"}


def standbys(desk: Desk) -> list[str]:
    return [name_of(each) for each in desk.ground.kube.list(REPLICATION_DESTINATION, desk.namespace)]


def await_image(desk: Desk) -> None:
    """Until `backups` says that an image is of the newest restore point."""
    eventually(
        lambda: desk.done("backups", f"{desk.namespace}/{NAME}"), lambda told: ", the newest restore point" in told,
        expected="an image of the newest restore point", wait=desk.ground.waits.restore,
    )  # fmt: skip


def await_standbys(desk: Desk, count: int) -> None:
    eventually(
        lambda: standbys(desk), lambda found: len(found) == count, expected=f"{count} standbys",
        wait=desk.ground.waits.restore,
    )  # fmt: skip


@pytest.mark.beside_drills
@pytest.mark.thorough
def test_an_image_that_stands_by_is_told_of_outlives_its_claim_and_goes_with_its_backups(desk: Desk) -> None:
    me = f"{desk.namespace}/{NAME}"
    desk.apply_claim(STANDBY)
    desk.start_app()
    desk.shell("echo one >/data/word && sync")
    desk.await_protected()
    assert "restore point" in desk.done("back-up", me)
    await_image(desk)
    assert me not in desk.done("orphans")

    # Whoever asks for none any more has none, and gets one again for the asking.
    wish = {"metadata": {"annotations": {contract.STANDBY_ANNOTATION: "false"}}}
    desk.ground.kube.patch(CLAIM, NAME, desk.namespace, wish)
    await_standbys(desk, 0)
    desk.ground.kube.patch(CLAIM, NAME, desk.namespace, {"metadata": {"annotations": STANDBY}})
    await_image(desk)

    desk.stop_app()
    desk.delete_claim()
    assert "its image stands by for the return" in desk.done("orphans")
    [kept] = standbys(desk)
    desk.apply_claim_again(STANDBY)
    assert desk.claim["spec"]["dataSourceRef"]["name"] == kept
    desk.start_app()
    assert desk.shell("cat /data/word") == "one"

    desk.await_protected()
    await_image(desk)
    assert "is not backed up any more" in desk.done("decommission", me)
    assert standbys(desk) == []
    desk.ground.kube.patch(CLAIM, NAME, desk.namespace, {"metadata": {"labels": {contract.TIER_LABEL: "hourly"}}})
    await_image(desk)

    desk.stop_app()
    desk.delete_claim()
    eventually(
        lambda: desk.ground.kube.list(REPLICATION_SOURCE, desk.namespace), lambda left: not left,
        expected="what backed it up to be gone", wait=desk.ground.waits.gone,
    )  # fmt: skip
    [kept] = standbys(desk)
    assert f"{kept} and its image to be deleted" in desk.done("delete-backups", me)
    assert f"{kept} and its image deleted" in desk.done("delete-backups", me, "--yes")
    await_standbys(desk, 0)
    assert me not in desk.done("orphans")
