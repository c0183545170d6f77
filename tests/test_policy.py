"""Whether a mover's written losses are what a restore showed: too many are pointed out, and none is claimed unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fixtures.oracle import Verdict, judge_recorded
from fixtures.policy import losses_shown
from fixtures.tree import Attribute, Tree, carriers
from tests.scene import VOLUME, Scene, evidence, generation, request

if TYPE_CHECKING:
    from pathlib import Path


def test_a_declared_loss_that_does_not_happen_is_pointed_out(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.two_generations_backed_up_and_lost()
        scene.ledger.restored(request(), evidence(2))
        scene.ledger.observed("r1", generation(2).tree())
        checks = {check.what: check for check in losses_shown(scene.history)}
    assert checks["restic loses holes"].holds is False
    # Nobody wrote one: that it is lost is not claimed, and not hidden either.
    assert not carriers(generation(2).tree(), Attribute.OTHER_XATTR)
    assert "restic loses other xattr" not in checks
    assert any("other xattr" in what and "not asked" in what for what in checks)


def test_where_nothing_was_written_that_could_be_lost_no_loss_is_shown(tmp_path: Path) -> None:
    whole = generation(2).tree()
    bare = (replace(each, xattrs=(), data_extents=None, mode=0o644) for each in whole.entries.values())
    plain = Tree.of(bare, whole.header)
    with Scene(tmp_path) as scene:
        scene.ledger.wrote(VOLUME, 2, plain)
        scene.back_up(2)
        scene.destroy()
        scene.ledger.restored(request(), evidence(2))
        scene.ledger.observed("r1", plain)
        assert judge_recorded(scene.history, "r1").verdict is Verdict.INTACT
        assert not [check for check in losses_shown(scene.history) if check.what.startswith("restic loses")]
        assert [check.holds for check in losses_shown(scene.history)] == [None]


def test_a_restore_that_brought_no_generation_shows_no_loss(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.two_generations_backed_up_and_lost()
        scene.ledger.restored(request(), evidence(2))
        scene.ledger.observed("r1", Tree.of([]))
        assert [check.holds for check in losses_shown(scene.history)] == [None]
