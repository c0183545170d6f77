"""Carries out what was decided. Every write of the controller goes through one method here, and is safe to be the last.

A write that finds the world changed is dropped without a word: the change wakes us, and all is decided anew.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, assert_never

from controller import contract
from controller.cluster import saying
from controller.cluster.api import CHILDREN, CLAIMS, EVENTS, ApiError, Patch
from controller.model import Annotate, Announce, Create, Credentials, Delete, Kind, RemoveLock, Replace
from controller.store.s3 import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.cluster.api import Api
    from controller.cluster.base import BaseSecrets
    from controller.cluster.cache import Cache
    from controller.cluster.saying import Said
    from controller.contract import Repo
    from controller.model import Answer, Claim, Object, Write
    from controller.store.asking import Repository
    from controller.store.noting import Note
    from controller.store.truths import Stores

_LOG: Final = logging.getLogger("firedrill.writing")


class Writer:
    """Writes for any number of claims at once. Raises `ApiError` and `StoreError` for what may be tried again."""

    def __init__(self, api: Api, cache: Cache, base: BaseSecrets, stores: Stores, instance: str) -> None:
        self._api = api
        self._cache = cache
        self._base = base
        self._stores = stores
        self._instance = instance

    async def _do(self, what: str, act: Callable[[], Awaitable[Object | None]]) -> Object | None:
        """One write. The only place where anything is written; `what` names it in words."""
        done = await act()
        _LOG.info(what)
        return done

    async def write(self, namespace: str, name: str, write: Write) -> None:
        """One write of a decision about the claim of this name."""
        match write:
            case Create():
                await self._create(namespace, name, write)
            case Replace():
                await self._replace(namespace, write)
            case Delete(kind, child, uid):
                path = CHILDREN[kind].path(namespace, child)
                await self._unless_changed(f"delete {path}", lambda: self._api.delete(path, uid))
            case Annotate(uid, annotations):
                path = CLAIMS.path(namespace, name)
                body = {"metadata": {"uid": uid, "annotations": dict(annotations)}}
                stored = await self._unless_changed(
                    f"annotate {path}", lambda: self._api.patch(path, body, Patch.MERGE)
                )
                self._learn_claim(stored)
            case RemoveLock():
                await self._remove_lock(namespace, name, write)
            case Announce(repo):
                repository = await self._repository(namespace, name, repo)
                await self._do(f"announce {repository.announcement}", repository.announce)
            case _:
                assert_never(write)

    async def note(self, claim: Claim, note: Note) -> None:
        """Note in a store that the claim has restore points there."""
        repository = await self._repository(claim.namespace, claim.name, note.repo)
        await self._do(f"note {repository.known}{note.now}", lambda: repository.note(note.now))
        if (before := note.instead_of) is not None:
            await self._do(f"forget {repository.known}{before}", lambda: repository.forget(before))

    async def tell(self, claim: Claim, said: Said, answer: Answer) -> None:
        """An event on the claim."""
        body = saying.event(claim, said, answer, datetime.now(UTC), self._instance)
        path = EVENTS.path(claim.namespace)
        await self._unless_changed(f"event {path} {said.reason}", lambda: self._api.create(path, body))

    async def set_condition(self, claim: Claim, said: Said) -> None:
        """The condition on the claim."""
        path = CLAIMS.path(claim.namespace, claim.name, "status")
        body = saying.condition(claim, said, datetime.now(UTC))
        stored = await self._unless_changed(
            f"condition {path} {said.reason}", lambda: self._api.patch(path, body, Patch.STRATEGIC)
        )
        self._learn_claim(stored)

    async def _create(self, namespace: str, name: str, write: Create) -> None:
        # Uncached: a source names its claim by name alone, and one made for a claim that is gone would copy the next.
        try:
            claim = await self._api.get(CLAIMS.path(namespace, name))
        except ApiError as error:
            if error.is_missing:
                return
            raise
        if claim["metadata"]["uid"] != write.while_claim_uid or "deletionTimestamp" in claim["metadata"]:
            return
        path = CHILDREN[write.kind].path(namespace)
        try:
            stored = await self._do(f"create {path}/{write.name}", lambda: self._api.create(path, write.body))
        except ApiError as error:
            if not error.is_conflict:
                raise
            # It was there, and no watch has shown it: from now on it is seen as it is.
            self._cache.strays.add((write.kind, (namespace, write.name)))
            return
        self._learn_child(write.kind, stored)

    async def _replace(self, namespace: str, write: Replace) -> None:
        path = CHILDREN[write.kind].path(namespace, write.name)
        body = {**write.body, "metadata": {**write.body["metadata"], "resourceVersion": write.version}}
        stored = await self._unless_changed(f"replace {path}", lambda: self._api.replace(path, body))
        self._learn_child(write.kind, stored)

    async def _remove_lock(self, namespace: str, name: str, write: RemoveLock) -> None:
        given = (await self._base.current()).get(write.repo)
        if not isinstance(given, Credentials):
            return
        repository = self._stores.repository(write.repo, namespace, name, given)
        key = f"{repository.path}locks/{write.lock}"
        await self._do(f"remove {key}", lambda: repository.bucket.delete(key))

    async def _repository(self, namespace: str, name: str, repo: Repo) -> Repository:
        given = (await self._base.current()).get(repo)
        if not isinstance(given, Credentials):
            raise StoreError(f"the base Secret of the {repo.value} repository is gone")
        return self._stores.repository(repo, namespace, name, given)

    async def _unless_changed(self, what: str, act: Callable[[], Awaitable[Object | None]]) -> Object | None:
        try:
            return await self._do(what, act)
        except ApiError as error:
            if error.is_missing or error.is_conflict:
                return None
            raise

    def _learn_child(self, kind: Kind, stored: Object | None) -> None:
        if stored is not None:
            self._cache.children[kind].put(stored)

    def _learn_claim(self, stored: Object | None) -> None:
        # Without the label no watch would tell of its end.
        if stored is not None and contract.TIER_LABEL in (stored["metadata"].get("labels") or {}):
            self._cache.claims.put(stored)
