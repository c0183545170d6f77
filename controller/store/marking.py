"""Marks new stores as this installation's: `python -m controller init-store`, once, by an administrator.

Without the mark no claim is ever started empty: an empty store may be the wrong bucket, or have lost everything. So
nothing else writes it. It is not written over: whoever finds it there has nothing to do.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from controller import naming
from controller.cluster import connection
from controller.cluster.api import Api
from controller.cluster.base import BaseSecrets
from controller.model import MissingCredentials
from controller.store.s3 import AlreadyThere, StoreError
from controller.store.session import open_session
from controller.store.truths import Stores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.configuration import Configuration
    from controller.contract import Repo
    from controller.store.truths import Given

EXIT_NOTHING_MARKED: Final = 2


async def run(configuration: Configuration) -> None:
    """Mark each store, and say so. Exits with 2 where a store could not be marked, or all were."""
    api = Api(connection.find())
    try:
        given = await BaseSecrets(api, configuration).current()
        async with open_session(configuration.s3) as session:
            told = [
                await mark(Stores(configuration, session), repo, given, configuration)
                for repo in configuration.settings.stores
            ]
    finally:
        await api.close()
    for is_marked, line in told:
        print(f"init-store: {line}", file=sys.stdout if is_marked else sys.stderr)
    if not all(is_marked for is_marked, _ in told):
        raise SystemExit(EXIT_NOTHING_MARKED)


async def mark(
    stores: Stores, repo: Repo, given: Mapping[Repo, Given], configuration: Configuration
) -> tuple[bool, str]:
    """Whether the store was marked now, and what to tell about it."""
    store = configuration.settings.stores[repo]
    where = f"the {repo.value} store ({store.endpoint}, bucket {store.bucket}, prefix {store.prefix or 'none'})"
    access = given[repo]
    if isinstance(access, MissingCredentials):
        return False, f"{where} could not be marked: {access.why}"
    content = json.dumps({"markedAt": datetime.now(UTC).isoformat(timespec="seconds")}).encode()
    try:
        await stores.bucket(repo, access).put_new(naming.marker_path(store.prefix), content)
    except AlreadyThere:
        return False, f"{where} is marked already; nothing was changed"
    except StoreError as error:
        return False, f"{where} could not be marked: {error}"
    return True, f"{where} is marked as this installation's"
