"""`decommission`: a claim is backed up no more, its backups stay. `delete-backups`: those go as well, when ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from controller import contract, naming
from controller.cluster.api import CHILDREN, CLAIMS, PODS, ApiError, Patch
from controller.cluster.claims import MADE_BY_VOLSYNC, mover_from
from controller.model import Kind
from controller.naming import claim_key
from controller.operate import standbys
from controller.operate.site import Refused
from controller.store.s3 import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.contract import Repo
    from controller.operate.site import Name, Site

_RELEASED_DEADLINE_S: Final = 300.0


async def decommission(site: Site, name: Name) -> None:
    """Take the label off, and wait until nothing backs the claim up. Raises `Refused`."""
    found = await site.claim(name)
    if contract.TIER_LABEL in found.claim.labels:
        body = {"metadata": {"uid": found.uid, "labels": {contract.TIER_LABEL: None}}}
        await site.api.patch(CLAIMS.path(name.namespace, name.claim), body, Patch.MERGE)

    async def look() -> str | None:
        remaining = await _at_work(site, name)
        return f"{', '.join(remaining)} remains" if remaining else None

    await site.until(f"the children of {name} to be removed", _RELEASED_DEADLINE_S, look)
    site.tell(f"{name}: is not backed up any more; its volume and its backups stay")
    site.tell(f"{name}: to delete them for good, delete the claim, then: delete-backups {name} --yes")


async def delete_backups(site: Site, name: Name, *, agreed: bool) -> None:
    """Delete every repository of a claim that is gone, or is not backed up. Raises `Refused`."""
    found = await site.find(name)
    if found is not None and contract.TIER_LABEL in found.claim.labels:
        raise Refused(f"{name} exists and is backed up; first: decommission {name}")
    if remaining := await _at_work(site, name, but=naming.is_standby):
        raise Refused(f"{name}: {', '.join(remaining)} may still write; wait until it is gone, and try again")
    await standbys.remove(site, name, agreed=agreed)
    for repo in site.configuration.settings.stores:
        await _delete(site, name, repo, agreed=agreed)
    if not agreed:
        site.tell("nothing was changed; add --yes to do it. It cannot be undone")


async def _delete(site: Site, name: Name, repo: Repo, *, agreed: bool) -> None:
    repository = site.stores.repository(repo, name.namespace, name.claim, await site.access(repo))
    try:
        objects = await repository.bucket.all(repository.path)
        notes = await repository.bucket.all(repository.known)
        if agreed:
            # The note goes last: while it is there, what is half deleted is taken for a loss and not for a new claim.
            for entry in (*objects, *notes):
                await repository.bucket.delete(entry.key)
    except StoreError as error:
        raise Refused(f"the {repo.value} repository of {name} could not be deleted: {error}") from error
    done = "deleted" if agreed else "to be deleted"
    site.tell(f"{repo.value} repository of {name}: {len(objects)} objects {done}")


async def _at_work(site: Site, name: Name, but: Callable[[str, str, str], bool] = lambda *_: False) -> tuple[str, ...]:
    """A claim's sources, destinations and movers, without those that `but` knows by the names of the first two.

    A mover outlives its source by the grace of its pod, and writes meanwhile: its script swallows the signal.
    """
    selector = f"{contract.CLAIM_KEY_LABEL}={claim_key(name.namespace, name.claim)}"
    found = []
    for kind in (Kind.SOURCE, Kind.DESTINATION):
        try:
            bodies = await site.api.list(CHILDREN[kind].path(name.namespace), selector, metadata_only=True)
        except ApiError as error:
            if not error.is_missing:
                raise
            continue
        names = [body["metadata"]["name"] for body in bodies]
        found += [f"{kind.value} {each}" for each in names if not but(name.namespace, name.claim, each)]
    pods = await site.api.list(PODS.path(name.namespace), MADE_BY_VOLSYNC)
    prefix = naming.child_prefix(name.namespace, name.claim)
    for mover in (each for pod in pods if (each := mover_from(pod)) is not None):
        if mover.owner.startswith(prefix) and not but(name.namespace, name.claim, mover.owner):
            found.append(f"mover {mover.pod}")
    return tuple(found)
