"""The process that acts: it follows the cluster, looks at each claim that something happened to, and does its part."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from typing import TYPE_CHECKING, Final

from controller import operating
from controller.cluster import connection
from controller.cluster.api import CHILDREN, CLAIMS, PODS, Api
from controller.cluster.base import BaseSecrets
from controller.cluster.cache import Cache
from controller.cluster.claims import MADE_BY_VOLSYNC
from controller.cluster.platform import Platform
from controller.cluster.reader import Reader
from controller.cluster.watching import Watched, follow
from controller.cluster.writer import Writer
from controller.contract import MANAGED_BY, MANAGED_BY_LABEL, TIER_LABEL
from controller.loop.measures import Measures
from controller.loop.queue import WorkQueue
from controller.loop.reconciler import Reconciler
from controller.model import Kind
from controller.operating import Operations
from controller.store.session import open_session
from controller.store.truths import Stores
from controller.store.watch import StoreWatch

if TYPE_CHECKING:
    from controller.cluster.cache import Key
    from controller.cluster.watching import Follower
    from controller.configuration import Configuration

# Nearly all that a cold start makes is kept, and Python would look through it for garbage again and again: 5 of 23 s at
# 10,000 claims, for which nothing was found.
_COLLECT_AFTER: Final = (20_000, 20, 50)
_OURS: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"


async def run(configuration: Configuration, writer_type: type[Writer] = Writer) -> None:
    """Work until the process is asked to end. `writer_type` is for tests that end it between two writes.

    Two of these at once do no harm: every write carries what it rests on as a precondition.
    """
    operating.log_as_json()
    gc.set_threshold(*_COLLECT_AFTER)
    async with contextlib.AsyncExitStack() as held:
        api = Api(connection.find())
        held.push_async_callback(api.close)
        session = await held.enter_async_context(open_session(configuration.s3))
        queue: WorkQueue[Key] = WorkQueue()
        cache = Cache(queue.add)
        measures = Measures(lambda: len(queue))
        base, stores = BaseSecrets(api, configuration), Stores(configuration, session)
        watch = StoreWatch(stores)
        platform = Platform(api, configuration.settings)
        reader = Reader(configuration.settings, api, cache, base=base, stores=watch, platform=platform)
        writer = writer_type(api, cache, base, stores, socket.gethostname())

        def forget(key: Key) -> None:
            watch.forget("/".join(key))
            cache.forget(key)

        reconciler = Reconciler(configuration.settings, reader, writer, measures, forget)
        following = _Following(api, cache, configuration)
        operations = Operations(measures.registry, why_not_ready=following.why_not_ready)
        working = asyncio.create_task(_work(following, queue, reconciler, configuration.workers))
        try:
            await operating.until_stopped(operating.server(operations, configuration.metrics_port), beside=working)
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


class _Following:
    """All that is followed."""

    def __init__(self, api: Api, cache: Cache, configuration: Configuration) -> None:
        self._api = api
        children = cache.children
        self._parts: list[tuple[Watched, Follower, asyncio.Event]] = [
            (Watched(CLAIMS.path(), TIER_LABEL), cache.claims, asyncio.Event()),
            # Without a selector: a label that was taken off must not hide what it was on.
            (Watched(CHILDREN[Kind.SOURCE].path()), children[Kind.SOURCE], asyncio.Event()),
            (Watched(CHILDREN[Kind.DESTINATION].path()), children[Kind.DESTINATION], asyncio.Event()),
            (
                Watched(CHILDREN[Kind.SNAPSHOT].path(), MADE_BY_VOLSYNC, metadata_only=True),
                cache.images,
                asyncio.Event(),
            ),
            (Watched(PODS.path(), MADE_BY_VOLSYNC), cache.movers, asyncio.Event()),
        ]
        # Where the External Secrets operator writes Secrets, we may not list them (deploy/external-secrets/).
        by_operator = configuration.settings.external_secrets is not None
        kind = Kind.EXTERNAL_SECRET if by_operator else Kind.SECRET
        self._parts.append((Watched(CHILDREN[kind].path(), _OURS), children[kind], asyncio.Event()))

    async def begin(self, group: asyncio.TaskGroup) -> None:
        """Follow, in this group; comes back when everything was seen once."""
        for watched, follower, seen in self._parts:
            group.create_task(follow(self._api, watched, follower, seen))
        for _, _, seen in self._parts:
            await seen.wait()

    def why_not_ready(self) -> str | None:
        """What was not seen yet, in words."""
        unseen = [watched.path for watched, _, seen in self._parts if not seen.is_set()]
        return f"not seen yet: {', '.join(unseen)}" if unseen else None


async def _work(following: _Following, queue: WorkQueue[Key], reconciler: Reconciler, workers: int) -> None:
    async with asyncio.TaskGroup() as group:
        # What is not seen would be taken for gone: nothing is decided before all of it was.
        await following.begin(group)
        for _ in range(workers):
            group.create_task(queue.work(reconciler.look, reconciler.failed))
