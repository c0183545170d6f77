"""The base Secrets in the controller's own namespace: what each repository's Secret starts from, and our own access."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from controller import resources
from controller.cluster.api import CHILDREN, ApiError
from controller.model import Credentials, Kind, MissingCredentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.cluster.api import Api
    from controller.configuration import Configuration
    from controller.contract import Repo

Given = Credentials | MissingCredentials
# Reading two Secrets by name twice a minute needs no right to list or watch any.
_READ_EVERY_S: Final = 30.0


class BaseSecrets:
    """One for each repository, read again when they may have been rotated."""

    def __init__(self, api: Api, configuration: Configuration) -> None:
        self._api = api
        self._namespace = configuration.namespace
        self._names = configuration.base_secrets
        self._given: Mapping[Repo, Given] = {}
        self._read_at_s = float("-inf")

    async def current(self) -> Mapping[Repo, Given]:
        """What is given, at most half a minute old; older where the API server does not answer. Never raises."""
        if time.monotonic() - self._read_at_s > _READ_EVERY_S:
            self._given = {repo: await self._read(repo, name) for repo, name in self._names.items()}
            complete = all(isinstance(given, Credentials) for given in self._given.values())
            # What is missing is looked for at each turn: somebody waits for it.
            self._read_at_s = time.monotonic() if complete else float("-inf")
        return self._given

    async def _read(self, repo: Repo, name: str) -> Given:
        where = f"the base Secret {self._namespace}/{name} of the {repo.value} repository"
        try:
            found = await self._api.get(CHILDREN[Kind.SECRET].path(self._namespace, name))
        except ApiError as error:
            if error.is_missing:
                keys = ", ".join(resources.BASE_KEYS)
                return MissingCredentials(f"{where} does not exist; create it with the keys {keys}")
            before = self._given.get(repo)
            if error.is_silence and isinstance(before, Credentials):
                return before
            return MissingCredentials(f"{where} could not be read: {error}")
        return Credentials(found.get("data") or {})
