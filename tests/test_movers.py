"""What restic is said to lose it really loses: saved and restored here with the flags that VolSync's mover gives it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters.images.gomodule import GoModule
from clusters.versions import choose
from fixtures import movers
from fixtures.agent.observe import observe
from fixtures.agent.write import make
from fixtures.tree import Tree, carriers, compare
from fixtures.workload import Workload
from tests.scene import NONCE, VOLUME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.movers import Mover

UNPRIVILEGED = 4321
# VolSync 0.16.0, mover-restic/entry.sh: do_backup and do_restore.
BACKUP = ("backup", "--host", "volsync", "--exclude=lost+found", ".")
RESTORE = ("restore", "latest", "-t", ".", "--host", "volsync", "--include-xattr", "user.*")


RESTIC = GoModule("restic", choose().restic).folder / "restic"
pytestmark = [
    pytest.mark.built,
    pytest.mark.skipif(not RESTIC.exists(), reason="restic is not built yet; `make up` builds it"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root may write what a mover loses"),
]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that any user may pass through, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def carried(place: Path, *, as_user: int | None, tree: Workload) -> tuple[Tree, Tree]:
    """A tree as it was written, and as restic brings it back into an empty folder; as another user if asked."""
    source, target, repository = place / "source", place / "target", place / "repository"
    for folder in (source, target):
        folder.mkdir()
    make(source, tree.generation(2, nonce=NONCE, volume=VOLUME))
    os.setxattr(source / "times" / "1980", "trusted.firedrill", b"x")
    if as_user is not None:
        os.chown(target, as_user, as_user)
    run(repository, place, "init")
    run(repository, source, *BACKUP)
    if as_user is not None:
        subprocess.run(["chown", "-R", f"{as_user}:{as_user}", repository], check=True)
    run(repository, target, *RESTORE, as_user=as_user)
    return seen_in(source), seen_in(target)


def seen_in(folder: Path) -> Tree:
    return Tree.read(observe(folder))


def run(repository: Path, folder: Path, *arguments: str, as_user: int | None = None) -> None:
    # The capabilities of VolSync's privileged mover; none for any other user.
    capabilities = ["setpriv", "--bounding-set=-all,+dac_override,+chown,+fowner"]
    owner = [f"--reuid={as_user}", f"--regid={as_user}", "--clear-groups"] if as_user is not None else []
    limited = [*capabilities, *owner, "--"] if arguments[0] == "restore" else []
    # A binary that lies in root's home cannot be started by another user.
    binary = folder.parent / "restic"
    if not binary.exists():
        shutil.copyfile(RESTIC, binary)
        binary.chmod(0o755)
    subprocess.run(
        [*limited, str(binary), "--no-cache", *arguments],
        cwd=folder, check=True, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": "-"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mover", "as_user"),
    [(movers.RESTIC, None), (movers.restic_as(UNPRIVILEGED, UNPRIVILEGED), UNPRIVILEGED)],
    ids=["privileged", "unprivileged"],
)
def test_each_loss_of_the_policy_happens_and_no_other(place: Path, mover: Mover, as_user: int | None) -> None:
    written, seen = carried(place, as_user=as_user, tree=Workload(files=12, large_files=1))
    difference = compare(written, seen)
    for loss in mover.losses:
        assert carriers(written, loss.attribute), f"nothing was written that could lose its {loss.attribute.value}"
        assert any(loss.excuses(change) for change in difference.changes), f"{loss.attribute.value} was not lost"
    assert difference.without(mover.losses).is_none, "\n".join(difference.without(mover.losses).report())
