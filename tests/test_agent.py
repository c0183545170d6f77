"""The agent writes and reads real folders, alone in a pod as much as here."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures import agent
from fixtures.agent.command import EXIT_DONE, EXIT_NO_VOLUME, EXIT_REFUSED, EXIT_WRONG_COMMAND, main
from fixtures.agent.observe import observe
from fixtures.agent.write import NotEmptyError, write
from fixtures.entry import EXTENT_STEP_BYTES, Kind
from fixtures.tree import Tree, compare
from fixtures.workload import FIRST_RUN, Content
from tests.scene import NONCE, OWNER, SMALL, VOLUME, generation, seen_in, volume_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_what_is_written_is_on_disk_before_the_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tree] = []
    run = subprocess.run

    def noting(command: list[str | Path], **how: Any) -> subprocess.CompletedProcess[str]:
        assert command == ["sync", "-f", tmp_path]
        seen.append(seen_in(tmp_path))
        return run(command, **how)

    monkeypatch.setattr(subprocess, "run", noting)
    write(tmp_path, generation(1))
    assert [tree.entries for tree in seen] == [generation(1).tree().entries]


def test_a_disk_that_does_not_take_the_data_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess("sync", 1, "", "sync: error syncing: Input/output error")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(OSError, match="error syncing: Input/output error"):
        write(tmp_path, generation(1))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return volume_of(tmp_path / "volume", 1)


def states(folder: Path) -> dict[Path, tuple[int, int, int]]:
    return {
        path: (path.lstat().st_ino, path.lstat().st_ctime_ns, path.lstat().st_atime_ns) for path in folder.rglob("*")
    }


def test_what_is_written_is_exactly_what_was_planned(volume: Path) -> None:
    assert compare(generation(1).tree(), seen_in(volume)).report() == []
    assert list(seen_in(volume).entries.values()) == list(generation(1).tree().entries.values())
    assert seen_in(volume).header.marker == generation(1).tree().header.marker


def test_a_stray_attribute_and_a_filled_hole_are_put_right(volume: Path) -> None:
    os.setxattr(volume / "modes" / "file-0400", "user.stray", b"")
    sparse = volume / "holes" / "middle"
    sparse.write_bytes(sparse.read_bytes())
    assert len(compare(generation(1).tree(), seen_in(volume)).changes) == 3  # the file's time is another too
    write(volume, generation(1))
    assert compare(generation(1).tree(), seen_in(volume)).report() == []


@pytest.mark.parametrize("number", [2, 5, 1])
def test_a_volume_becomes_any_other_generation_exactly(volume: Path, number: int) -> None:
    write(volume, generation(number))
    assert compare(generation(number).tree(), seen_in(volume)).report() == []


def test_what_is_right_already_is_left_alone(volume: Path) -> None:
    before = states(volume)
    written = write(volume, generation(1))
    assert (written.paths_written, written.paths_removed, written.bytes_written) == (0, 0, 0)
    assert states(volume).keys() == before.keys()
    assert [path for path, state in states(volume).items() if state[:2] != before[path][:2]] == []


def test_an_unchanged_file_keeps_its_inode_from_one_generation_to_the_next(volume: Path) -> None:
    unchanged = volume / "modes" / "file-4755"
    before = unchanged.stat()
    write(volume, generation(2))
    assert (unchanged.stat().st_ino, unchanged.stat().st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_a_write_that_was_interrupted_is_completed_by_the_next(volume: Path) -> None:
    (volume / ".firedrill-incoming").write_bytes(b"half a fi")
    (volume / "large" / "file-0.bin").unlink()
    (volume / "links" / "hard" / "one").unlink()
    (volume / "deep").rename(volume / "elsewhere")
    (volume / "holes" / "middle").write_bytes(b"short")
    (volume / "times" / "1980").unlink()
    (volume / "times" / "1980").mkdir()
    write(volume, generation(1))
    assert compare(generation(1).tree(), seen_in(volume)).report() == []


def test_files_that_were_linked_together_by_mistake_are_parted(volume: Path) -> None:
    one = volume / "modes" / "file-4755"
    (volume / "modes" / "linked by mistake").hardlink_to(one)
    (volume / "modes" / "file-2755").unlink()
    (volume / "modes" / "file-2755").hardlink_to(one)
    (volume / "empty" / "file").unlink()
    (volume / "empty" / "file").hardlink_to(
        volume / "times" / "changes-time"
    )  # both are empty, so the content is right
    write(volume, generation(1))
    assert compare(generation(1).tree(), seen_in(volume)).report() == []


def test_reading_a_volume_changes_nothing(volume: Path) -> None:
    for path in volume.rglob("*"):
        os.utime(path, ns=(1, path.lstat().st_mtime_ns), follow_symlinks=False)
    before = {path: state for path, state in states(volume).items() if path.is_file() and not path.is_symlink()}
    seen_in(volume)
    after = states(volume)
    assert {path: after[path] for path in before} == before


def test_first_run_data_is_written_to_an_empty_volume_only(tmp_path: Path, volume: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "lost+found").mkdir(parents=True)
    write(empty, generation(FIRST_RUN))
    assert compare(generation(FIRST_RUN).tree(), seen_in(empty)).is_none
    with pytest.raises(NotEmptyError, match="only when it starts in an empty volume"):
        write(volume, generation(FIRST_RUN))
    assert compare(generation(1).tree(), seen_in(volume)).is_none


def test_lost_and_found_is_neither_read_nor_removed(volume: Path) -> None:
    (volume / "lost+found").mkdir()
    (volume / "lost+found" / "#1").write_text("an orphan")
    write(volume, generation(2))
    assert (volume / "lost+found" / "#1").exists()
    assert not [path for path in seen_in(volume).entries if path.startswith(b"lost+found")]


def test_holes_and_data_are_told_apart(tmp_path: Path) -> None:
    step = EXTENT_STEP_BYTES
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(16 * step)
        file.seek(4 * step)
        file.write(b"x" * step)
        os.fsync(file.fileno())
    (tmp_path / "full").write_bytes(bytes(16 * step))
    entries = seen_in(tmp_path).entries
    assert entries[b"sparse"].data_extents == ((4 * step, step),)
    assert entries[b"full"].data_extents is None
    assert entries[b"sparse"].size_bytes == entries[b"full"].size_bytes


def test_a_socket_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert seen_in(tmp_path).entries[b"socket"].kind is Kind.SOCKET


def test_the_header_has_the_size_of_the_file_system_and_the_marker(volume: Path) -> None:
    header = seen_in(volume).header
    assert header.space is not None
    assert 0 < header.space.used_bytes < header.space.size_bytes
    assert header.space.size_bytes == os.statvfs(volume).f_blocks * os.statvfs(volume).f_frsize
    assert header.marker == (volume / ".firedrill" / "generation.json").read_text()


def test_what_cannot_be_read_is_an_error_and_not_an_empty_file(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    seen = seen_in(volume)
    files = [entry for entry in seen.entries.values() if entry.kind is Kind.FILE]
    assert len(seen.errors) == len(files)
    assert "EIO: Input/output error" in seen.errors[0]


def test_a_folder_that_cannot_be_opened_is_an_error(volume: Path) -> None:
    os_open = os.open
    closed = b"deep"

    with pytest.MonkeyPatch.context() as patch:

        def refused(path: bytes | str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if path == closed:
                raise PermissionError(13, "Permission denied")
            return os_open(path, flags, mode, dir_fd=dir_fd)

        patch.setattr(os, "open", refused)
        seen = seen_in(volume)
    assert seen.errors == ["deep: cannot be opened: EACCES: Permission denied"]


def test_a_file_that_changes_while_it_is_read_is_an_error(volume: Path) -> None:
    large = volume / "large" / "file-0.bin"
    pread = os.pread

    def writing(fd: int, length: int, offset: int) -> bytes:
        if os.fstat(fd).st_ino == large.stat().st_ino:
            with large.open("ab") as file:
                file.write(b"more")
        return pread(fd, length, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", writing)
        seen = seen_in(volume)
    assert seen.errors == ["large/file-0.bin: EBUSY: it changed while it was read"]


def in_a_pod(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The agent as a pod runs it: one flat folder, a bare Python, nothing of this project on the path."""
    folder.mkdir(exist_ok=True)
    for name, text in agent.bundle().items():
        (folder / name).write_text(text)
    command = [sys.executable, "-I", "-W", "error", "-B", folder / agent.ENTRY_POINT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={"LANG": "C"})


def test_the_agent_runs_from_a_flat_folder_with_a_bare_python(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    wrote = in_a_pod(tmp_path / "firedrill", "write", "--plain-folder", "--spec", generation(1).to_json(), volume)
    assert (wrote.returncode, wrote.stderr) == (EXIT_DONE, "")
    assert json.loads(wrote.stdout)["nonce"] == NONCE
    read = in_a_pod(tmp_path / "firedrill", "observe", "--plain-folder", volume)
    assert (read.returncode, read.stderr) == (EXIT_DONE, "")
    assert compare(generation(1).tree(), Tree.read(read.stdout.splitlines())).report() == []


@pytest.mark.skipif(OWNER is not None, reason="only root can become another user; the others are one already")
def test_the_agent_writes_without_privileges_what_an_unprivileged_workload_asks(tmp_path: Path) -> None:
    folder, volume = tmp_path / "firedrill", tmp_path / "volume"
    spec = replace(SMALL, owner=(1000, 1000)).generation(1, nonce=NONCE, volume=VOLUME)
    assert in_a_pod(folder, "observe", "--help").returncode == EXIT_DONE
    volume.mkdir()
    os.chown(volume, 1000, 1000)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(0o755)
    as_user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
    script = [sys.executable, "-I", "-B", str(folder / "agent.py")]
    writing = ["write", "--plain-folder", "--spec", spec.to_json(), str(volume)]
    wrote = subprocess.run([*as_user, *script, *writing], capture_output=True, text=True, check=False)
    assert (wrote.returncode, wrote.stderr) == (EXIT_DONE, "")
    assert compare(spec.tree(), seen_in(volume)).report() == []


def test_the_bundle_fits_a_config_map() -> None:
    assert sum(len(text.encode()) for text in agent.bundle().values()) < 200_000


def test_a_folder_that_is_no_mounted_volume_is_refused(volume: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["observe"], ["write", "--spec", generation(2).to_json()]):
        assert main([*command, str(volume)]) == EXIT_NO_VOLUME
        assert "is not the root of a mounted file system" in capsys.readouterr().err
    assert main(["observe", "--plain-folder", str(volume / "nowhere")]) == EXIT_NO_VOLUME


def test_a_wrong_specification_is_refused_in_one_line(volume: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["write", "--plain-folder", "--spec", '{"workload": {"files": 0}}', str(volume)])
    assert stopped.value.code == EXIT_WRONG_COMMAND
    assert "files is 0, must be 1 or more" in capsys.readouterr().err


def test_a_full_volume_is_said_to_be_full(
    volume: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: Content) -> Iterator[tuple[int, bytes]]:
        yield 0, b"x"
        raise OSError(28, "No space left on device")  # as write() reports it, without a name

    monkeypatch.setattr(Content, "chunks", full)
    monkeypatch.setattr(Content, "sha256", lambda _: "0" * 64)
    assert main(["write", "--plain-folder", "--spec", generation(2).to_json(), str(volume)]) == EXIT_REFUSED
    assert "/.firedrill/generation.json: No space left on device" in capsys.readouterr().err
    assert not list(volume.glob(".firedrill-incoming*"))


def test_an_observation_that_stops_half_way_is_no_tree(volume: Path) -> None:
    lines = observe(volume)
    half = [next(lines) for _ in range(20)]
    lines.close()  # type: ignore[attr-defined]  # it is a generator
    with pytest.raises(ValueError, match="cut off"):
        Tree.read(half)
