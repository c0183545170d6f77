"""Keys of a store that are renewed while a mover runs.

A mover has the keys that its Secret held when its container began, and restic goes on asking with them for 15 minutes
(restic 0.18.1, internal/backend/retry) before it gives up and the next pod of its Job gets the new ones. So before the
Secret is put right, the store is asked whether it still takes the old keys. If it does, the mover may well be writing,
and is left alone. If it refuses them, the mover cannot write any more, and is stopped: its source is paused until the
pod has ended. VolSync makes another as soon as it is not, so that never two of them run.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from controller import children, resources
from controller.model import Credentials, Kind, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.contract import Repo
    from controller.intent import Intent
    from controller.model import Child, Claim, Mover, Object, World
    from controller.settings import Settings

_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def outdated(claim: Claim, world: World, settings: Settings) -> Mapping[Repo, Credentials]:
    """Of each repository that a mover was given other keys for than are given now, those that its Secret still has.

    Only where the store answers to those of now, and the Secret leads to the same place: otherwise nobody could tell a
    refusal from a store that is away. A Secret of the External Secrets operator is not ours to put right.
    """
    if settings.external_secrets is not None:
        return {}
    found = {}
    for repo, given in world.credentials.items():
        secret = children.find(world, Kind.SECRET, children.source_name(claim, repo))
        answers = not isinstance(world.truths.get(repo, Unknown("nobody asked it")), Unknown)
        if secret is None or not isinstance(given, Credentials) or not answers or running(claim, repo, world) is None:
            continue
        url = base64.b64encode(resources.repository_url(claim, repo, settings).encode()).decode()
        renewed = any(secret.content.get(key) != given.data.get(key) for key in _KEYS)
        if renewed and secret.content.get(resources.REPOSITORY_KEY) == url:
            found[repo] = Credentials(secret.content)
    return found


def running(claim: Claim, repo: Repo, world: World) -> Mover | None:
    """The mover that backs a claim up to a repository, once it has its keys; one that is being stopped is one, too."""
    source = children.source_name(claim, repo)
    return next((mover for mover in world.movers if mover.owner == source and not mover.waiting), None)


def paused(claim: Claim, repo: Repo, source: Child, wanted: Intent, settings: Settings) -> Object:
    """The source as it should be, but paused, and with the trigger that it has: a sync that runs goes by that."""
    body = resources.with_trigger(children.source(claim, repo, wanted, settings), source.content.get("trigger") or {})
    return {**body, "spec": {**body["spec"], "paused": True}}
