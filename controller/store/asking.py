"""The truth about one claim's backups, from what its stores answer. Whatever is not a complete answer is unknown.

Two requests, at once: one lists what comes after `<path>/k`, which is the keys, the locks and the restore points
(restic's other objects, config, data and index, come before); the other asks for the first object after the place where
it is noted that this claim has had restore points, or was to have some. Neither grows with the number of claims.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from controller import naming
from controller.model import RestorePoint
from controller.store import known
from controller.store.s3 import LATE, StoreError
from controller.truth import Failed, Listed, Looked, owned, truth_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from controller.model import Truth
    from controller.settings import Store
    from controller.store.known import Known
    from controller.store.restic import Restic
    from controller.store.s3 import Bucket, Entry
    from controller.truth import Listing

T = TypeVar("T")
_OBJECT_ID: Final = re.compile(r"[0-9a-f]{64}")
_NOTHING: Final = Looked(present=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store said of a claim.

    `known` is what was noted of its restore points; None if nothing was. `noted` is whether anything was: that it has
    had restore points, or that its backups were to begin. `locks` are the locks of the repository, with the time at
    which each was stored: restic renews a lock by storing another one. `points` are the ids of its restore points, and
    `keys` the ids, shortened, of the keys by which a password opens it: no two repositories share one, but for copies.
    """

    truth: Truth
    known: Known | None = None
    noted: Looked = _NOTHING
    locks: tuple[Entry, ...] = ()
    points: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def of_undecided(self) -> Seen:
        """The same for a claim of which nobody knows yet what its volume is to hold: see `truth.owned`."""
        return replace(self, truth=owned(self.truth, self.noted, is_another=self.is_another_repository))

    @property
    def is_another_repository(self) -> bool:
        """Whether what lies there now is another repository than was noted."""
        return self.known is not None and not self.known.is_of(self.keys)

    @property
    def is_whole(self) -> bool:
        """Whether it is known, too, what was noted."""
        return not isinstance(self.noted.present, Failed)

    @property
    def key(self) -> str | None:
        """The key to note, of all that the repository has; None if that is not known."""
        return min(self.keys) if self.keys else None


@dataclass(frozen=True, slots=True)
class Repository:
    """Where one claim's backups lie in one store."""

    bucket: Bucket
    store: Store
    namespace: str
    claim: str

    @property
    def path(self) -> str:
        """The repository's own path, ending with a slash."""
        return f"{naming.repository_path(self.store.prefix, self.namespace, self.claim)}/"

    @property
    def known(self) -> str:
        """Where it is noted that this claim has had restore points, ending with a slash."""
        return naming.known_path(self.store.prefix, self.namespace, self.claim)

    @property
    def announcement(self) -> str:
        """The object that says that backups of this claim were to begin."""
        return naming.announcement_path(self.store.prefix, self.namespace, self.claim)

    async def look(self, deadline_s: float) -> Seen:
        """Its truth, with restore points counted and dated by the store. Never raises."""
        return self._seen(*await asyncio.gather(self._objects(deadline_s), self._noted(deadline_s)))

    def _seen(self, objects: tuple[Entry, ...] | Failed, noted: Entry | Failed | None) -> Seen:
        if isinstance(objects, Failed):
            return Seen(truth_of(objects, marker=_NOBODY_LOOKED, known=_NOBODY_LOOKED))
        listing = _points(objects, self.path)
        locks = self._locks(objects)
        if isinstance(listing, Failed):
            return Seen(truth_of(listing, marker=_NOBODY_LOOKED, known=_NOBODY_LOOKED), locks=locks)
        if isinstance(noted, Failed):
            unknown = Looked(noted)
            truth = truth_of(listing, marker=unknown, known=_NOBODY_LOOKED)
            return Seen(truth, None, unknown, locks, _ids(listing), _keys(objects, self.path))
        announced = noted is not None and noted.key == self.announcement
        is_known = noted is not None and noted.key.startswith(self.known) and not announced
        truth = truth_of(listing, marker=Looked(noted is not None), known=Looked(is_known), announced=announced)
        found = known.read(noted.key.removeprefix(self.known)) if noted is not None and is_known else None
        return Seen(truth, found, Looked(announced or is_known), locks, _ids(listing), _keys(objects, self.path))

    async def look_at_noted(self, deadline_s: float, noted: Known) -> Seen:
        """The same where it is known what is noted; that is asked for all the same if no restore point is listed."""
        objects = await self._objects(deadline_s)
        if not isinstance(objects, Failed):
            listing = _points(objects, self.path)
            truth = truth_of(listing, marker=_NOBODY_LOOKED, known=_NOBODY_LOOKED)
            if isinstance(listing, Listed) and listing.points:
                keys = _keys(objects, self.path)
                return Seen(truth, noted, Looked(present=True), self._locks(objects), _ids(listing), keys)
        return await self.look(deadline_s)

    def _locks(self, objects: Iterable[Entry]) -> tuple[Entry, ...]:
        return tuple(entry for entry in objects if entry.key.startswith(f"{self.path}locks/"))

    async def announce(self) -> None:
        """Note that the claim has backups here, or will have some. Raises `StoreError`."""
        await self.bucket.put(self.announcement, f"{self.namespace}/{self.claim}".encode())

    async def note(self, now: Known) -> None:
        """Note that the claim has had restore points here. Raises `StoreError`."""
        await self.bucket.put(f"{self.known}{now}", f"{self.namespace}/{self.claim}".encode())

    async def forget(self, noted: Known) -> None:
        """Take back what was noted. Raises `StoreError`."""
        await self.bucket.delete(f"{self.known}{noted}")

    async def read(self, restic: Restic, deadline_s: float) -> Truth:
        """Where `look` found restore points: the truth with all of their times and sizes, as the repository says."""
        listing: Listing = await restic.points(deadline_s)
        if isinstance(listing, Listed) and not listing.points:
            # restic says of a missing bucket, too, that there is no repository; the store has just listed some points.
            listing = Failed("the store lists restore points, and restic finds none")
        return truth_of(listing, marker=_NOBODY_LOOKED, known=_NOBODY_LOOKED)

    async def _objects(self, deadline_s: float) -> tuple[Entry, ...] | Failed:
        return await _answered(self.bucket.all(self.path, start_after=f"{self.path}k"), deadline_s)

    async def _noted(self, deadline_s: float) -> Entry | Failed | None:
        asked = self.bucket.first(naming.knowledge_path(self.store.prefix), start_after=self.known)
        return await _answered(asked, deadline_s)


async def _answered(asked: Awaitable[T], deadline_s: float) -> T | Failed:
    try:
        async with asyncio.timeout(deadline_s):
            return await asked
    except StoreError as error:
        return Failed(str(error))
    except TimeoutError:
        return Failed(LATE)


_NOBODY_LOOKED: Final = Looked(Failed("nobody looked"))


def _points(objects: Iterable[Entry], path: str) -> Listing:
    points = []
    for entry in objects:
        folder, _, name = entry.key.removeprefix(path).partition("/")
        if folder == "snapshots" and name:
            if _OBJECT_ID.fullmatch(name) is None:
                return Failed(f"{entry.key} lies among the restore points and is none")
            points.append(RestorePoint(entry.stored_at, name))
    return Listed(tuple(points), times_are_exact=False)


def _ids(listing: Listed) -> frozenset[str]:
    return frozenset(point.id for point in listing.points)


def _keys(objects: Iterable[Entry], path: str) -> frozenset[str]:
    prefix = f"{path}keys/"
    ids = (entry.key.removeprefix(prefix) for entry in objects if entry.key.startswith(prefix))
    return frozenset(map(known.shortened, ids))
