"""What is to be noted in the stores of a claim, by what was seen there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller import newest, quantity, stamp
from controller.model import Exists
from controller.store.known import Known

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from controller.contract import Repo
    from controller.model import Claim
    from controller.store.asking import Seen


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be noted in a store of a claim that has restore points there, and what that takes the place of."""

    repo: Repo
    now: Known
    instead_of: Known | None


def notes(claim: Claim, seen: Mapping[Repo, Seen]) -> Iterable[Note]:
    """What is new, of stores of which all is known. Of a claim that is not settled nothing is noted twice."""
    size_bytes = quantity.bytes_of(claim.request) or 0
    settled = stamp.is_settled(claim.uid, claim.annotations)
    for repo, each in seen.items():
        if not each.is_whole:
            continue
        if each.known is None:
            if isinstance(each.truth, Exists):
                yield Note(repo, Known(size_bytes, each.key), None)
        elif settled:
            now = Known(max(each.known.size_bytes, size_bytes), _key(claim, repo, each, each.known))
            if now != each.known:
                yield Note(repo, now, each.known)


def is_replaced(claim: Claim, repo: Repo, seen: Seen) -> bool:
    """Whether restore points lie there in another repository than was noted as the claim's own.

    Where the newest that the claim has seen is among them, it is its own all the same, under a new password.
    """
    before = newest.read(claim.uid, claim.annotations).get(repo)
    is_vouched_for = before is not None and before.point in seen.points
    return bool(seen.points) and seen.is_another_repository and not is_vouched_for


def _key(claim: Claim, repo: Repo, seen: Seen, known: Known) -> str | None:
    if not seen.is_another_repository:
        return known.key or seen.key
    if not seen.points:
        return None  # the repository of that key is gone; the claim's next backup makes another one
    return known.key if is_replaced(claim, repo, seen) else seen.key
