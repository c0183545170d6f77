"""Where operations happen: the cluster and the stores, with the rights of the person who types."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from controller.cluster import connection
from controller.cluster.api import CLAIMS, PODS, Api, ApiError, Patch
from controller.cluster.base import BaseSecrets
from controller.cluster.claims import claim_from
from controller.model import Absent, Credentials, Exists, MissingCredentials, RestorePoint, Unknown
from controller.store.session import open_session
from controller.store.truths import Stores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from controller.configuration import Configuration
    from controller.contract import Repo
    from controller.model import Claim, Object, Truth

_LOOK_EVERY_S: Final = 1.0


class Refused(Exception):
    """Nothing was done, or no more of it: what, why, and what to type, in one text."""


@dataclass(frozen=True, slots=True)
class Name:
    """Which claim is meant."""

    namespace: str
    claim: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.claim}"


@dataclass(frozen=True, slots=True)
class Found:
    """A claim as the API server has it now, and as decisions see it."""

    body: Object
    claim: Claim

    @property
    def uid(self) -> str:
        """Of this life of the claim."""
        return self.claim.uid or ""


class Site:
    """One installation. Its methods raise `Refused` and `ApiError`."""

    def __init__(self, configuration: Configuration, api: Api, stores: Stores, tell: Callable[[str], None]) -> None:
        self.configuration = configuration
        self.api = api
        self.stores = stores
        self.tell = tell
        self.base = BaseSecrets(api, configuration)

    async def find(self, name: Name) -> Found | None:
        """The claim, or None if there is none."""
        try:
            body = await self.api.get(CLAIMS.path(name.namespace, name.claim))
        except ApiError as error:
            if error.is_missing:
                return None
            raise
        return Found(body, claim_from(body))

    async def claim(self, name: Name) -> Found:
        """The claim. Raises `Refused` if there is none."""
        found = await self.find(name)
        if found is None:
            raise Refused(f"there is no claim {name}; kubectl get pvc -n {name.namespace} lists those that there are")
        return found

    async def annotate(self, found: Found, annotations: Mapping[str, str | None]) -> None:
        """Set these annotations of this life of the claim; None takes one off."""
        claim = found.claim
        body = {"metadata": {"uid": found.uid, "annotations": dict(annotations)}}
        await self.api.patch(CLAIMS.path(claim.namespace, claim.name), body, Patch.MERGE)

    async def users(self, name: Name) -> tuple[str, ...]:
        """The pods that use the claim, movers included, and have not ended."""
        pods = await self.api.list(PODS.path(name.namespace))
        return tuple(
            pod["metadata"]["name"]
            for pod in pods
            if (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"} and name.claim in _claims_of(pod)
        )

    async def access(self, repo: Repo) -> Credentials:
        """What opens a store. Raises `Refused` where that is not given."""
        given = (await self.base.current())[repo]
        if isinstance(given, MissingCredentials):
            raise Refused(f"the {repo.value} store cannot be reached: {given.why}")
        return given

    async def points(self, repo: Repo, name: Name) -> tuple[RestorePoint, ...]:
        """All restore points of a claim in a repository, oldest first. Raises `Refused` where nobody can say."""
        truth = await self.truth(repo, name)
        match truth:
            case Exists(points=points):
                return points
            case Absent():
                return ()
            case Unknown(why):
                raise Refused(f"nobody can say what the {repo.value} repository of {name} holds: {why}")

    async def truth(self, repo: Repo, name: Name) -> Truth:
        """What the repository says itself, points included; that there is none is believed of the store alone."""
        given = await self.base.current()
        claim = named(name)
        seen = await self.stores.look(repo, claim, given)
        return await self.stores.read(repo, claim, given) if isinstance(seen.truth, Exists) else seen.truth

    async def truth_for_new(self, repo: Repo, name: Name) -> Truth:
        """The same as admission will see it, when the claim is created anew: only what was noted as its own counts."""
        seen = (await self.stores.look(repo, named(name), await self.base.current())).of_undecided()
        return await self.truth(repo, name) if isinstance(seen.truth, Exists) else seen.truth

    async def until(self, what: str, deadline_s: float, look: Callable[[], Awaitable[str | None]]) -> None:
        """Wait until `look` has nothing more to say. Raises `Refused` with what it said last."""
        ends_at_s = time.monotonic() + deadline_s
        while (seen := await look()) is not None:
            if time.monotonic() > ends_at_s:
                raise Refused(f"waited {deadline_s:.0f} s for {what}, and then: {seen}")
            await asyncio.sleep(_LOOK_EVERY_S)


@asynccontextmanager
async def opened(configuration: Configuration, tell: Callable[[str], None]) -> AsyncIterator[Site]:
    """Connected until the end of the block. Raises `NoCluster`."""
    api = Api(connection.find())
    try:
        async with open_session(configuration.s3) as session:
            yield Site(configuration, api, Stores(configuration, session), tell)
    finally:
        await api.close()


def _claims_of(pod: Object) -> frozenset[str]:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return frozenset(v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v)


def named(name: Name) -> Claim:
    """A claim that may be gone: of its repository only the name tells."""
    return claim_from({"metadata": {"namespace": name.namespace, "name": name.claim}})
