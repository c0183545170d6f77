"""The controller dies after each single write, and starts anew with nothing: a list of crash points; what holds there.

Reader, cache, writer and reconciler are the real ones, against a server that holds preconditions; what VolSync, the
provisioner and the store do in between is done by the test. `e2e/test_crash_points.py` does the same on kind.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from controller import stamp
from controller.cluster.api import CHILDREN, CLAIMS, PODS, VOLUMES, Api
from controller.cluster.cache import Cache
from controller.cluster.claims import child_from, claim_from
from controller.cluster.reader import Reader
from controller.cluster.writer import Writer
from controller.contract import Repo
from controller.loop.measures import Measures
from controller.loop.reconciler import Reconciler
from controller.model import Absent, Exists, Kind, Phase
from controller.store.asking import Repository
from controller.store.known import Known
from controller.store.noting import Note
from controller.store.watch import Told
from tests.controller.api_server import ApiServer, serving
from tests.controller.scene import ABSENT, EXISTS, POINTS, SETTINGS, admitted, image_of, restore_log
from tests.controller.test_cluster import Base, Platform, body_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.model import Child, Object, Truth

KEY: Final = ("shop", "orders")
CLAIM: Final = CLAIMS.path(*KEY)


class Killed(BaseException):
    """The process is gone: nothing in it may catch this."""


class Bucket:
    """What is noted in the store."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    async def put(self, key: str, _content: bytes) -> None:
        self.keys.add(key)

    async def delete(self, key: str) -> None:
        self.keys.discard(key)


class Stores:
    """A store, as far as a stored claim is concerned."""

    def __init__(self) -> None:
        self.truth: Truth = ABSENT
        self.bucket = Bucket()

    def repository(self, *_: object) -> Repository:
        bucket: Any = self.bucket
        return Repository(bucket, SETTINGS.stores[Repo.LOCAL], *KEY)

    async def look(self, *_: object, **__: object) -> Told:
        announcement = self.repository().announcement
        if not isinstance(self.truth, Exists):
            return Told({Repo.LOCAL: Absent(announcement in self.bucket.keys)})
        noted = self.bucket.keys - {announcement}
        return Told({Repo.LOCAL: self.truth}, notes=() if noted else (Note(Repo.LOCAL, Known(1 << 30), None),))


class Place:
    """The server, the store, and everything at which the controller was killed."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.stores = Stores()
        self.crashes: list[str] = []

    def live(self) -> list[str]:
        """Live and die until there is nothing left to write; the crash points on the way."""
        before = len(self.crashes)
        while self._live_once():
            self._holds()
            assert len(self.crashes) - before < 50, "it never comes to rest"
        return self.crashes[before:]

    def children(self, kind: Kind) -> list[Child]:
        plural = CHILDREN[kind].plural
        found = [body for path, body in self.server.objects.items() if path.split("/")[-2] == plural]
        return [child_from(kind, body) for body in found]

    def change(self, path: str, **parts: Any) -> None:
        """Somebody else changes an object."""
        self.server.put(path, {**self.server.objects[path], **parts})

    def _live_once(self) -> bool:
        """A process from its start to its first write; False if it had none to make."""
        crashes = self.crashes

        class DyingWriter(Writer):
            async def _do(self, what: str, act: Callable[[], Awaitable[Object | None]]) -> Object | None:
                await super()._do(what, act)
                # Without namespace, life and number: the same in each run.
                verb, path = what.split()[:2]
                crashes.append(f"{verb} {path.split('/')[-1 if verb == 'event' else -2]}")
                raise Killed

        async def process(api: Api) -> None:
            cache = Cache(lambda _: None)
            shelves: dict[str, Any] = {CLAIMS.plural: cache.claims, PODS.plural: cache.movers}
            shelves |= {CHILDREN[kind].plural: shelf for kind, shelf in cache.children.items()}
            shelves[CHILDREN[Kind.SNAPSHOT].plural] = cache.images
            for path, body in list(self.server.objects.items()):
                if (shelf := shelves.get(path.split("/")[-2])) is not None:
                    shelf.put(body)
            base: Any = Base()
            stores: Any = self.stores
            platform: Any = Platform()
            reader = Reader(SETTINGS, api, cache, base=base, stores=stores, platform=platform)
            writer = DyingWriter(api, cache, base, stores, "us")
            await Reconciler(SETTINGS, reader, writer, Measures(lambda: 0), lambda _: None).look(KEY)

        async def run() -> bool:
            async with serving(self.server) as api:
                try:
                    await process(api)
                except Killed:
                    return True
            return False

        return asyncio.run(run())

    def _holds(self) -> None:
        """What holds at each crash point: no backup before the volume is settled, and one source at most."""
        body = self.server.objects.get(CLAIM)
        claim = None if body is None else claim_from(body)
        sources = self.children(Kind.SOURCE)
        assert len(sources) <= 1
        # Or else whoever creates the next claim of this name might start empty while the first backup is under way.
        assert not sources or self.stores.bucket.keys, "a source of which the store knows nothing"
        if claim is None or not stamp.is_settled(claim.uid, claim.annotations):
            assert not [each for each in sources if claim is None or each.owner_uid == claim.uid]
            return
        assert all(each.owner_uid == claim.uid for each in sources)


def test_a_claim_that_starts_empty_is_protected_and_its_deletion_taken_through_every_crash() -> None:
    place = Place()
    place.server.put(CLAIM, body_of(admitted(ABSENT)))
    assert place.live() == ["condition orders"]  # it waits to be bound
    place.change(CLAIM, status={"phase": "Bound"})
    assert place.live() == [
        "annotate persistentvolumeclaims",
        "create secrets",
        "announce orders_",
        "create replicationsources",
        "condition orders",
    ]
    place.stores.truth = EXISTS
    assert place.live()[0] == "note orders_"
    metadata = place.server.objects[CLAIM]["metadata"]
    place.change(CLAIM, metadata={**metadata, "deletionTimestamp": "2026-01-10T12:00:00Z"})
    assert place.live()[:2] == ["delete replicationsources", "delete secrets"]
    place.server.remove(CLAIM)
    assert place.live() == []
    assert place.children(Kind.SOURCE) == place.children(Kind.SECRET) == []
    assert place.stores.bucket.keys


def test_a_claim_that_is_restored_is_protected_only_after_the_proof_through_every_crash() -> None:
    place = Place()
    place.stores.truth = EXISTS
    of = admitted(EXISTS)
    place.server.put(CLAIM, body_of(of))
    assert place.live() == [
        "create secrets",
        "create replicationdestinations",
        "note orders_",
        "condition orders",
    ]
    [destination] = place.children(Kind.DESTINATION)
    image = image_of(destination)
    place.server.put(CHILDREN[Kind.SNAPSHOT].path("shop", image), {"metadata": {"namespace": "shop"}})
    status = {
        "lastManualSync": destination.content["trigger"]["manual"],
        "latestImage": {"name": image},
        "latestMoverStatus": {"result": "Successful", "logs": restore_log(POINTS[-1].id)},
    }
    place.change(CHILDREN[Kind.DESTINATION].path("shop", destination.name), status=status)
    assert place.live() == ["condition orders"]  # the volume is being filled
    annotations = {"volsync.backube/populated-from": f"shop/{image}"}
    place.server.put(VOLUMES.path(name="pv-1"), {"metadata": {"annotations": annotations}})
    body = body_of(of)
    place.change(CLAIM, spec={**body["spec"], "volumeName": "pv-1"}, status={"phase": Phase.BOUND.value})
    assert place.live() == [
        "annotate persistentvolumeclaims",
        "delete replicationdestinations",
        "delete volumesnapshots",
        "create replicationsources",
        "condition orders",
    ]
    assert [each.owner_uid for each in place.children(Kind.SOURCE)] == ["uid-1"]
    assert place.children(Kind.DESTINATION) == []
