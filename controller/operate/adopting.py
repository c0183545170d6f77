"""`adopt`: restore points that lie where a claim's backups belong, and that nothing notes as its own, are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.model import Exists
from controller.operate import backups
from controller.operate.site import Refused, named
from controller.store.s3 import StoreError

if TYPE_CHECKING:
    from controller.contract import Repo
    from controller.operate.site import Name, Site


async def run(site: Site, name: Name, *, agreed: bool) -> None:
    """List them, and note in each store that has any that they are the claim's. Raises `Refused` if there are none."""
    strangers = [repo for repo in site.configuration.settings.stores if await _has_strangers(site, repo, name)]
    if not strangers:
        raise Refused(
            f"{name}: there are no restore points that are not known to be its own; `backups {name}` lists all"
        )
    for repo in strangers:
        points = await site.points(repo, name)
        site.tell(f"{repo.value} repository of {name}: {len(points)} restore points that nothing notes as its own")
        for line in backups.rows(points):
            site.tell(line)
        if agreed:
            await _adopt(site, repo, name)
    if not agreed:
        site.tell(f"nothing was changed; if these are backups of {name}, add --yes")


async def _has_strangers(site: Site, repo: Repo, name: Name) -> bool:
    seen = await site.stores.look(repo, named(name), await site.base.current())
    return isinstance(seen.truth, Exists) and seen.noted.present is False


async def _adopt(site: Site, repo: Repo, name: Name) -> None:
    repository = site.stores.repository(repo, name.namespace, name.claim, await site.access(repo))
    try:
        await repository.announce()
    except StoreError as error:
        raise Refused(f"it could not be noted in the {repo.value} store: {error}") from error
    site.tell(f"{repo.value} repository of {name}: noted as its own")
