"""A store that hangs is tried by one look at a time: all others would hold a worker each until its deadline.

Ten thousand claims at rest look 33 times a second when a store does not answer, and sixteen workers that wait three
seconds each are through with five. Claims that need nothing of that store would wait behind them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from controller.model import Unknown
from controller.store.asking import Seen
from controller.store.s3 import LATE
from controller.truth import Failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.contract import Repo

# One claim may be slow to list, and the store be well: it hangs when so many claims in a row were not answered.
_LATE_CLAIMS: Final = 3
_TRIED_EVERY_S: Final = 5.0


class Hanging:
    """Which stores hang, as far as the looks that go through here tell."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._late: dict[Repo, set[str]] = {}
        self._tried_at_s: dict[Repo, float] = {}
        self._trying: set[Repo] = set()

    async def ask(self, repo: Repo, full_name: str, look: Callable[[], Awaitable[Seen]]) -> Seen:
        """What a look about a claim finds; the same as if it had waited in vain, where the store hangs."""
        late = self._late.setdefault(repo, set())
        if len(late) < _LATE_CLAIMS:
            return self._heard(repo, full_name, await look())
        if repo in self._trying or self._clock() - self._tried_at_s[repo] < _TRIED_EVERY_S:
            return Seen(Unknown(LATE))
        self._trying.add(repo)
        try:
            return self._heard(repo, full_name, await look())
        finally:
            self._trying.discard(repo)

    def _heard(self, repo: Repo, full_name: str, seen: Seen) -> Seen:
        late = self._late[repo]
        if seen.truth == Unknown(LATE) or seen.noted.present == Failed(LATE):
            if len(late) < _LATE_CLAIMS:
                late.add(full_name)
            self._tried_at_s[repo] = self._clock()
        else:
            late.clear()
        return seen
