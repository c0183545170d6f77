"""What the stores say of claims that are stored: asked as seldom and as cheaply as the decision allows.

While it is not settled what a volume holds, each look asks anew. Afterwards an answer is used again for a while, unless
a sync of the claim has begun or ended since.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from controller import children, intent, newest, stamp
from controller.contract import Repo
from controller.model import Absent, Exists, Kind, Phase, Unknown
from controller.store import comparing, noting
from controller.store.hanging import Hanging
from controller.store.locking import Locks
from controller.store.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from controller.intent import Reading
    from controller.model import Child, Claim, Credentials, Lock, Truth
    from controller.newest import Newest
    from controller.store.asking import Seen
    from controller.store.noting import Note
    from controller.store.truths import Given, Stores

    _Look = Callable[[Repo, Claim, Mapping[Repo, Given]], Awaitable[Seen]]

_USED_AGAIN_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the stores said of one claim, its locks, and what is to be noted there.

    `lost`, `newest` and `replaced` are as in `World`.
    """

    truths: Mapping[Repo, Truth]
    locks: tuple[Lock, ...] = ()
    notes: tuple[Note, ...] = ()
    lost: Mapping[Repo, Newest] = field(default_factory=dict)
    newest: Mapping[Repo, Newest] = field(default_factory=dict)
    replaced: frozenset[Repo] = frozenset()


@dataclass(frozen=True, slots=True)
class _Kept:
    at_s: float
    syncs: object
    told: Told


class StoreWatch:
    """Asks for the reconciler. Never raises: what is no answer is `Unknown`."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._noted = Notes(stores)
        self._hanging = Hanging()
        self._locks = Locks(stores)
        self._kept: dict[str, _Kept] = {}

    async def look(
        self,
        claim: Claim,
        reading: Reading,
        found: tuple[Child, ...],
        given: Mapping[Repo, Given],
        *,
        a_mover_runs: bool,
    ) -> Told:
        """What the decision about this claim needs of its stores."""
        if not stamp.is_settled(claim.uid, claim.annotations):
            self._kept.pop(claim.full_name, None)
            return await self._unsettled(claim, reading, found, given, a_mover_runs=a_mover_runs)
        if not isinstance(reading, intent.Intent) or claim.terminating:
            self.forget(claim.full_name)
            return Told({})
        syncs = _syncs(claim, found, reading)
        kept = self._kept.get(claim.full_name)
        if kept is not None and kept.syncs == syncs and time.monotonic() - kept.at_s < _USED_AGAIN_S:
            return kept.told
        repos = [Repo.LOCAL, *([Repo.REMOTE] if reading.remote else [])]
        looks = await asyncio.gather(*(self._look(repo, claim, given, self._at_rest) for repo in repos))
        seen = dict(zip(repos, looks, strict=True))
        if reading.standby and not a_mover_runs:
            seen[Repo.LOCAL] = await self._with_newest(claim, seen[Repo.LOCAL], given)
        told = await self._told(claim, seen, given, a_mover_runs=a_mover_runs)
        told = replace(
            told, replaced=frozenset(repo for repo, each in seen.items() if noting.is_replaced(claim, repo, each))
        )
        if a_mover_runs or told.locks:
            return told
        lost, new = await comparing.lost_and_new(self._stores, claim, reading, found, seen, given)
        told = replace(told, lost=lost, newest=new)
        # What is still to be noted is noted once; if that fails, the next answer asks for it again. What is not
        # announced yet will be.
        is_complete = all(each.is_whole and not isinstance(each.truth, Unknown) for each in seen.values())
        if is_complete and Absent() not in told.truths.values():
            again = Told(told.truths, lost=told.lost, replaced=told.replaced)
            self._kept[claim.full_name] = _Kept(time.monotonic(), syncs, again)
        return told

    async def refuses(self, repo: Repo, claim: Claim, access: Credentials) -> bool:
        """See `Stores.refuses`."""
        return await self._stores.refuses(repo, claim, access)

    async def _with_newest(self, claim: Claim, seen: Seen, given: Mapping[Repo, Given]) -> Seen:
        """The same, with the newest restore point as the repository itself has it, unless it is noted already.

        A listing goes by when objects were stored, and in a store that was copied they stand in another order. Of all
        that rests on it, what stands by is all that is not read once more before it is used.
        """
        noted = newest.read(claim.uid, claim.annotations).get(Repo.LOCAL)
        listed = seen.truth
        if not isinstance(listed, Exists) or listed.count == 1 or (noted and noted.point == listed.newest):
            return seen
        exact = await self._stores.read(Repo.LOCAL, claim, given)
        if not isinstance(exact, Exists):
            return replace(seen, truth=exact)
        return seen if exact.newest == listed.newest else replace(seen, truth=replace(exact, points=()))

    async def _look(self, repo: Repo, claim: Claim, given: Mapping[Repo, Given], look: _Look) -> Seen:
        return await self._hanging.ask(repo, claim.full_name, lambda: look(repo, claim, given))

    async def _at_rest(self, repo: Repo, claim: Claim, given: Mapping[Repo, Given]) -> Seen:
        noted = await self._noted.take(repo, claim.full_name, given)
        if noted is None:
            return await self._stores.look(repo, claim, given)
        return await self._stores.look_at_noted(repo, claim, given, noted)

    def forget(self, full_name: str) -> None:
        """The claim is gone, or asks for nothing."""
        self._kept.pop(full_name, None)
        self._locks.forget(full_name)

    async def _unsettled(
        self,
        claim: Claim,
        reading: Reading,
        found: tuple[Child, ...],
        given: Mapping[Repo, Given],
        *,
        a_mover_runs: bool,
    ) -> Told:
        decided = stamp.read(claim.annotations)
        restore = decided.restore if decided else None
        if claim.terminating or (isinstance(reading, intent.NotOurs) and restore is None):
            return Told({})
        ask = self._stores.look
        seen: dict[Repo, Seen] = {Repo.LOCAL: (await self._look(Repo.LOCAL, claim, given, ask)).of_undecided()}
        remote_counts = isinstance(seen[Repo.LOCAL].truth, Absent) or (restore and restore.repo is Repo.REMOTE)
        if Repo.REMOTE in given and remote_counts:
            seen[Repo.REMOTE] = (await self._look(Repo.REMOTE, claim, given, ask)).of_undecided()
        told = await self._told(claim, seen, given, a_mover_runs=a_mover_runs)
        begun = decided is not None and any(
            child.kind is Kind.DESTINATION and child.name in children.current_names(claim, decided) for child in found
        )
        if restore is None or begun or claim.phase is Phase.BOUND:
            return told
        if not isinstance(told.truths.get(restore.repo), Exists):
            return told
        # Before a mover is sent: its password is tried, and which restore point it will choose is read.
        exact = await self._stores.read(restore.repo, claim, given)
        return Told({**told.truths, restore.repo: exact}, told.locks, told.notes)

    async def _told(
        self, claim: Claim, seen: Mapping[Repo, Seen], given: Mapping[Repo, Given], *, a_mover_runs: bool
    ) -> Told:
        found = await self._locks.in_the_way(claim, seen, given, a_mover_runs=a_mover_runs)
        truths = {repo: each.truth for repo, each in seen.items()}
        return Told(truths, found, tuple(noting.notes(claim, seen)))


def _syncs(claim: Claim, found: Iterable[Child], reading: intent.Intent) -> object:
    sources = sorted((child.name, *map(str, child.status.values())) for child in found if child.kind is Kind.SOURCE)
    return claim.uid, claim.request, reading.remote, tuple(sources)
