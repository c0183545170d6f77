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


def forget_cluster(name: str) -> None:
    """Remove everything of one cluster but its locks: somebody may be waiting for them."""
    for file in cluster_state(name).glob("*"):
        if file.suffix == ".lock":
            continue
        shutil.rmtree(file) if file.is_dir() else file.unlink()
