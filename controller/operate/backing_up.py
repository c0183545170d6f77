"""`back-up`: one more backup now, waited for until a restore point proves it and the schedule is in force again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controller import children, contract, stamp
from controller.cluster.api import CHILDREN, ApiError
from controller.contract import Repo
from controller.model import Kind
from controller.operate.site import Refused

if TYPE_CHECKING:
    from controller.model import Object, RestorePoint
    from controller.operate.site import Found, Name, Site


async def run(site: Site, name: Name, deadline_s: float) -> RestorePoint:
    """The newest local restore point, which was begun after the call. Raises `Refused`."""
    found = await site.claim(name)
    _check(found, name)
    before = {point.id for point in await site.points(Repo.LOCAL, name)}
    word = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    await site.annotate(found, {contract.BACK_UP_NOW_ANNOTATION: word})
    site.tell(f"{name}: a backup is asked for ({word})")

    async def look() -> str | None:
        return _what_is_missing(await _sources(site, found), word)

    await site.until(f"the backup {word} of {name}", deadline_s, look)
    points = [point for point in await site.points(Repo.LOCAL, name) if point.id not in before]
    if not points:
        raise Refused(
            f"{name}: the mover ended without a restore point, as it does for an empty volume; "
            "look into the volume, and at the mover's log in the status of its ReplicationSource"
        )
    site.tell(f"{name}: restore point {points[-1].id[:8]} of {points[-1].at:%Y-%m-%dT%H:%M:%SZ}")
    return points[-1]


def _check(found: Found, name: Name) -> None:
    claim = found.claim
    if contract.TIER_LABEL not in claim.labels:
        raise Refused(f"{name} is not backed up: it lacks the label {contract.TIER_LABEL}; set it to a tier first")
    if not stamp.is_settled(claim.uid, claim.annotations):
        raise Refused(
            f"{name} is not backed up yet, since nobody has shown that its volume holds what it should; "
            f"kubectl describe pvc -n {name.namespace} {name.claim} says what is waited for"
        )


async def _sources(site: Site, found: Found) -> list[Object | None]:
    """Those that the claim should have: the local one, and the remote one if it is there."""
    claim = found.claim
    sources: list[Object | None] = []
    for repo in site.configuration.settings.stores:
        path = CHILDREN[Kind.SOURCE].path(claim.namespace, children.source_name(claim, repo))
        try:
            sources.append(await site.api.get(path))
        except ApiError as error:
            if not error.is_missing:
                raise
            if repo is Repo.LOCAL:
                sources.append(None)
    return sources


def _what_is_missing(sources: list[Object | None], word: str) -> str | None:
    for source in sources:
        if source is None:
            return "its source is not there yet"
        name = source["metadata"]["name"]
        if (source.get("status") or {}).get("lastManualSync") != word:
            return f"{name} has not done it yet"
        if "manual" in source["spec"]["trigger"]:
            return f"the schedule of {name} is not in force again yet"
    return None
