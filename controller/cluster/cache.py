"""What was seen of the cluster, by claim. Of each object only what decisions need is kept.

It is told of objects by watches, and of what we ourselves have written by the answers to that; of two tellings the one
with the newer version counts. (Versions of one kind of objects are numbers that grow: Kubernetes 1.35 promises it, and
earlier releases did it.)
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from controller import naming
from controller.cluster.claims import (
    child_from,
    claim_from,
    claim_names,
    claims_concerned,
    mover_from,
    mover_owner,
    pod_state,
)
from controller.cluster.saying import Said, said_on
from controller.model import Kind, PodState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from controller.model import Child, Claim, Mover, Object

T = TypeVar("T")
Key = tuple[str, str]  # namespace and name, of a claim or of any other object
_DROPPED_MAX: Final = 1000
_ENDED_MAX: Final = 1000
_IMAGE_OF: Final = re.compile(r"volsync-(.+)-dest-\d{14}")


@dataclass(frozen=True, slots=True)
class Held:
    """A labelled claim, and what was last told about it."""

    claim: Claim
    said: Said | None


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    version: int
    keys: tuple[str, ...]  # few, and there are many entries: tuples are small
    value: T


class Shelf(Generic[T]):
    """The objects of one kind that concern a claim; `read` gives what is kept of one, `keys` the claims it concerns."""

    def __init__(
        self,
        read: Callable[[Object], T | None],
        keys: Callable[[Object], Iterable[str]],
        changed: Callable[[Object, tuple[str, ...]], None],
    ) -> None:
        self._read = read
        self._keys = keys
        self._changed = changed
        self._entries: dict[Key, _Entry[T]] = {}
        self._by_claim: dict[tuple[str, str], tuple[str, ...]] = {}
        self._dropped: dict[Key, int] = {}  # at which version; an answer to a write may come after the news of the end

    def put(self, body: Object) -> None:
        """Keep an object, unless a newer version of it is kept."""
        metadata = body["metadata"]
        place, version = _place(body), int(metadata["resourceVersion"])
        before = self._entries.get(place)
        if version <= (before.version if before is not None else self._dropped.get(place, -1)):
            return
        keys = tuple(sorted(self._keys(body)))
        value = self._read(body) if keys else None
        self._forget(place)
        if value is not None:
            self._entries[place] = _Entry(version, keys, value)
            for key in keys:
                self._by_claim[place[0], key] = (*self._by_claim.get((place[0], key), ()), place[1])
        if keys or before is not None:
            self._changed(body, keys + tuple(key for key in (before.keys if before else ()) if key not in keys))

    def drop(self, body: Object) -> None:
        """Forget an object."""
        version = int(body["metadata"]["resourceVersion"])
        before = self._entries.get(_place(body))
        if before is not None and version >= before.version:
            if len(self._dropped) >= _DROPPED_MAX:
                self._dropped.clear()
            self._dropped[_place(body)] = version
            self._forget(_place(body))
            self._changed(body, before.keys)

    def keep_only(self, found: set[Key], version: str) -> None:
        """Forget what a complete list of this version does not have."""
        for place, entry in list(self._entries.items()):
            if place not in found and (entry.version <= int(version) or not found):
                self._forget(place)
                namespace, name = place
                self._changed({"metadata": {"namespace": namespace, "name": name}}, entry.keys)

    def forget(self, place: Key) -> None:
        """It is known to be gone, by reading it and not by a watch."""
        self._forget(place)

    def of_claim(self, namespace: str, key: str) -> Iterator[tuple[str, T]]:
        """Name and what is kept of each object that concerns a claim."""
        for name in sorted(self._by_claim.get((namespace, key), ())):
            yield name, self._entries[namespace, name].value

    def get(self, place: Key) -> T | None:
        """What is kept of one object."""
        found = self._entries.get(place)
        return None if found is None else found.value

    def values(self) -> Iterator[T]:
        """What is kept of all objects."""
        return (entry.value for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def _forget(self, place: Key) -> None:
        before = self._entries.pop(place, None)
        for key in before.keys if before else ():
            left = tuple(name for name in self._by_claim.pop((place[0], key)) if name != place[1])
            if left:
                self._by_claim[place[0], key] = left


class Movers(Shelf["Mover"]):
    """Mover pods that may still write. Of those that failed, and may be gone, it is kept that they were seen to end.

    A pod that is deleted ends first and is gone a moment later: only who watches can say of its lock that nobody holds
    it any more. After a restart that is not known, and the lock has to grow old.
    """

    def __init__(self, changed: Callable[[Object, tuple[str, ...]], None]) -> None:
        super().__init__(mover_from, _keys_of_mover, changed)
        self.ended: dict[Key, None] = {}

    def put(self, body: Object) -> None:
        self._note(body)
        super().put(body)

    def drop(self, body: Object) -> None:
        self._note(body)
        super().drop(body)

    def _note(self, body: Object) -> None:
        failed = (body.get("status") or {}).get("phase") == "Failed" and pod_state(body) is PodState.ENDED
        if not failed or mover_owner(body) is None:
            return
        if len(self.ended) >= _ENDED_MAX:
            del self.ended[next(iter(self.ended))]
        self.ended[_place(body)] = None


class Cache:
    """Claims with the label; children, images and movers of all claims. `wake` is told which claim to look at."""

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self._wake = wake
        self._names: dict[tuple[str, str], str] = {}  # namespace and claim key to the claim's name
        self.claims: Shelf[Held] = Shelf(_held, _key_of_claim, self._claim_changed)
        self.children: dict[Kind, Shelf[Child]] = {kind: self._of_kind(kind) for kind in _CHILD_KINDS}
        self.images: Shelf[str] = Shelf(
            lambda body: str(body["metadata"]["name"]), _keys_of_image, self._object_changed
        )
        # What was met only when we wanted to make it: no watch shows it (its label is gone), so it is read each time.
        self.strays: set[tuple[Kind, Key]] = set()
        self.movers = Movers(self._object_changed)

    def children_of(self, namespace: str, name: str) -> tuple[Child, ...]:
        """What bears a claim's mark, or a name that we would give."""
        key = naming.claim_key(namespace, name)
        return tuple(child for shelf in self.children.values() for _, child in shelf.of_claim(namespace, key))

    def images_of(self, namespace: str, name: str) -> tuple[str, ...]:
        """The volume snapshots that are images of a claim's destinations, as far as they were seen."""
        return tuple(image for _, image in self.images.of_claim(namespace, naming.claim_key(namespace, name)))

    def movers_of(self, namespace: str, name: str) -> tuple[Mover, ...]:
        """The mover pods of a claim, as far as they were seen."""
        return tuple(mover for _, mover in self.movers.of_claim(namespace, naming.claim_key(namespace, name)))

    def movers_ended_in(self, namespace: str) -> tuple[str, ...]:
        """The mover pods of a namespace that were seen to fail, those that are gone since included."""
        return tuple(name for where, name in self.movers.ended if where == namespace)

    def forget(self, key: Key) -> None:
        """Nothing of the claim is left; if there is another one by now, that is known by its name."""
        if self.claims.get(key) is None:
            self._names.pop((key[0], naming.claim_key(*key)), None)

    def _of_kind(self, kind: Kind) -> Shelf[Child]:
        return Shelf(lambda body: child_from(kind, body), claim_names, self._object_changed)

    def _claim_changed(self, body: Object, keys: tuple[str, ...]) -> None:
        namespace, name = _place(body)
        for key in keys:
            self._names[namespace, key] = name
        self._wake((namespace, name))

    def _object_changed(self, body: Object, keys: tuple[str, ...]) -> None:
        namespace, _ = _place(body)
        for claim in claims_concerned(body):
            self._names.setdefault((namespace, naming.claim_key(*claim)), claim[1])
        for key in keys:
            if (claim_name := self._names.get((namespace, key))) is not None:
                self._wake((namespace, claim_name))


_CHILD_KINDS: Final = (Kind.SOURCE, Kind.DESTINATION, Kind.EXTERNAL_SECRET, Kind.SECRET)


def _place(body: Object) -> Key:
    return sys.intern(body["metadata"].get("namespace", "")), sys.intern(body["metadata"]["name"])


def _held(body: Object) -> Held:
    return Held(claim_from(body), said_on(body))


def _key_of_claim(body: Object) -> tuple[str]:
    return (naming.claim_key(*_place(body)),)


def _keys_of_image(body: Object) -> frozenset[str]:
    metadata = body["metadata"]
    destination = _IMAGE_OF.fullmatch(metadata["name"])
    if destination is None or "deletionTimestamp" in metadata:
        return frozenset()
    return claim_names({"metadata": {"name": destination.group(1)}})


def _keys_of_mover(body: Object) -> frozenset[str]:
    mover = mover_from(body)
    return frozenset() if mover is None else claim_names({"metadata": {"name": mover.owner}})
