"""Where firedrill keeps what it built, what it holds for a cluster, and what a run leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def cache() -> Path:
    """The folder of everything that can be built again. `XDG_CACHE_HOME` moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firedrill"


def cluster_state(name: str) -> Path:
    """What belongs to one cluster on this machine: kubeconfig, kind's configuration, the store of volumes, locks."""
    return cache() / "clusters" / name
