"""What lies around a claim that is being created, read from the API server and the stores now. Nothing is kept.

The sources and movers of an earlier claim of the name decide whether this one has to wait: a cache may not have seen
them yet, or still see them. Two requests to the API server and at most two to each store that counts, all at once.

A claim with a standby costs one more, and the stores are asked last: a backup that ended between the two answers would
make the image an old one, and where an image is there nobody asks again.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from controller import intent
from controller.cluster import connection
from controller.cluster.api import CHILDREN, PODS, Api, ApiError
from controller.cluster.base import BaseSecrets
from controller.cluster.claims import MADE_BY_VOLSYNC, child_from, claim_names, mover_from
from controller.contract import CLAIM_KEY_LABEL
from controller.model import Credentials, Kind, MissingCredentials, World
from controller.naming import claim_key
from controller.store.session import open_session
from controller.store.truths import Stores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from controller.configuration import Configuration
    from controller.contract import Repo
    from controller.intent import Reading
    from controller.model import Child, Claim, Moment, Mover, Truth


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
        reading = intent.read(claim, self._settings)
        if isinstance(reading, intent.Intent) and reading.standby:
            sources, movers, standbys = await asyncio.gather(
                self._sources(claim), self._movers(claim), self._standbys(claim)
            )
            children = sources + standbys
            truths, given = await self._truths(reading, claim)
        else:
            (truths, given), children, movers = await asyncio.gather(
                self._truths(reading, claim), self._sources(claim), self._movers(claim)
            )
        return World(
            moment=moment,
            namespace=claim.namespace,
            name=claim.name,
            claim=claim,
            truths=truths,
            children=children,
            movers=movers,
            credentials=given,
            nonce=nonce,
        )

    async def _truths(
        self, reading: Reading, claim: Claim
    ) -> tuple[Mapping[Repo, Truth], Mapping[Repo, Credentials | MissingCredentials]]:
        if not isinstance(reading, intent.Intent):
            return {}, {}
        given = await self._base.current()
        return await self._stores.for_new(reading, claim, given), given

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

    async def _standbys(self, claim: Claim) -> tuple[Child, ...]:
        """The destinations that bear the claim's mark; one without its label is of no use until it has it back."""
        path = CHILDREN[Kind.DESTINATION].path(claim.namespace)
        try:
            found = await self._api.list(path, f"{CLAIM_KEY_LABEL}={claim_key(claim.namespace, claim.name)}")
        except ApiError as error:
            if error.is_missing:
                return ()
            raise
        return tuple(child_from(Kind.DESTINATION, body) for body in found)

    async def _movers(self, claim: Claim) -> tuple[Mover, ...]:
        found = await self._api.list(PODS.path(claim.namespace), MADE_BY_VOLSYNC)
        return tuple(mover for body in found if (mover := mover_from(body)) is not None)
