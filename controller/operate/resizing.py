"""`resize`: grow a claim in place, or shrink it by a backup, its deletion and a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from controller import quantity
from controller.cluster.api import CLAIMS, Patch
from controller.operate import backing_up, recreating, restoring
from controller.operate.recreating import Change
from controller.operate.site import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from controller.operate.site import Found, Name, Site

_GROWN_DEADLINE_S: Final = 300.0


async def run(site: Site, name: Name, request: str, folder: Path, deadline_s: float, *, agreed: bool) -> None:
    """Make the claim this large. Raises `Refused`; in a shrink nothing goes before a fresh backup fits, and counts."""
    if quantity.bytes_of(request) is None:
        raise Refused(f"{request!r} is no size; write one such as 10Gi")
    found = await site.claim(name)
    if not restoring.is_smaller(found, request):
        await _grow(site, name, found, request)
        return
    site.tell(f"{name}: to be shrunk from {found.claim.request} to {request}, by a backup and a restore of it")
    if agreed:
        await _shrink(site, name, request, folder, deadline_s)
    else:
        site.tell("nothing was changed; add --yes to do it")


async def _grow(site: Site, name: Name, found: Found, request: str) -> None:
    body = {"metadata": {"uid": found.uid}, "spec": {"resources": {"requests": {"storage": request}}}}
    await site.api.patch(CLAIMS.path(name.namespace, name.claim), body, Patch.MERGE)

    async def look() -> str | None:
        status = (await site.claim(name)).body.get("status") or {}
        given = (status.get("capacity") or {}).get("storage", "0")
        if (quantity.bytes_of(given) or 0) >= (quantity.bytes_of(request) or 0):
            return None
        awaited = ", ".join(each["type"] for each in status.get("conditions") or ()) or "no condition"
        return f"it has {given} ({awaited}); some file systems grow only while a pod uses the claim"

    await site.until(f"{name} to be {request} large", _GROWN_DEADLINE_S, look)
    site.tell(f"{name}: is {request} large; backups and restores use that from now on")


async def _shrink(site: Site, name: Name, request: str, folder: Path, deadline_s: float) -> None:
    await recreating.check_unused(site, name)
    point = await backing_up.run(site, name, deadline_s)
    restoring.check_size(name, point, request)
    await restoring.choose(site, name, restoring.Order())
    await recreating.check_unused(site, name)
    found = await site.claim(name)
    await recreating.recreate(site, name, found, Change(point, request=request), folder)
