"""What was made from older inputs goes; what is wanted, in use, of another version, somebody else's, or fresh stays."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters import docker, paths, versions
from clusters.images import build, older
from clusters.images.gomodule import GoModule
from clusters.images.source import SourceBuilt

if TYPE_CHECKING:
    from collections.abc import Callable

A, B, C = "a" * 16, "b" * 16, "0123456789abcdef"


@pytest.mark.parametrize(
    ("wanted", "there", "gone"),
    [
        (f"firedrill/node:v1.36.3-{A}", f"firedrill/node:v1.36.3-{B}", True),
        (f"docker.io/firedrill/controller:{A}", f"firedrill/controller:{B}", True),
        (f"volsync-v0.16.0-{A}", f"volsync-v0.16.0-{C}", True),
        (f"docker.io/firedrill/controller:{A}", f"firedrill/controller:{A}", False),
        (f"firedrill/node:v1.36.3-{A}", f"firedrill/node:v1.34.4-{B}", False),
        (f"volsync-v0.16.0-{A}", f"volsync-v0.14.0-{B}", False),
        (f"volsync-v0.16.0-{A}", f"volsync-v0.16.0-files-{B}", False),
        (f"firedrill/debian:{A}", f"firedrill/debian-node:{B}", False),
        (f"firedrill/node:v1.36.3-{A}", "firedrill/node:v1.36.3-mine", False),
        (f"docker.io/firedrill/controller:{A}", f"somebody/controller:{B}", False),
        ("quay.io/backube/volsync:0.16.0", "quay.io/backube/volsync:0.14.0", False),
    ],
)
def test_older_is_the_same_thing_from_other_inputs_and_nothing_else(wanted: str, there: str, gone: bool) -> None:
    assert older.than([wanted], [there]) == ([there] if gone else [])


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What was said to a Docker that has these images, and a container that uses the one named for C."""

    def made(age: timedelta) -> str:
        return f"{datetime.now(UTC) - age:%Y-%m-%d %H:%M:%S} +0000 UTC"

    images = {
        f"firedrill/controller:{A}": made(timedelta(minutes=1)),
        f"firedrill/controller:{B}": made(timedelta(hours=2)),
        f"firedrill/controller:{C}": made(timedelta(days=2)),
        f"firedrill/controller:{'d' * 16}": made(timedelta(minutes=50)),
        "<none>:<none>": made(timedelta(days=3)),
    }
    (tmp_path / "images").write_text("".join(f"{name}\t{when}\n" for name, when in images.items()))
    fake = tmp_path / "docker"
    fake.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/said\n'
        f'case "$*" in *" ls "*) cat {tmp_path}/images ;; "image rm firedrill/controller:{C}") exit 1 ;; esac\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return lambda: (tmp_path / "said").read_text().splitlines()


def test_older_images_of_ours_are_removed_but_those_in_use_and_those_of_the_last_hour(
    said: Callable[[], list[str]],
) -> None:
    assert older.forget_images(f"docker.io/firedrill/controller:{A}") == [f"firedrill/controller:{B}"]
    listing, *removals, prune = said()
    assert f"--filter label={docker.KEY_LABEL} " in listing
    assert removals == [f"image rm firedrill/controller:{B}", f"image rm firedrill/controller:{C}"]
    assert prune == f"image prune --force --filter label={docker.KEY_LABEL}"


def test_an_image_that_was_made_long_ago_and_asked_for_just_now_stays_though_another_checkout_wants_a_newer_one(
    said: Callable[[], list[str]],
) -> None:
    older.forget_images(f"docker.io/firedrill/controller:{B}")
    assert older.forget_images(f"docker.io/firedrill/controller:{A}") == []
    assert f"image rm firedrill/controller:{B}" not in said()
    for stamp in (paths.cache() / "asked").iterdir():
        os.utime(stamp, (0, 0))
    assert older.forget_images(f"docker.io/firedrill/controller:{A}") == [f"firedrill/controller:{B}"]
    assert [stamp.name for stamp in (paths.cache() / "asked").iterdir()] == [f"firedrill%2Fcontroller%3A{A}"]


def test_whoever_cannot_sweep_because_somebody_builds_has_asked_all_the_same(said: Callable[[], list[str]]) -> None:
    with build.one_at_a_time():
        build.forget_older((f"docker.io/firedrill/controller:{B}",), ())
    assert older.forget_images(f"docker.io/firedrill/controller:{A}") == []
    assert f"image rm firedrill/controller:{B}" not in said()


def test_a_program_that_a_run_uses_counts_as_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(GoModule, "key", lambda _: A)
    chosen = versions.choose()
    used = aged(paths.cache() / "go-built" / f"kind-{chosen.kind}-{A}", 5)
    assert SourceBuilt(chosen).binary("kind") == used / "kind"
    assert older.forget_folders(used.with_name(f"kind-{chosen.kind}-{B}")) == []


def aged(folder: Path, hours: float) -> Path:
    folder.mkdir(parents=True)
    (folder / "program").write_text("x")
    then_s = time.time() - hours * 3600
    os.utime(folder, (then_s, then_s))
    return folder


def test_older_folders_are_removed_but_other_versions_and_those_asked_for_within_the_hour(tmp_path: Path) -> None:
    wanted, stale = aged(tmp_path / f"volsync-v0.16.0-{A}", 5), aged(tmp_path / f"volsync-v0.16.0-{B}", 5)
    other = aged(tmp_path / f"volsync-v0.14.0-{B}", 5)
    fresh = aged(tmp_path / f"volsync-v0.16.0-{C}", 0.5)
    assert older.forget_folders(wanted) == [stale]
    assert sorted(tmp_path.iterdir()) == sorted([wanted, other, fresh])
    # What was asked for now is not old for another run that wants it from other inputs.
    assert older.forget_folders(fresh) == []
    assert wanted.is_dir()


def test_what_killed_builds_left_half_done_is_swept_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    left = [
        paths.cache() / "go-built" / f".half-x-{A}",
        paths.cache() / "contexts" / "tmp1",
        paths.cache() / "python" / ".half-y",
    ]
    whole = aged(paths.cache() / "go-built" / f"x-v1-{A}", 5)
    for folder in left:
        folder.mkdir(parents=True)
    older.sweep()
    assert not any(folder.exists() for folder in left)
    assert whole.is_dir()


def test_a_half_copy_of_a_read_only_module_is_made_writable_before_it_is_swept_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(folder: Path) -> None:  # as for a user who is not root; root may remove anything
        assert all(Path(inside).stat().st_mode & 0o200 for inside, _, _ in os.walk(folder))
        really(folder)

    really = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", remove)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    half = aged(paths.cache() / "go-built" / f".half-x-{A}" / "config" / "crd", 1).parent.parent
    for folder in (half / "config" / "crd", half / "config"):
        folder.chmod(0o555)
    older.sweep()
    assert not half.exists()


def test_a_module_whose_files_alone_are_kept_is_another_thing_than_the_same_with_programs() -> None:
    whole, files = GoModule("volsync", "v0.16.0"), GoModule("volsync", "v0.16.0", tools=False)
    assert older.than([whole.folder.name], [files.folder.name]) == []
