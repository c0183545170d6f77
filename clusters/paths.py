"""Where firedrill keeps what it built, what it holds for a cluster, and what a run leaves behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def cache() -> Path:
    """The folder of everything that can be built again. `XDG_CACHE_HOME` moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firedrill"


def cluster_state(name: str) -> Path:
    """What belongs to one cluster on this machine: kubeconfig, kind's configuration, the store of volumes, locks."""
    return cache() / "clusters" / name


def clusters() -> list[str]:
    """The names of all clusters that this machine keeps something of, locks aside."""
    files = cluster_state("").glob("*/*")
    return sorted({file.parent.name for file in files if file.suffix != ".lock"})


def remove(folder: Path) -> None:
    """Remove a folder, although folders in it may be read-only, as copies from Go's module cache are at first."""
    for inside, _, _ in os.walk(folder):
        Path(inside).chmod(0o700)  # folders alone: a file may be a link to one that stays
    shutil.rmtree(folder)


def forget_cluster(name: str) -> None:
    """Remove everything of one cluster but its locks: somebody may be waiting for them."""
    for file in cluster_state(name).glob("*"):
        if file.suffix == ".lock":
            continue
        shutil.rmtree(file) if file.is_dir() else file.unlink()
