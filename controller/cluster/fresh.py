"""What lies around a claim that is being created, read from the stores now, and where it counts from the API server.

At most two requests to each store that counts, at once; where the decision rests on no more, that is all
(`admit.must_look_back`). Sources and movers of an earlier claim of the name are never taken from a cache, which may not
have seen them yet: a list as of now, for which an API server waits until its own cache has caught up, up to 100 ms.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from controller import admit, intent
from controller.cluster import connection
from controller.cluster.api import CHILDREN, PODS, Api, ApiError
from controller.cluster.base import BaseSecrets
from controller.cluster.claims import MADE_BY_VOLSYNC, child_from, claim_names, mover_from
from controller.model import Kind, World
from controller.naming import claim_key
from controller.store.session import open_session
from controller.store.truths import Stores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from controller.configuration import Configuration
    from controller.model import Child, Claim, Moment, Mover


@asynccontextmanager
async def opened(configuration: Configuration) -> AsyncIterator[Fresh]:
    """Connected to the cluster and the stores until the end of the block. Raises `NoCluster`."""
    api = Api(connection.find())
    try:
        async with open_session(configuration.s3) as session:
            yield Fresh(configuration, api, BaseSecrets(api, configuration), Stores(configuration, session))
    finally:
        await api.close()


class Fresh:
    """Reads what admission needs. Raises `ApiError` where the API server does not answer: then nobody can decide."""

    def __init__(self, configuration: Configuration, api: Api, base: BaseSecrets, stores: Stores) -> None:
        self._settings = configuration.settings
        self._api = api
        self._base = base
        self._stores = stores

    async def at_admission(self, claim: Claim, moment: Moment, nonce: str) -> World:
        """What is seen around it now. What a store cannot say is in the answer as unknown."""
        world = World(moment, claim.namespace, claim.name, claim, truths={}, nonce=nonce, looked_back=False)
        wanted = intent.read(claim, self._settings)
        if not isinstance(wanted, intent.Intent):
            return world
        if admit.must_look_back(wanted, {}):
            world = await self._look_back(world, claim)
        given = await self._base.current()
        truths = await self._stores.for_new(wanted, claim, given)
        if not world.looked_back and admit.must_look_back(wanted, truths):
            world = await self._look_back(world, claim)
            # Once more: a mover that was gone by then may have ended its backup after the store was asked.
            truths = await self._stores.for_new(wanted, claim, given)
        return replace(world, truths=truths, credentials=given)

    async def _look_back(self, world: World, claim: Claim) -> World:
        children, movers = await asyncio.gather(self._sources(claim), self._movers(claim))
        return replace(world, children=children, movers=movers, looked_back=True)

    async def _sources(self, claim: Claim) -> tuple[Child, ...]:
        """Names and marks alone; by name too, since a label may have been taken off."""
        path = CHILDREN[Kind.SOURCE].path(claim.namespace)
        try:
            found = await self._api.list(path, metadata_only=True)
        except ApiError as error:
            if error.is_missing:  # without VolSync nothing can be at work; what is decided waits for it
                return ()
            raise
        key = claim_key(claim.namespace, claim.name)
        return tuple(child_from(Kind.SOURCE, body) for body in found if key in claim_names(body))

    async def _movers(self, claim: Claim) -> tuple[Mover, ...]:
        found = await self._api.list(PODS.path(claim.namespace), MADE_BY_VOLSYNC)
        return tuple(mover for body in found if (mover := mover_from(body)) is not None)
