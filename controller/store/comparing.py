"""The newest restore points of a settled claim beside those that were noted on it: which were lost, which are new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller import children, newest
from controller.model import Exists, Kind, Unknown
from controller.newest import Newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from controller.contract import Repo
    from controller.intent import Intent
    from controller.model import Child, Claim
    from controller.store.asking import Seen
    from controller.store.truths import Given, Stores


async def lost_and_new(  # noqa: PLR0917 - all that was seen
    stores: Stores,
    claim: Claim,
    intent: Intent,
    found: Iterable[Child],
    seen: Mapping[Repo, Seen],
    given: Mapping[Repo, Given],
) -> tuple[dict[Repo, Newest], dict[Repo, Newest]]:
    """The newest restore points that were lost, and those to be noted; only of what nobody writes to now.

    A repository is read only where its listing does not tell, and one that cannot be read tells nothing.
    """
    noted = newest.read(claim.uid, claim.annotations)
    lost: dict[Repo, Newest] = {}
    new: dict[Repo, Newest] = {}
    sources = {child.name: child.status for child in found if child.kind is Kind.SOURCE}
    for repo, each in seen.items():
        status = sources.get(children.source_name(claim, repo))
        is_known = each.is_whole and not isinstance(each.truth, Unknown)
        if status is None or status.get("lastSyncStartTime") or not is_known:
            continue
        synced_at, before = str(status.get("lastSyncTime")), noted.get(repo)
        match newest.fate(before, each.points, synced_at):
            case newest.Fate.HERE:
                is_lost = None if before is None and each.is_another_repository else False
            case newest.Fate.ASK if before is not None and not each.is_another_repository:
                is_lost = await _is_lost(stores, claim, intent, repo, before, given)
            case _:
                is_lost = True
        if is_lost and before is not None:
            lost[repo] = before
        elif is_lost is False and isinstance(each.truth, Exists) and _is_newer(each.truth, before, synced_at):
            new[repo] = Newest(each.truth.newest, each.truth.at.replace(microsecond=0), synced_at)
    return lost, new


async def _is_lost(  # noqa: PLR0917 - all that was seen
    stores: Stores, claim: Claim, intent: Intent, repo: Repo, before: Newest, given: Mapping[Repo, Given]
) -> bool | None:
    """Whether the rule would have kept it; None if the repository does not tell."""
    exact = await stores.read(repo, claim, given)
    if not isinstance(exact, Exists):
        return None
    return newest.is_kept(before, exact.points, stores.retention(repo, intent))


def _is_newer(found: Exists, before: Newest | None, synced_at: str) -> bool:
    """Whether the listed newest is to be noted. While no mover has ended, another one than before is none that came:
    in a store that was copied, points stand in another order."""
    return before is None or (found.newest != before.point and synced_at != before.synced_at)
