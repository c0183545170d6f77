"""Operations on protected claims (docs/operations.md), typed as a person types them, on the reference controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.desk import NAME
from fixtures.kube.kinds import REPLICATION_SOURCE

if TYPE_CHECKING:
    from e2e.desk import Desk


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
