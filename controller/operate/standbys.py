"""The images that stand by for a claim, as they are now. The claim itself may be gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller import contract, naming
from controller.cluster.api import CHILDREN, ApiError
from controller.cluster.claims import child_from
from controller.model import Kind, Moment, World

if TYPE_CHECKING:
    from controller.model import Object
    from controller.operate.site import Name, Site


async def around(site: Site, name: Name) -> World:
    """A claim's standbys, done or not, and the images that there are; nothing else of it was looked at."""
    selector = f"{contract.CLAIM_KEY_LABEL}={contract.claim_key(name.namespace, name.claim)}"
    bodies = await _listed(site, name, Kind.DESTINATION, selector)
    found = [child_from(Kind.DESTINATION, body) for body in bodies]
    standbys = tuple(child for child in found if naming.is_standby(name.namespace, name.claim, child.name))
    images = await _listed(site, name, Kind.SNAPSHOT) if standbys else ()
    return World(
        moment=Moment.RECONCILE,
        namespace=name.namespace,
        name=name.claim,
        claim=None,
        truths={},
        children=standbys,
        snapshots=tuple(body["metadata"]["name"] for body in images if "deletionTimestamp" not in body["metadata"]),
    )


async def remove(site: Site, name: Name, *, agreed: bool) -> None:
    """Delete the images that stand by for a claim, with what made them; without consent, say which."""
    for standby in (await around(site, name)).children:
        if agreed:
            await site.api.delete(CHILDREN[Kind.DESTINATION].path(name.namespace, standby.name), standby.uid)
        site.tell(f"{name}: the standby {standby.name} and its image {'deleted' if agreed else 'to be deleted'}")


async def _listed(site: Site, name: Name, kind: Kind, selector: str | None = None) -> tuple[Object, ...]:
    try:
        return await site.api.list(CHILDREN[kind].path(name.namespace), selector)
    except ApiError as error:
        if error.is_missing:
            return ()
        raise
