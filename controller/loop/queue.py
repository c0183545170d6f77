"""One queue of claims. A claim is in it once, and is worked on by one worker at a time, whatever woke it how often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from controller.cluster.watching import Backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

K = TypeVar("K", bound="Hashable")
_SHORTEST_S: Final = 0.5
_LONGEST_S: Final = 300.0


class WorkQueue(Generic[K]):
    """Keys to look at: now, when the one look that runs has ended, or at a later time."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[K] = asyncio.Queue()
        self._waiting: set[K] = set()  # in `_ready`
        self._busy: set[K] = set()
        self._again: set[K] = set()  # woken while it was worked on
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._backoffs: dict[K, Backoff] = {}

    def __len__(self) -> int:
        """How many could be worked on now."""
        return len(self._waiting) + len(self._again)

    def add(self, key: K) -> None:
        """Something has changed: look at it as soon as there is a worker."""
        if key in self._busy:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def add_after(self, key: K, delay_s: float) -> None:
        """Look at it after this time, if nothing wakes it earlier. Only the last such time counts."""
        self._cancel(key)
        self._later[key] = asyncio.get_running_loop().call_later(delay_s, self._come, key)

    async def work(self, look: Callable[[K], Awaitable[float | None]], failed: Callable[[K, Exception], None]) -> None:
        """Look at one key after another, for ever. `look` says when to look again; what it raises is tried again.

        The pause before that grows with each failure of the same key: one bad claim costs little and stops none.
        """
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._busy.add(key)
            self._cancel(key)
            try:
                again_s = await look(key)
                self._backoffs.pop(key, None)
            except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this claim alone
                failed(key, error)
                again_s = self._backoffs.setdefault(key, Backoff(_SHORTEST_S, _LONGEST_S)).next_s()
            finally:
                self._busy.discard(key)
            if again_s is not None:
                self.add_after(key, again_s)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    def _come(self, key: K) -> None:
        self._later.pop(key, None)
        self.add(key)

    def _cancel(self, key: K) -> None:
        timer = self._later.pop(key, None)
        if timer is not None:
            timer.cancel()
