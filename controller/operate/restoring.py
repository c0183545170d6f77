"""`restore`: the claim returns with an earlier content. The request is met from the repository before anything goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from controller import contract, quantity, truth
from controller.intent import Earlier, Latest
from controller.model import Absent, Exists, RestorePoint, Unknown
from controller.operate import recreating
from controller.operate.recreating import Change
from controller.operate.site import Refused
from controller.truth import Unmeetable

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from controller.contract import Repo
    from controller.intent import Request
    from controller.model import Truth
    from controller.operate.site import Found, Name, Site


@dataclass(frozen=True, slots=True)
class Order:
    """Which restore point is wanted. `repo` is None for the first repository that has any."""

    previous: int = 0
    as_of: datetime | None = None
    repo: Repo | None = None

    @property
    def request(self) -> Request:
        """As an owner's annotations ask for it."""
        return Earlier(self.previous, self.as_of) if self.previous or self.as_of else Latest()


async def run(site: Site, name: Name, order: Order, folder: Path, *, agreed: bool) -> None:
    """Say what would come back; do it if that is agreed to. Raises `Refused`, with nothing touched."""
    found = await site.claim(name)
    if contract.TIER_LABEL not in found.claim.labels:
        raise Refused(f"{name} lacks the label {contract.TIER_LABEL}: nobody would restore it; set it to a tier first")
    repo, point = await choose(site, name, order)
    check_size(name, point, found.claim.request)
    at = point.at.replace(microsecond=0)
    site.tell(f"{name}: to be restored from {point.id[:8]} of {_written(at)} in the {repo.value} repository")
    site.tell(f"{name}: what it holds now and is in no backup stays in its old volume alone")
    if not agreed:
        site.tell("nothing was changed; add --yes to do it")
        return
    await recreating.check_unused(site, name)
    asked = {contract.RESTORE_FROM_ANNOTATION: repo.value, contract.RESTORE_AS_OF_ANNOTATION: _written(at)}
    await recreating.recreate(site, name, found, Change(point, asked), folder)


async def choose(site: Site, name: Name, order: Order) -> tuple[Repo, RestorePoint]:
    """The point that meets the order, as the controller will choose it. Raises `Refused` if none does."""
    repos = [order.repo] if order.repo else list(site.configuration.settings.stores)
    truths: dict[Repo, Truth] = {}
    for each in repos:
        truths[each] = await site.truth_for_new(each, name)
        if not isinstance(truths[each], Absent):
            break  # a later repository counts only where this one certainly holds nothing
    repo, known = truth.combined(truths, order.repo)
    match known:
        case Unknown(why):
            raise Refused(f"nobody can say what the {repo.value} repository of {name} holds: {why}")
        case Absent():
            raise Refused(f"{name} has no restore point in {' or '.join(each.value for each in repos)}")
        case Exists():
            point = truth.select(known, order.request)
    match point:
        case RestorePoint():
            return repo, point
        case Unmeetable(why) | Unknown(why):
            raise Refused(f"{name}: {why}; `backups {name}` lists them")


def check_size(name: Name, point: RestorePoint, request: str) -> None:
    """Raise `Refused` where the restore point surely needs more room than the claim will have."""
    if point.size_bytes is not None and point.size_bytes > (quantity.bytes_of(request) or 0):
        raise Refused(f"{name}: restore point {point.id[:8]} needs {point.size_bytes} bytes, {request} is less")


def is_smaller(found: Found, request: str) -> bool:
    """Whether a size is below what the claim asks for, or was given."""
    given = ((found.body.get("status") or {}).get("capacity") or {}).get("storage", found.claim.request)
    asked_bytes = quantity.bytes_of(request) or 0
    return asked_bytes < max(quantity.bytes_of(found.claim.request) or 0, quantity.bytes_of(given) or 0)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
