"""What the user sees while something long runs: what, how many are left, for how long already."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Generator

_BEAT_S = 15.0


class Progress:
    """Numbers the steps of one piece of work and shows that the current one is alive."""

    def __init__(self, title: str, steps: int, *, out: TextIO | None = None) -> None:
        self._title = title
        self._steps = steps
        self._done = 0
        self._out = out or sys.stderr  # looked up now: pytest puts another one there
        self._started_s = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Generator[None]:
        """Announce a step, repeat every 15 s that it still runs, and say how long it took."""
        number = self._done + 1
        prefix = f"{self._title} [{number}/{self._steps}] {what}"
        self._say(f"{prefix} ...")
        ended = threading.Event()
        started_s = time.monotonic()
        beat = threading.Thread(target=self._beat, args=(prefix, started_s, ended), daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()
        self._done = number
        self._say(f"{prefix}: {time.monotonic() - started_s:.0f} s")

    def elapsed_s(self) -> float:
        """Seconds since this piece of work began."""
        return time.monotonic() - self._started_s

    def _beat(self, prefix: str, started_s: float, ended: threading.Event) -> None:
        while not ended.wait(_BEAT_S):
            left = self._steps - self._done - 1
            self._say(
                f"{prefix}: {time.monotonic() - started_s:.0f} s so far, {left} left, {self.elapsed_s():.0f} s in all"
            )

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)
