"""The oracle refuses every damaged copy, with the right word, and takes the good one.

The copies are real: a folder written by the agent, damaged by hand and read by the agent again.
"""

from __future__ import annotations

import os
import shutil
import struct
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.entry import Kind
from fixtures.history import BackupState, Evidence, LiveData, Restored, RestorePoint, Skipped
from fixtures.oracle import Judgement, Verdict, judge, judge_recorded
from fixtures.tree import Attribute, Tree
from fixtures.workload import FIRST_RUN, marker_text
from tests.scene import OWNER, VOLUME, Scene, at, evidence, generation, request, restored, seen_in, volume_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from fixtures.history import History

ONLY_ROOT = pytest.mark.skipif(OWNER is not None, reason="only root may give files away or set capabilities")


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Generations 1 and 2 were backed up, then the volume was destroyed."""
    with Scene(tmp_path_factory.mktemp("ledger")) as scene:
        return scene.two_generations_backed_up_and_lost().history


@pytest.fixture
def scene(tmp_path: Path) -> Generator[Scene]:
    with Scene(tmp_path / "ledger") as scene:
        yield scene


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A faithful copy of generation 2."""
    return volume_of(tmp_path / "copy", 2)


@contextmanager
def unnoticed(path: Path) -> Generator[Path]:
    """Changes to `path` inside the block leave no trace in its time or its folder's."""
    times = [(there, there.lstat()) for there in (path, path.parent) if os.path.lexists(there)]
    yield path
    for changed, facts in times:
        if os.path.lexists(changed):
            os.utime(changed, ns=(facts.st_atime_ns, facts.st_mtime_ns), follow_symlinks=False)


def small_files(volume: Path) -> list[Path]:
    return sorted(path for path in (volume / "small").rglob("*.bin"))


def test_a_faithful_copy_is_intact(lost: History, copy: Path) -> None:
    judgement = judge(lost, restored(2), seen_in(copy))
    assert judgement.verdict is Verdict.INTACT, judgement.report()
    assert judgement.found == judgement.due.generations == (2,)


def test_a_faithful_copy_with_lost_and_found_is_intact(lost: History, copy: Path) -> None:
    (copy / "lost+found").mkdir()
    (copy / "lost+found" / "#1").write_text("x")
    assert judge(lost, restored(2), seen_in(copy)).verdict is Verdict.INTACT


def lose_a_file(copy: Path) -> None:
    with unnoticed(small_files(copy)[0]) as path:
        path.unlink()


def lose_an_empty_folder(copy: Path) -> None:
    with unnoticed(copy / "empty" / "folder") as path:
        path.rmdir()


def lose_an_empty_file(copy: Path) -> None:
    with unnoticed(copy / "empty" / "file") as path:
        path.unlink()


def lose_a_fifo(copy: Path) -> None:
    with unnoticed(copy / "links" / "fifo") as path:
        path.unlink()


def lose_all_files(copy: Path) -> None:
    for path in copy.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            path.unlink()


def flip_a_bit(copy: Path) -> None:
    with unnoticed(copy / "large" / "file-0.bin") as path, path.open("r+b") as file:
        file.seek(50_000)
        byte = file.read(1)[0]
        file.seek(50_000)
        file.write(bytes([byte ^ 1]))


def flip_a_bit_of_a_stamp(copy: Path) -> None:
    with unnoticed(small_files(copy)[0]) as path, path.open("r+b") as file:
        file.seek(12)
        byte = file.read(1)[0]
        file.seek(12)
        file.write(bytes([byte ^ 1]))


def cut_a_file_short(copy: Path) -> None:
    with unnoticed(copy / "large" / "file-0.bin") as path:
        os.truncate(path, 4096)


def empty_a_file(copy: Path) -> None:
    with unnoticed(small_files(copy)[0]) as path:
        os.truncate(path, 0)


def lengthen_a_file(copy: Path) -> None:
    with unnoticed(small_files(copy)[0]) as path, path.open("ab") as file:
        file.write(b"\0")


def turn_a_fifo_into_a_file(copy: Path) -> None:
    with unnoticed(copy / "links" / "fifo") as path:
        path.unlink()
        path.touch()


def replace_a_block_with_zeros(copy: Path) -> None:
    with unnoticed(copy / "large" / "file-0.bin") as path, path.open("r+b") as file:
        file.seek(8192)
        file.write(bytes(4096))


def point_a_link_elsewhere(copy: Path) -> None:
    with unnoticed(copy / "links" / "relative") as path:
        path.unlink()
        path.symlink_to("../modes/file-2755")


def turn_a_file_into_a_folder(copy: Path) -> None:
    with unnoticed(copy / "empty" / "file") as path:
        path.unlink()
        path.mkdir()


def take_one_file_from_the_older_generation(copy: Path) -> None:
    older = volume_of(copy.parent / "older", 1)
    with unnoticed(copy / "large" / "file-0.bin") as path:
        shutil.copy2(older / "large" / "file-0.bin", path)


def keep_a_file_that_the_generation_removed(copy: Path) -> None:
    older = volume_of(copy.parent / "older", 1)
    removed = next(path for path in small_files(older) if not (copy / path.relative_to(older)).exists())
    to = copy / removed.relative_to(older)
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(removed, to)


def merge_with_first_run_data(copy: Path) -> None:
    first_run = volume_of(copy.parent / "first-run", FIRST_RUN)
    shutil.copy2(first_run / "config.ini", copy / "config.ini")


def add_an_unknown_file(copy: Path) -> None:
    with unnoticed(copy / "small" / "unknown") as path:
        path.write_text("nobody wrote this")


def add_an_unknown_folder(copy: Path) -> None:
    with unnoticed(copy / "empty" / "unknown") as path:
        path.mkdir()


def rename_to_the_other_way_of_writing_an_accent(copy: Path) -> None:
    with unnoticed(copy / "names" / "caf\u00e9") as path:
        path.rename(copy / "names" / "cafe\u0301\u0301")


def become_the_older_generation(copy: Path) -> None:
    volume_of(copy, 1)


def become_another_volume(copy: Path) -> None:
    volume_of(copy, 2, volume="orders/other")


def become_the_same_volume_of_another_run(copy: Path) -> None:
    volume_of(copy, 2, nonce="another-nonce")


def take_one_file_of_another_volume(copy: Path) -> None:
    other = volume_of(copy.parent / "other", 2, volume="orders/other")
    with unnoticed(copy / "modes" / "file-4755") as path:
        shutil.copy2(other / "modes" / "file-4755", path)


def lose_everything(copy: Path) -> None:
    for path in copy.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def become_first_run_data(copy: Path) -> None:
    lose_everything(copy)
    volume_of(copy, FIRST_RUN)


DAMAGES: list[tuple[Callable[[Path], None], Verdict]] = [
    (lose_a_file, Verdict.PARTIAL),
    (lose_an_empty_folder, Verdict.PARTIAL),
    (lose_an_empty_file, Verdict.PARTIAL),
    (lose_a_fifo, Verdict.PARTIAL),
    (lose_all_files, Verdict.PARTIAL),
    (flip_a_bit, Verdict.PARTIAL),
    (flip_a_bit_of_a_stamp, Verdict.PARTIAL),
    (cut_a_file_short, Verdict.PARTIAL),
    (empty_a_file, Verdict.PARTIAL),
    (lengthen_a_file, Verdict.PARTIAL),
    (turn_a_fifo_into_a_file, Verdict.PARTIAL),
    (replace_a_block_with_zeros, Verdict.PARTIAL),
    (point_a_link_elsewhere, Verdict.PARTIAL),
    (turn_a_file_into_a_folder, Verdict.PARTIAL),
    (take_one_file_from_the_older_generation, Verdict.PARTIAL),
    (keep_a_file_that_the_generation_removed, Verdict.PARTIAL),
    (merge_with_first_run_data, Verdict.PARTIAL),
    (add_an_unknown_file, Verdict.FOREIGN),
    (add_an_unknown_folder, Verdict.FOREIGN),
    (rename_to_the_other_way_of_writing_an_accent, Verdict.FOREIGN),
    (become_another_volume, Verdict.FOREIGN),
    (become_the_same_volume_of_another_run, Verdict.FOREIGN),
    (take_one_file_of_another_volume, Verdict.FOREIGN),
    (lose_everything, Verdict.EMPTY_THROUGH_LOSS),
    (become_first_run_data, Verdict.EMPTY_THROUGH_LOSS),
]


@pytest.mark.parametrize(("damage", "verdict"), DAMAGES, ids=lambda value: getattr(value, "__name__", None))
def test_a_damaged_copy_is_refused(scene: Scene, copy: Path, damage: Callable[[Path], None], verdict: Verdict) -> None:
    scene.two_generations_backed_up_and_lost()
    scene.first_run()
    damage(copy)
    judgement = judge(scene.history, restored(2), seen_in(copy))
    assert judgement.verdict is verdict, judgement.report()


ODD_NAMES = {
    "a newline": b"new\nline",
    "no UTF-8": b"not-utf8-\xff\xfe\x80",
    "255 bytes": b"n" * 255,
    "an accent in one code point": "caf\u00e9".encode(),
    "an accent in two code points": "cafe\u0301".encode(),
    "what a shell reads": b'-rf *?"$(x)`y`\\%41',
}


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_a_file_with_an_odd_name_is_missed(lost: History, copy: Path, name: bytes) -> None:
    with unnoticed(copy / "names" / os.fsdecode(name)) as path:
        path.unlink()
    judgement = judge(lost, restored(2), seen_in(copy))
    assert judgement.verdict is Verdict.PARTIAL
    assert judgement.difference.missing == (b"names/" + name,)


def test_the_older_generation_is_stale(lost: History, copy: Path) -> None:
    become_the_older_generation(copy)
    judgement = judge(lost, restored(1), seen_in(copy))
    assert judgement.verdict is Verdict.STALE, judgement.report()
    assert judgement.found == (1,)


def test_a_newer_generation_than_the_one_asked_for_is_stale_too(lost: History, copy: Path) -> None:
    asked = restored(2, of=request(selection=RestorePoint(previous=1)))
    assert judge(lost, asked, seen_in(copy)).verdict is Verdict.STALE


def test_an_older_generation_that_was_asked_for_is_intact(lost: History, copy: Path) -> None:
    become_the_older_generation(copy)
    for selection in (RestorePoint(previous=1), RestorePoint(as_of=at(3))):
        judgement = judge(lost, restored(1, of=request(selection=selection)), seen_in(copy))
        assert judgement.verdict is Verdict.INTACT, judgement.report()


def test_a_partial_copy_is_explained_by_the_paths_that_are_wrong(lost: History, copy: Path) -> None:
    flip_a_bit(copy)
    lose_an_empty_file(copy)
    judgement = judge(lost, restored(2), seen_in(copy))
    assert "large/file-0.bin (other content)" in judgement.explanation
    assert "empty/file (missing)" in judgement.explanation


def test_a_foreign_file_is_named_with_its_owner(lost: History, copy: Path) -> None:
    take_one_file_of_another_volume(copy)
    assert "modes/file-4755 (written to orders/other)" in judge(lost, restored(2), seen_in(copy)).explanation


def change_mode(copy: Path) -> None:
    (copy / "modes" / "file-2755").chmod(0o2754)


def add_setgid_to_a_folder(copy: Path) -> None:
    (copy / "modes" / "folder-1777").chmod(0o3777)


def clear_setuid(copy: Path) -> None:
    (copy / "modes" / "file-4755").chmod(0o755)


def clear_sticky_bit_of_a_folder(copy: Path) -> None:
    (copy / "modes" / "folder-1777").chmod(0o777)


def change_uid(copy: Path) -> None:
    os.chown(copy / "names" / "new\nline", 12345, -1)


def change_gid_of_a_link(copy: Path) -> None:
    os.chown(copy / "links" / "dangling", -1, 12345, follow_symlinks=False)


def change_mtime_by_a_nanosecond(copy: Path) -> None:
    os.utime(copy / "times" / "1980", ns=(0, (copy / "times" / "1980").stat().st_mtime_ns + 1))


def change_mtime_of_a_folder(copy: Path) -> None:
    os.utime(copy / "empty" / "folder")


def change_mtime_of_a_link(copy: Path) -> None:
    os.utime(copy / "links" / "dangling", follow_symlinks=False)


def part_a_hard_link(copy: Path) -> None:
    with unnoticed(copy / "links" / "hard" / "one") as path:
        facts, content = path.stat(), path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.chown(path, facts.st_uid, facts.st_gid)
        path.chmod(facts.st_mode & 0o7777)


def join_two_empty_files(copy: Path) -> None:
    with unnoticed(copy / "times" / "changes-time") as path, unnoticed(copy / "empty" / "file") as other:
        other.unlink()
        other.hardlink_to(path)


def lose_a_user_xattr(copy: Path) -> None:
    os.removexattr(copy / "xattrs" / "binary", "user.binary")


def change_a_user_xattr_of_a_folder(copy: Path) -> None:
    os.setxattr(copy / "xattrs" / "folder", "user.folder", b"other")


def add_a_user_xattr(copy: Path) -> None:
    os.setxattr(copy / "xattrs" / "acl", "user.new", b"")


def change_an_access_list(copy: Path) -> None:
    with unnoticed(copy / "xattrs" / "acl") as path:
        value = bytearray(os.getxattr(path, "system.posix_acl_access"))
        struct.pack_into("<I", value, 4 + 8 + 4, 4321)  # the user in the second row
        os.setxattr(path, "system.posix_acl_access", bytes(value))


def make_holes(copy: Path) -> None:
    with unnoticed(copy / "large" / "file-0.bin") as path:
        facts = path.stat()
        os.truncate(path, 0)
        os.truncate(path, facts.st_size)


ATTRIBUTES = [
    pytest.param(change_mode, Attribute.MODE),
    pytest.param(clear_setuid, Attribute.MODE),
    pytest.param(add_setgid_to_a_folder, Attribute.SETGID),
    pytest.param(clear_sticky_bit_of_a_folder, Attribute.MODE),
    pytest.param(change_uid, Attribute.UID, marks=ONLY_ROOT),
    pytest.param(change_gid_of_a_link, Attribute.GID, marks=ONLY_ROOT),
    pytest.param(change_mtime_by_a_nanosecond, Attribute.MTIME),
    pytest.param(change_mtime_of_a_folder, Attribute.MTIME),
    pytest.param(change_mtime_of_a_link, Attribute.MTIME),
    pytest.param(part_a_hard_link, Attribute.HARD_LINKS),
    pytest.param(lose_a_user_xattr, Attribute.USER_XATTR),
    pytest.param(change_a_user_xattr_of_a_folder, Attribute.USER_XATTR),
    pytest.param(add_a_user_xattr, Attribute.USER_XATTR),
    pytest.param(change_an_access_list, Attribute.ACL),
]


@pytest.mark.parametrize(("damage", "attribute"), ATTRIBUTES)
def test_a_lost_attribute_is_named(
    lost: History, copy: Path, damage: Callable[[Path], None], attribute: Attribute
) -> None:
    damage(copy)
    judgement = judge(lost, restored(2), seen_in(copy))
    assert judgement.verdict is Verdict.ATTRIBUTES_LOST, judgement.report()
    assert {change.attribute for change in judgement.difference.changes} == {attribute}


def test_joined_files_and_what_they_share_are_named(lost: History, copy: Path) -> None:
    join_two_empty_files(copy)
    judgement = judge(lost, restored(2), seen_in(copy))
    assert judgement.verdict is Verdict.ATTRIBUTES_LOST
    assert Attribute.HARD_LINKS in {change.attribute for change in judgement.difference.changes}


def lose_access_lists(copy: Path) -> None:
    os.removexattr(copy / "xattrs" / "acl", "system.posix_acl_access")
    (copy / "xattrs" / "acl").chmod(0o640)
    os.removexattr(copy / "xattrs" / "acl-default", "system.posix_acl_default")


def fill_the_holes(copy: Path) -> None:
    for name in ("middle", "at-start", "from-start-to-end"):
        with unnoticed(copy / "holes" / name) as path:
            path.write_bytes(path.read_bytes())


def lose_a_capability(copy: Path) -> None:
    os.removexattr(copy / "xattrs" / "capability", "security.capability")


def clear_setgid(copy: Path) -> None:
    (copy / "modes" / "folder-2775").chmod(0o0775)


@pytest.mark.parametrize(
    "loss",
    [lose_access_lists, fill_the_holes, clear_setgid, pytest.param(lose_a_capability, marks=ONLY_ROOT)],
)
def test_what_a_mover_is_known_to_lose_is_excused_for_that_mover_alone(
    lost: History, copy: Path, loss: Callable[[Path], None]
) -> None:
    loss(copy)
    by_restic = judge(lost, restored(2), seen_in(copy))
    by_none = judge(lost, restored(2, of=replace(request(), mover="none")), seen_in(copy))
    assert by_restic.verdict is Verdict.INTACT, by_restic.report()
    assert by_none.verdict is Verdict.ATTRIBUTES_LOST, by_none.report()


def test_an_unreadable_file_makes_the_volume_unknown_whatever_else_it_holds(lost: History, copy: Path) -> None:
    tree = seen_in(copy)
    damaged = [replace(e, error="EIO: it broke") if e.path == b"large/file-0.bin" else e for e in tree.entries.values()]
    judgement = judge(lost, restored(2), Tree.of(damaged, tree.header))
    assert judgement.verdict is Verdict.UNKNOWN
    assert "large/file-0.bin: EIO" in judgement.explanation


# What was due, if the volume is empty.


def judged_empty(scene: Scene, tmp_path: Path, of: Restored | None = None) -> Judgement:
    folder = tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    return judge(scene.history, of or restored(1), seen_in(folder))


def test_an_empty_volume_is_legitimate_before_the_first_write(scene: Scene, tmp_path: Path) -> None:
    assert judged_empty(scene, tmp_path).verdict is Verdict.EMPTY_LEGITIMATELY


def test_an_empty_volume_is_legitimate_after_writes_that_were_never_backed_up(scene: Scene, tmp_path: Path) -> None:
    scene.write(1)
    scene.back_up(1, BackupState.FAILED)
    assert judged_empty(scene, tmp_path).verdict is Verdict.EMPTY_LEGITIMATELY


def test_an_empty_volume_is_legitimate_after_a_backup_of_unknown_outcome(scene: Scene, tmp_path: Path) -> None:
    scene.write(1)
    scene.back_up(1, BackupState.UNSURE)
    judgement = judged_empty(scene, tmp_path)
    assert judgement.verdict is Verdict.EMPTY_LEGITIMATELY
    assert judgement.due.generations == (1,)


def test_an_empty_volume_is_a_loss_after_one_acknowledged_backup(scene: Scene, tmp_path: Path) -> None:
    scene.write(1)
    scene.back_up(1)
    scene.back_up(1, BackupState.FAILED)
    assert judged_empty(scene, tmp_path).verdict is Verdict.EMPTY_THROUGH_LOSS


def test_the_allowed_lag_never_excuses_an_empty_volume(scene: Scene, tmp_path: Path) -> None:
    scene.write(1)
    scene.back_up(1)
    of = restored(1, of=request(lag_s=10_000))
    assert judged_empty(scene, tmp_path, of).verdict is Verdict.EMPTY_THROUGH_LOSS


def test_an_empty_volume_is_legitimate_if_the_restore_was_skipped_with_a_reason(scene: Scene, tmp_path: Path) -> None:
    scene.two_generations_backed_up_and_lost()
    of = restored(2, of=request(selection=Skipped("a new start, ticket 7")))
    judgement = judged_empty(scene, tmp_path, of)
    assert judgement.verdict is Verdict.EMPTY_LEGITIMATELY
    assert "a new start, ticket 7" in judgement.explanation


def test_a_restore_that_was_skipped_without_a_reason_is_unknown(scene: Scene, tmp_path: Path) -> None:
    scene.two_generations_backed_up_and_lost()
    of = restored(2, of=request(selection=Skipped("")))
    assert judged_empty(scene, tmp_path, of).verdict is Verdict.UNKNOWN


def test_a_backup_in_another_repository_is_not_due(scene: Scene, tmp_path: Path) -> None:
    scene.two_generations_backed_up_and_lost()
    of = restored(2, of=replace(request(), repository="remote"))
    assert judged_empty(scene, tmp_path, of).verdict is Verdict.EMPTY_LEGITIMATELY


def test_a_request_that_no_restore_point_meets_is_unknown(lost: History, copy: Path) -> None:
    for selection in (RestorePoint(previous=2), RestorePoint(as_of=at(1))):
        judgement = judge(lost, restored(2, of=request(selection=selection)), seen_in(copy))
        assert judgement.verdict is Verdict.UNKNOWN
        assert "no restore point" in judgement.explanation


def test_an_empty_volume_in_place_of_a_refusal_is_a_loss(scene: Scene, tmp_path: Path) -> None:
    scene.two_generations_backed_up_and_lost()
    for selection in (RestorePoint(previous=2), RestorePoint(as_of=at(1))):
        judgement = judged_empty(scene, tmp_path, restored(2, of=request(selection=selection)))
        assert judgement.verdict is Verdict.EMPTY_THROUGH_LOSS, judgement.report()


def test_a_backup_of_a_generation_that_is_not_in_the_ledger_is_unknown(scene: Scene, copy: Path) -> None:
    scene.write(1)
    scene.back_up(2)
    assert judge(scene.history, restored(2), seen_in(copy)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("path", [b"empty/file", b"large/file-0.bin"], ids=["same as due", "other than due"])
def test_first_run_data_is_no_data_even_where_a_generation_has_its_path(scene: Scene, path: bytes) -> None:
    scene.two_generations_backed_up_and_lost()
    first_run = Tree.of([generation(1).tree().entries[path]])
    scene.ledger.first_run(VOLUME, first_run)
    judgement = judge(scene.history, restored(2), first_run)
    assert judgement.verdict is Verdict.EMPTY_THROUGH_LOSS, judgement.report()
    assert "only the app's first-run data" in judgement.explanation


# What must be shown.


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (replace(evidence(2), populated_from=None), "no annotation volsync.backube/populated-from"),
        (replace(evidence(2), populated_from="orders/other-image"), "populated from orders/other-image"),
        (replace(evidence(2), image=None), "not from the image None"),
        (replace(evidence(2), restored_point=None), "restored none that it named"),
        (replace(evidence(2), restored_point="feedbeef"), "restored feedbeef"),
        (replace(evidence(2), restored_point="2"), "restored 2"),
        (evidence(1), "covers generation 1, which is not what is here"),
        (replace(evidence(2), image_created_at=None), "when the image was made"),
        (replace(evidence(2), image_created_at=at(3.9)), "before restore point"),
        (Evidence(), "no annotation"),
    ],
)
def test_a_restore_without_all_of_its_evidence_is_unknown(lost: History, copy: Path, shown: Evidence, why: str) -> None:
    judgement = judge(lost, replace(restored(2), evidence=shown), seen_in(copy))
    assert judgement.verdict is Verdict.UNKNOWN
    assert any(why in missing for missing in judgement.missing_evidence), judgement.report()
    assert "would be intact" in judgement.explanation


def test_a_volume_that_was_never_destroyed_shows_no_restore(scene: Scene, copy: Path) -> None:
    scene.write(2)
    scene.back_up(2)
    judgement = judge(scene.history, restored(2), seen_in(copy))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.missing_evidence == ("nothing proves that orders/data was destroyed after it was last written",)


def test_a_volume_that_was_written_after_its_destruction_shows_no_restore(scene: Scene, copy: Path) -> None:
    scene.two_generations_backed_up_and_lost()
    scene.write(2)
    assert judge(scene.history, restored(2), seen_in(copy)).verdict is Verdict.UNKNOWN


def test_a_destruction_without_proof_shows_no_restore(scene: Scene, copy: Path) -> None:
    scene.write(2)
    scene.back_up(2)
    scene.ledger.destroyed("namespace", proof="", volume=VOLUME)
    assert judge(scene.history, restored(2), seen_in(copy)).verdict is Verdict.UNKNOWN


def test_a_restore_into_a_second_volume_needs_no_destruction(scene: Scene, copy: Path) -> None:
    scene.write(2)
    scene.back_up(2)
    of = restored(2, of=replace(request(), into="orders/data-copy"))
    assert judge(scene.history, of, seen_in(copy)).verdict is Verdict.INTACT


@pytest.mark.parametrize(
    "marker",
    [
        None,
        "{",
        marker_text(generation(2, nonce="another-nonce")),
        marker_text(generation(2, volume="orders/other")),
        marker_text(generation(1)),
    ],
    ids=["missing", "damaged", "another run", "another volume", "another generation"],
)
def test_data_without_its_own_marker_shows_no_restore(lost: History, copy: Path, marker: str | None) -> None:
    tree = seen_in(copy)
    other = Tree.of(tree.entries.values(), replace(tree.header, marker=marker))
    judgement = judge(lost, restored(2), other)
    assert judgement.verdict is Verdict.UNKNOWN
    assert len(judgement.missing_evidence) == 1
    assert "marker" in judgement.missing_evidence[0]


def test_a_stale_copy_needs_evidence_too(lost: History, copy: Path) -> None:
    become_the_older_generation(copy)
    assert judge(lost, replace(restored(1), evidence=Evidence()), seen_in(copy)).verdict is Verdict.UNKNOWN


def test_live_data_is_judged_by_the_last_write_and_needs_no_restore(scene: Scene, copy: Path) -> None:
    scene.write(1)
    scene.write(2)
    of = Restored("r1", replace(request(selection=LiveData()), repository=None, mover="none"), Evidence())
    assert judge(scene.history, of, seen_in(copy)).verdict is Verdict.INTACT
    become_the_older_generation(copy)
    assert judge(scene.history, of, seen_in(copy)).verdict is Verdict.STALE
    lose_everything(copy)
    assert judge(scene.history, of, seen_in(copy)).verdict is Verdict.EMPTY_THROUGH_LOSS


# What the ledger notes.


def test_a_recorded_observation_is_judged_by_what_had_happened_until_then(scene: Scene, copy: Path) -> None:
    scene.two_generations_backed_up_and_lost()
    scene.minute = 60
    restore = scene.ledger.restored(request(), evidence(2))
    scene.ledger.observed(restore, seen_in(copy))
    scene.write(3)
    scene.minute = 30  # a backup whose time lies before the request, noted after the observation
    scene.back_up(3)
    judgement = judge_recorded(scene.history, restore)
    assert judgement.verdict is Verdict.INTACT, judgement.report()


def test_a_volume_that_could_not_be_read_is_unknown(scene: Scene) -> None:
    scene.two_generations_backed_up_and_lost()
    restore = scene.ledger.restored(request(), evidence(2))
    scene.ledger.not_observed(restore, "the probe pod was Pending for 120 s")
    judgement = judge_recorded(scene.history, restore)
    assert judgement.verdict is Verdict.UNKNOWN
    assert "Pending for 120 s" in judgement.explanation


def test_what_was_never_observed_has_no_verdict(scene: Scene) -> None:
    restore = scene.ledger.restored(request(), Evidence())
    with pytest.raises(KeyError, match="no observation"):
        judge_recorded(scene.history, restore)


def test_the_report_of_a_judgement_has_verdict_reason_and_paths(lost: History, copy: Path) -> None:
    lose_an_empty_file(copy)
    report = judge(lost, restored(2), seen_in(copy)).report()
    assert report.startswith("partial: 1 paths are not as in the nearest of generation 2: empty/file (missing)")
    assert "missing: empty/file" in report


def test_the_workload_of_these_tests_has_every_kind_of_path() -> None:
    kinds = {entry.kind for entry in generation(2).tree().entries.values()}
    assert kinds == {Kind.FILE, Kind.FOLDER, Kind.SYMLINK, Kind.FIFO}
