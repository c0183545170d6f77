"""The controller's reconciler, killed by a signal after its first write: `python -m tests.controller.dying`.

Started again and again it does its whole work with a crash between each pair of writes. What it wrote is noted in a
journal just before it dies; what it was about to write when it is killed there was never sent.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from controller import configuration, reconciling
from controller.cluster.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.model import Object

_JOURNAL = Path(sys.argv[2])


class DyingWriter(Writer):
    """Makes one write."""

    async def _do(self, what: str, act: Callable[[], Awaitable[Object | None]]) -> Object | None:
        done = await super()._do(what, act)
        with _JOURNAL.open("a") as journal:
            journal.write(f"{what}\n")
        os.kill(os.getpid(), signal.SIGKILL)
        return done


if __name__ == "__main__":
    asyncio.run(reconciling.run(configuration.read(Path(sys.argv[1])), DyingWriter))
