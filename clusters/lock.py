"""Who may use a cluster at this moment: many drills together, or one that takes the whole of it apart."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clusters import host, paths

if TYPE_CHECKING:
    from collections.abc import Generator

_HINT = "another run uses the cluster {name}; waiting for it to let go (Ctrl-C gives up, nothing is lost)"


def known() -> set[str]:
    """The clusters that somebody holds, waits for, or has held once."""
    return {file.parent.name for file in paths.cluster_state("").glob("*/*.lock")}


class ClusterLock:
    """File locks of one cluster. They end with the process that holds them, however it ends."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._folder = paths.cluster_state(name)
        self._folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def shared(self) -> Generator[None]:
        """Hold the cluster together with others, for a drill that stays inside its own namespace."""
        with self._held("use.lock", fcntl.LOCK_SH):
            yield

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """Hold the cluster alone: bring it up, take it down, or destroy it in a drill."""
        with self._held("use.lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def run(self) -> Generator[None]:
        """Hold the right to start a run on this cluster. A second run waits and says so."""
        with self._held("run.lock", fcntl.LOCK_EX):
            yield

    @contextmanager
    def _held(self, file: str, mode: int) -> Generator[None]:
        with (self._folder / file).open("a") as handle:
            try:
                fcntl.flock(handle, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                if file == "run.lock":
                    host.say(_HINT.format(name=self._name))
                fcntl.flock(handle, mode)
            yield
