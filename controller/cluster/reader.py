"""What lies around a stored claim: from the cache where that is enough, else read now.

A cache is enough for what wakes us when it changes. Read now is what is only there while something is decided: images
and movers of a claim that is not settled yet, the volume's annotation, pods and nodes when a lock was found. The order
matters: images after children, pods after locks, so that what is missing in the later reading is really gone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller import children, contract, intent, restoring, rotation, stamp
from controller.cluster.api import CHILDREN, CLAIMS, NODES, PODS, VOLUMES, ApiError
from controller.cluster.claims import MADE_BY_VOLSYNC, child_from, claim_from, mover_from, pod_state
from controller.cluster.saying import said_on
from controller.cluster.stalling import Stalling
from controller.model import Kind, Moment, Phase, Pods, PodState, World

if TYPE_CHECKING:
    from controller.cluster.api import Api
    from controller.cluster.base import BaseSecrets
    from controller.cluster.cache import Cache, Key
    from controller.cluster.platform import Platform
    from controller.cluster.saying import Said
    from controller.contract import Repo
    from controller.intent import Reading
    from controller.model import Child, Claim, Mover, Object
    from controller.settings import Settings
    from controller.store.noting import Note
    from controller.store.watch import StoreWatch


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen, how the claim reads, what it bears of the last telling, and what is to be noted in the stores."""

    world: World
    reading: Reading
    said: Said | None
    notes: tuple[Note, ...] = ()


class Reader:
    """Raises `ApiError` where the API server does not answer: then nothing is decided."""

    def __init__(
        self, settings: Settings, api: Api, cache: Cache, *, base: BaseSecrets, stores: StoreWatch, platform: Platform
    ) -> None:
        self._settings = settings
        self._api = api
        self._cache = cache
        self._base = base
        self._stores = stores
        self._platform = platform
        self._stalling = Stalling(api, settings.patience)

    async def look(self, key: Key) -> Looked:
        """Everything that a decision about this claim may rest on."""
        namespace, name = key
        claim, said = await self._claim(key)
        await self._read_strays(namespace)
        found = (*self._cache.children_of(namespace, name), *await self._written_by_operator(claim))
        world = World(Moment.RECONCILE, namespace, name, claim, truths={}, children=found)
        if claim is None:
            return Looked(replace(world, snapshots=await self._images_left(world)), intent.NotOurs(), said)
        reading = intent.read(claim, self._settings)
        settled = stamp.is_settled(claim.uid, claim.annotations)
        given = await self._base.current()
        writing = bool(self._cache.movers_of(namespace, name))
        told = await self._stores.look(claim, reading, found, given, a_mover_runs=writing)
        # A list as of now can wait up to 100 ms for the API server's own cache, so both wait together.
        movers, images = (
            (self._cache.movers_of(namespace, name), await self._images_left(world))
            if settled
            else await asyncio.gather(self._movers(namespace), self._images(world))
        )
        world = replace(
            world,
            truths=told.truths,
            locks=told.locks,
            lost=told.lost,
            newest=told.newest,
            replaced=told.replaced,
            credentials=given,
            movers=movers,
            snapshots=images,
            populated_from=None if settled else await self._populated_from(claim),
            platform=() if isinstance(reading, intent.NotOurs) and settled else await self._platform.lacking(),
            pods=await self._pods(namespace) if told.locks else None,
            stalls=await self._stalling.look(claim, found, movers),
        )
        locked_out = await self._locked_out(claim, world) if settled else frozenset()
        return Looked(replace(world, locked_out=locked_out), reading, said, told.notes)

    async def _locked_out(self, claim: Claim, world: World) -> frozenset[Repo]:
        held = rotation.outdated(claim, world, self._settings)
        return frozenset([repo for repo, keys in held.items() if await self._stores.refuses(repo, claim, keys)])

    async def _claim(self, key: Key) -> tuple[Claim | None, Said | None]:
        """From the cache; one without the label, or gone, is in no cache."""
        if (held := self._cache.claims.get(key)) is not None:
            return held.claim, held.said
        try:
            body = await self._api.get(CLAIMS.path(*key))
        except ApiError as error:
            if error.is_missing:
                return None, None
            raise
        return claim_from(body), said_on(body)

    async def _read_strays(self, namespace: str) -> None:
        for kind, place in [stray for stray in self._cache.strays if stray[1][0] == namespace]:
            shelf = self._cache.children[kind]
            try:
                body = await self._api.get(CHILDREN[kind].path(*place))
                shelf.put(body)
                if child_from(kind, body).claim is not None:  # marked again: the watch shows it
                    self._cache.strays.discard((kind, place))
            except ApiError as error:
                if not error.is_missing:
                    raise
                shelf.forget(place)
                self._cache.strays.discard((kind, place))

    async def _written_by_operator(self, claim: Claim | None) -> tuple[Child, ...]:
        """The Secrets that the External Secrets operator wrote for us. No watch shows them."""
        if claim is None or self._settings.external_secrets is None:
            return ()
        found = []
        for repo in self._settings.stores:
            try:
                path = CHILDREN[Kind.SECRET].path(claim.namespace, children.source_name(claim, repo))
                found.append(child_from(Kind.SECRET, await self._api.get(path)))
            except ApiError as error:
                if not error.is_missing:
                    raise
        return tuple(found)

    async def _images_left(self, world: World) -> tuple[str, ...]:
        """Those that the cache has, unless it lags behind the status of a destination: its image would seem lost."""
        cached = self._cache.images_of(world.namespace, world.name)
        named = {restoring.image_of(child) for child in world.children} - {None}
        return cached if named <= {*cached} and (world.claim is not None or not cached) else await self._images(world)

    async def _images(self, world: World) -> tuple[str, ...]:
        prefix = f"volsync-{contract.child_prefix(world.namespace, world.name)}"
        try:
            found = await self._api.list(CHILDREN[Kind.SNAPSHOT].path(world.namespace), metadata_only=True)
        except ApiError as error:
            if error.is_missing:
                return ()
            raise
        return tuple(
            body["metadata"]["name"]
            for body in found
            if body["metadata"]["name"].startswith(prefix) and "deletionTimestamp" not in body["metadata"]
        )

    async def _movers(self, namespace: str) -> tuple[Mover, ...]:
        found = await self._api.list(PODS.path(namespace), MADE_BY_VOLSYNC)
        return tuple(mover for body in found if (mover := mover_from(body)) is not None)

    async def _populated_from(self, claim: Claim) -> str | None:
        decided = stamp.read(claim.annotations)
        if claim.phase is not Phase.BOUND or claim.volume_name is None or decided is None or decided.restore is None:
            return None
        volume = await self._api.get(VOLUMES.path(name=claim.volume_name))
        found: str | None = (volume["metadata"].get("annotations") or {}).get(contract.POPULATED_FROM_ANNOTATION)
        return found

    async def _pods(self, namespace: str) -> Pods | None:
        try:
            pods, nodes = await asyncio.gather(self._api.list(PODS.path(namespace)), self._api.list(NODES.path()))
        except ApiError:
            return None
        ready = all(_is_ready(node) for node in nodes)
        ended = dict.fromkeys(self._cache.movers_ended_in(namespace), PodState.ENDED)
        return Pods({**ended, **{pod["metadata"]["name"]: pod_state(pod) for pod in pods}}, nodes_ready=ready)


def _is_ready(node: Object) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
