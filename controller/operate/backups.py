"""`backups`: which restore points a claim has, and how fresh its standby image is. The claim itself may be gone."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from controller import standing_by
from controller.model import Absent, Exists, Unknown
from controller.operate import standbys
from controller.operate.site import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.model import RestorePoint
    from controller.operate.site import Name, Site


async def run(site: Site, name: Name) -> None:
    """Print them, newest first. Raises `Refused` in the end if a repository could not be read."""
    unread: list[str] = []
    for repo in site.configuration.settings.stores:
        truth = await site.truth(repo, name)
        match truth:
            case Exists(points=points):
                site.tell(f"{repo.value} repository of {name}: {len(points)} restore points")
                for line in rows(points):
                    site.tell(line)
                if repo is standing_by.REPO and (around := await standbys.around(site, name)).children:
                    site.tell(f"{name}: {standing_by.freshness(truth, around)}")
            case Absent():
                site.tell(f"{repo.value} repository of {name}: no restore point")
            case Unknown(why):
                unread.append(f"the {repo.value} repository of {name} could not be read: {why}")
    if unread:
        raise Refused("\n".join(unread))


def rows(points: tuple[RestorePoint, ...]) -> Iterator[str]:
    """A line for each point, newest first, as `restore --previous` counts them."""
    yield f"  {'previous':>8}  {'begun (UTC)':<20}  {'id':<8}  {'bytes':>16}"
    for previous, point in enumerate(reversed(points)):
        at = point.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        size = "unknown" if point.size_bytes is None else str(point.size_bytes)
        yield f"  {previous:>8}  {at}  {point.id[:8]}  {size:>16}"
