"""What is noted in the stores of all claims, read once when a process begins: one listing for ten thousand first looks.

Only that something is noted is taken from here, and only once for each claim. What is not noted here may have been
noted since, so whoever misses it has to ask the store.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from controller.store.s3 import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.contract import Repo
    from controller.store.known import Known
    from controller.store.truths import Given, Stores

# First looks are over by then; whatever is left is forgotten.
_USED_FOR_S: Final = 120.0


class Notes:
    """What is noted of each claim that has had restore points, by `<namespace>/<claim>`."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._until_s = time.monotonic() + _USED_FOR_S
        self._read: dict[Repo, asyncio.Task[dict[str, Known]]] = {}

    async def take(self, repo: Repo, full_name: str, given: Mapping[Repo, Given]) -> Known | None:
        """What was noted of a claim; None if that has to be asked. Never raises."""
        if time.monotonic() > self._until_s:
            self._read.clear()
            return None
        if repo not in self._read:
            self._read[repo] = asyncio.create_task(self._all(repo, given))
        noted = await asyncio.shield(self._read[repo])
        return noted.pop(full_name, None)

    async def _all(self, repo: Repo, given: Mapping[Repo, Given]) -> dict[str, Known]:
        try:
            return await self._stores.noted(repo, given)
        except StoreError:
            return {}
