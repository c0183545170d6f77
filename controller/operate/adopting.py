"""`adopt`: restore points that lie where a claim's backups belong, and are not noted as its own, are its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.model import Exists
from controller.operate import backups
from controller.operate.site import Refused, named
from controller.store.s3 import StoreError

if TYPE_CHECKING:
    from controller.contract import Repo
    from controller.operate.site import Name, Site
    from controller.store.asking import Seen


async def run(site: Site, name: Name, *, agreed: bool) -> None:
    """List them, and note in each store that has any that they are the claim's. Raises `Refused` if there are none."""
    looked = {repo: await _look(site, repo, name) for repo in site.configuration.settings.stores}
    strangers = {repo: seen for repo, seen in looked.items() if _are_strangers(seen)}
    if not strangers:
        raise Refused(
            f"{name}: there are no restore points that are not known to be its own; `backups {name}` lists all"
        )
    for repo, seen in strangers.items():
        points = await site.points(repo, name)
        site.tell(f"{repo.value} repository of {name}: {len(points)} restore points that are not noted as its own")
        for line in backups.rows(points):
            site.tell(line)
        if agreed:
            await _adopt(site, repo, name, seen)
    if not agreed:
        site.tell(f"nothing was changed; if these are backups of {name}, add --yes")


async def _look(site: Site, repo: Repo, name: Name) -> Seen:
    return await site.stores.look(repo, named(name), await site.base.current())


def _are_strangers(seen: Seen) -> bool:
    return isinstance(seen.truth, Exists) and (seen.noted.present is False or seen.is_another_repository)


async def _adopt(site: Site, repo: Repo, name: Name, seen: Seen) -> None:
    repository = site.stores.repository(repo, name.namespace, name.claim, await site.access(repo))
    try:
        if seen.known is None:
            await repository.announce()
        else:
            await repository.note(replace(seen.known, key=seen.key))
            await repository.forget(seen.known)
    except StoreError as error:
        raise Refused(f"it could not be noted in the {repo.value} store: {error}") from error
    site.tell(f"{repo.value} repository of {name}: noted as its own")
