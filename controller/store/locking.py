"""The locks in the repositories of claims that no running mover explains. What is read of one is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controller import locks
from controller.model import Credentials, Lock
from controller.store.truths import RESTIC_S
from controller.truth import Failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.contract import Repo
    from controller.model import Claim
    from controller.store.asking import Seen
    from controller.store.restic import LockFile
    from controller.store.truths import Given, Stores


class Locks:
    """Reads the locks that were listed."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._files: dict[str, dict[str, LockFile]] = {}  # by claim: a lock's content never changes

    async def in_the_way(
        self, claim: Claim, seen: Mapping[Repo, Seen], given: Mapping[Repo, Given], *, a_mover_runs: bool
    ) -> tuple[Lock, ...]:
        """Those that may be. One that is young while a mover runs is that mover's, and is not read."""
        found: list[Lock] = []
        for repo, each in seen.items():
            found += await self._of(claim, repo, each, given, a_mover_runs=a_mover_runs)
        if not found:
            self.forget(claim.full_name)
        return tuple(found)

    def forget(self, full_name: str) -> None:
        """The claim is gone, or asks for nothing, or has no locks any more."""
        self._files.pop(full_name, None)

    async def _of(
        self, claim: Claim, repo: Repo, seen: Seen, given: Mapping[Repo, Given], *, a_mover_runs: bool
    ) -> list[Lock]:
        now, access = datetime.now(UTC), given.get(repo)
        suspected = [entry for entry in seen.locks if not a_mover_runs or now - entry.stored_at > locks.UNRENEWED_AFTER]
        if not suspected or not isinstance(access, Credentials):
            return []
        known = self._files.setdefault(claim.full_name, {})
        restic = self._stores.restic(repo, claim, access)
        found = []
        for lock_id in (entry.key.rpartition("/")[2] for entry in suspected):
            file = known.get(lock_id) or await restic.lock(lock_id, RESTIC_S)
            if not isinstance(file, Failed):
                known[lock_id] = file
                found.append(Lock(repo, lock_id, file.host, file.refreshed_at, exclusive=file.exclusive))
        return found
