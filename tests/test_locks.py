"""A lock that is left by hand is one for restic: it is read as it was meant, and stands in the way."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from clusters.images.gomodule import GoModule
from clusters.versions import choose
from fixtures import locks
from fixtures.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

RESTIC: Final = GoModule("restic", choose().restic).folder / "restic"
PASSWORD: Final = "a password"  # noqa: S105 - of a repository that lives as long as one test
pytestmark = [
    pytest.mark.built,
    pytest.mark.skipif(not RESTIC.exists(), reason="restic is not built yet; `make up` builds it"),
]


def restic(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"RESTIC_REPOSITORY": str(folder), "RESTIC_PASSWORD": PASSWORD}
    command = [str(RESTIC), "--no-cache", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_restic_reads_the_lock_and_stops_at_it(tmp_path: Path) -> None:
    repository = Repository.in_directory(RESTIC, tmp_path, PASSWORD)
    repository.create()
    name = locks.leave(repository, host="laptop", age=timedelta(minutes=20))
    assert repository.locks() == (name,)
    stored_at = datetime.fromtimestamp((tmp_path / "locks" / name).stat().st_mtime, tz=UTC)
    told = json.loads(restic(tmp_path, "cat", "lock", name).stdout)
    assert told["hostname"] == "laptop"
    for at in (stored_at, datetime.fromisoformat(told["time"])):
        assert timedelta(minutes=19) < datetime.now(UTC) - at < timedelta(minutes=21)
    behind = restic(tmp_path, "forget", "--keep-last", "1")
    assert behind.returncode == 11
    assert "laptop" in behind.stderr
    # restic's own way leaves it alone: it comes from another host and is younger than 30 minutes.
    assert restic(tmp_path, "unlock").returncode == 0
    assert repository.locks() == (name,)
    repository.remove_locks()
    assert repository.locks() == ()
