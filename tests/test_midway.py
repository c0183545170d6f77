"""A mover is stopped in the middle of its upload, whatever the machine does meanwhile; here with the real restic."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from clusters.images.gomodule import GoModule
from clusters.versions import choose
from fixtures import midway
from fixtures.kube.execution import Executed
from fixtures.midway import Stage, stage_of
from fixtures.repository import Repository, ids
from fixtures.wait import Waits, eventually

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from contextlib import AbstractContextManager

RESTIC: Final = GoModule("restic", choose().restic).folder / "restic"
PASSWORD: Final = "a password"  # noqa: S105 - of a repository that lives as long as one test
DATA_BYTES: Final = 96 * 1024 * 1024
POD: Final = {
    "metadata": {"name": "volsync-src-orders-x7k2p", "namespace": "shop"},
    "spec": {"containers": [{"name": "restic"}]},
}


class Container:
    """Processes of their own, as in a mover's container: a script that runs restic, and commands beside it."""

    def __init__(self, script: subprocess.Popen[bytes]) -> None:
        self._script = script

    def _children(self) -> list[str]:
        found = ["pgrep", "-P", str(self._script.pid)]
        return subprocess.run(found, capture_output=True, text=True, check=False).stdout.split()

    def exec(self, pod: str, namespace: str, command: Sequence[str], *, container: str, deadline_s: float) -> Executed:
        assert (pod, namespace, container) == ("volsync-src-orders-x7k2p", "shop", "restic")
        [first] = eventually(self._children, bool, expected="the script to run", wait=Waits.load().api)
        inside = ["nsenter", "--target", first, "--pid", "--mount", *command]
        done = subprocess.run(inside, capture_output=True, check=False, timeout=deadline_s)
        return Executed(done.returncode, done.stdout, done.stderr)


@contextmanager
def mover(folder: Path, repository: Repository, *does: str) -> Generator[Any]:
    """A container whose script has restic do this in the folder, and goes on for long enough to be looked at."""
    environment = {"RESTIC_REPOSITORY": repository.location, "RESTIC_PASSWORD": PASSWORD, "PATH": os.environ["PATH"]}
    script = f"{RESTIC} --no-cache {' '.join(does)}; sleep 300"
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "/bin/bash", "-c", script]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield Container(process)
        finally:
            process.kill()


def backing_up(folder: Path, repository: Repository) -> AbstractContextManager[Any]:
    return mover(folder, repository, "backup", "--host", "volsync", ".")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository.in_directory(RESTIC, tmp_path / "repository", PASSWORD)
    found.create()
    return found


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """More than restic has on its way at once, and nothing that could be compressed."""
    folder = tmp_path / "volume"
    folder.mkdir()
    (folder / "large").write_bytes(os.urandom(DATA_BYTES))
    return folder


needs_restic = [
    pytest.mark.built,
    pytest.mark.skipif(not RESTIC.exists(), reason="restic is not built yet; `make up` builds it"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root may give processes a space of their own"),
]


class TestWithRestic:
    """What is promised of a mover that is held."""

    pytestmark = needs_restic

    def test_a_mover_that_is_stopped_has_uploaded_something_and_saved_nothing(
        self, repository: Repository, volume: Path
    ) -> None:
        with backing_up(volume, repository) as container:
            assert midway.stop(container, POD, lambda: repository.packs() > 0)
            packs, [lock] = repository.packs(), repository.locks()
            assert stage_of(new_packs=packs, new_points=len(ids(repository.restore_points()))) is Stage.UPLOADING
            midway.kill(container, POD)
            assert repository.packs() == packs
            assert repository.locks() == (lock,)
            assert ids(repository.restore_points()) == ()

    def test_a_backup_that_has_ended_before_it_could_be_stopped_is_told(
        self, repository: Repository, volume: Path
    ) -> None:
        (volume / "large").write_bytes(b"next to nothing")
        with backing_up(volume, repository) as container:
            assert not midway.stop(container, POD, lambda: repository.packs() > 10)

    def test_a_restore_is_stopped_before_it_has_brought_everything(
        self, repository: Repository, volume: Path, tmp_path: Path
    ) -> None:
        with backing_up(volume, repository):
            eventually(
                lambda: ids(repository.restore_points()), bool, expected="a restore point", wait=Waits.load().backup
            )
        into = tmp_path / "into"
        into.mkdir()
        with mover(into, repository, "restore", "latest", "--target", ".") as container:
            assert midway.stop_restore(container, POD)
            [restic] = subprocess.run(
                ["pgrep", "--full", f"^{RESTIC} --no-cache restore"], capture_output=True, text=True, check=True
            ).stdout.split()
            assert Path(f"/proc/{restic}/stat").read_text().rpartition(")")[2].split()[0] == "T"
            there = next(iter(into.rglob("large")), None)
            assert there is None or there.read_bytes() != (volume / "large").read_bytes()


@pytest.mark.parametrize(
    ("new_packs", "new_points", "stage"),
    [(0, 0, Stage.BEFORE), (3, 0, Stage.UPLOADING), (9, 1, Stage.SAVED), (0, 1, Stage.SAVED)],
)
def test_the_stage_is_what_the_repository_shows(new_packs: int, new_points: int, stage: Stage) -> None:
    assert stage_of(new_packs=new_packs, new_points=new_points) is stage
