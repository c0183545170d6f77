"""Which stores are asked about a claim, and how closely: as much as the decision needs, and in its order."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING, Final

from controller import naming, quantity, resources
from controller.contract import Repo
from controller.intent import Intent, Latest
from controller.model import Absent, Credentials, Exists, MissingCredentials, Unknown
from controller.store import known
from controller.store.asking import Repository, Seen
from controller.store.restic import Restic
from controller.store.s3 import Access, Bucket, Refused, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from controller.configuration import Configuration
    from controller.model import Claim, Truth
    from controller.retention import Retention
    from controller.store.known import Known

Given = Credentials | MissingCredentials
# In the image; elsewhere on the path.
RESTIC: Final = "restic"
# restic derives its key for about a second, and longer on a busy machine.
RESTIC_S: Final = 30.0
# For a page of a thousand notes, which a busy store looks into one by one. Each note that is not had costs a request.
_NOTES_S: Final = 15.0
# What a pod's memory has room for beside the controller (deploy/serve.yaml): many claims may be created at once that
# ask for an older restore point each, and whoever runs out of memory answers nobody.
RESTICS_MAX: Final = 2


class Stores:
    """All stores of the installation. Nothing here raises: what is no answer is `Unknown`."""

    def __init__(self, configuration: Configuration, session: aiohttp.ClientSession) -> None:
        self._settings = configuration.settings
        self._regions = configuration.regions
        self._session = session
        self._answer_s = configuration.s3.answer_s
        self._turns = asyncio.Semaphore(RESTICS_MAX)
        # What the store has left of the time for an answer at admission. A claim that is stored can wait.
        self._restic_in_time_s = configuration.admission.deadline_s - configuration.s3.answer_s

    def retention(self, repo: Repo, wanted: Intent) -> Retention:
        """The rule by which restore points of a claim go in a store."""
        return wanted.tier.retention if repo is Repo.LOCAL else self._settings.remote.retention

    def repository(self, repo: Repo, namespace: str, claim: str, given: Credentials) -> Repository:
        """The place of one claim's backups in a store."""
        store = self._settings.stores[repo]
        return Repository(self.bucket(repo, given), store, namespace, claim)

    def bucket(self, repo: Repo, given: Credentials) -> Bucket:
        """The bucket of a store, with the access that the base Secret gives."""
        access = Access(
            _plain(given, "AWS_ACCESS_KEY_ID"),
            _plain(given, "AWS_SECRET_ACCESS_KEY"),
            _plain(given, "AWS_SESSION_TOKEN") or None,
            self._regions[repo],
        )
        return Bucket(self._session, self._settings.stores[repo], access)

    def restic(self, repo: Repo, claim: Claim, given: Credentials) -> Restic:
        """The repository of a claim, as restic opens it."""
        return Restic(RESTIC, resources.repository_url(claim, repo, self._settings), given, self._turns)

    async def for_new(self, wanted: Intent, claim: Claim, given: Mapping[Repo, Given]) -> Mapping[Repo, Truth]:
        """What a claim that is being created needs: the local store, and the remote one where that holds nothing.

        The restore points themselves are read only where another than the newest is asked for, or where the claim is
        smaller than its volume was when that was noted: then they may not fit.
        """
        if wanted.own_source is not None or wanted.skip_reason is not None:
            return {}
        order = [wanted.restore_from] if wanted.restore_from else [repo for repo in Repo if repo in given]
        truths: dict[Repo, Truth] = {}
        for repo in order:
            seen = (await self.look(repo, claim, given)).of_undecided()
            truths[repo] = seen.truth
            if isinstance(seen.truth, Exists) and (not isinstance(wanted.request, Latest) or _may_not_fit(claim, seen)):
                truths[repo] = await self.read(repo, claim, given, self._restic_in_time_s)
            if not isinstance(seen.truth, Absent):
                break
        return truths

    async def look(self, repo: Repo, claim: Claim, given: Mapping[Repo, Given]) -> Seen:
        """What a store says of a claim, in two cheap requests."""
        access = _access(repo, given)
        if isinstance(access, MissingCredentials):
            return Seen(Unknown(access.why))
        return await self.repository(repo, claim.namespace, claim.name, access).look(self._answer_s)

    async def look_at_noted(self, repo: Repo, claim: Claim, given: Mapping[Repo, Given], noted: Known) -> Seen:
        """The same of a claim of which it is known what is noted: one request, if there are restore points."""
        access = _access(repo, given)
        if isinstance(access, MissingCredentials):
            return Seen(Unknown(access.why))
        repository = self.repository(repo, claim.namespace, claim.name, access)
        return await repository.look_at_noted(self._answer_s, noted)

    async def noted(self, repo: Repo, given: Mapping[Repo, Given]) -> dict[str, Known]:
        """What is noted of each claim that has had restore points, by its full name.

        One request for a thousand claims. Raises `StoreError`.
        """
        access = _access(repo, given)
        if isinstance(access, MissingCredentials):
            return {}
        prefix = self._settings.stores[repo].prefix
        found: dict[str, Known] = {}
        for entry in await self.bucket(repo, access).all(naming.known_prefix(prefix), page_s=_NOTES_S):
            place = naming.known_of(prefix, entry.key)
            noted = known.read(place[2]) if place is not None else None
            if place is not None and noted is not None:
                found.setdefault("/".join(place[:2]), noted)
        return found

    async def read(self, repo: Repo, claim: Claim, given: Mapping[Repo, Given], deadline_s: float = RESTIC_S) -> Truth:
        """What the repository of a claim says itself, where the store has listed restore points; about a second."""
        access = _access(repo, given)
        if isinstance(access, MissingCredentials):
            return Unknown(access.why)
        repository = self.repository(repo, claim.namespace, claim.name, access)
        return await repository.read(self.restic(repo, claim, access), deadline_s)

    async def refuses(self, repo: Repo, claim: Claim, access: Credentials) -> bool:
        """Whether the store answers, and does not let this access read what it has of the claim. No answer is none."""
        repository = self.repository(repo, claim.namespace, claim.name, access)
        try:
            async with asyncio.timeout(self._answer_s):
                await repository.bucket.first(repository.path, start_after=repository.path)
        except Refused:
            return True
        except (StoreError, TimeoutError):
            return False
        return False


def _access(repo: Repo, given: Mapping[Repo, Given]) -> Given:
    found = given.get(repo, MissingCredentials(f"the base Secret of the {repo.value} repository was not read"))
    if isinstance(found, Credentials) and (lacking := resources.missing_keys(found.data)):
        return MissingCredentials(f"the base Secret of the {repo.value} repository lacks {', '.join(lacking)}")
    return found


def _may_not_fit(claim: Claim, seen: Seen) -> bool:
    asked_bytes = quantity.bytes_of(claim.request) or 0
    return seen.known is None or asked_bytes < seen.known.size_bytes


def _plain(given: Credentials, key: str) -> str:
    try:
        return base64.b64decode(given.data.get(key, ""), validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""
