"""From what a store answered to the truth about backups, and from a request to the restore point that meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from controller.contract import Repo
from controller.intent import Earlier, Latest
from controller.model import Absent, Exists, RestorePoint, Truth, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.intent import Request


@dataclass(frozen=True, slots=True)
class Listed:
    """A complete listing of a repository's `snapshots/`: every page was read, and each object is a restore point."""

    points: tuple[RestorePoint, ...]
    times_are_exact: bool  # False if `at` is when the object was stored, and not what the repository says


@dataclass(frozen=True, slots=True)
class Failed:
    """Anything else than a complete answer: an error, a time-out, a refusal, a page that is missing."""

    why: str


Listing = Listed | Failed


@dataclass(frozen=True, slots=True)
class Looked:
    """Whether an object is there: yes or no if the store said so, or why nobody can say."""

    present: bool | Failed


def truth_of(listing: Listing, *, marker: Looked, known: Looked, announced: bool = False) -> Truth:
    """What a store knows of a claim.

    `marker` is the object that tells this store from a wrong one, `known` the one that says that the claim has had a
    restore point; `announced` is whether backups of it were ever to begin. A repository without restore points counts
    as absent: a restore of nothing leaves one behind. But nothing where there has been something, or in a store that is
    not the known one, is not absence.
    """
    match listing:
        case Failed(why):
            return Unknown(why)
        case Listed(points, times_are_exact) if points:
            newest = max(points)
            return Exists(newest.id, newest.at, len(points), tuple(sorted(points)) if times_are_exact else ())
        case Listed():
            return _truth_of_nothing(marker, known, announced=announced)
        case _:
            assert_never(listing)


def _truth_of_nothing(marker: Looked, known: Looked, *, announced: bool) -> Truth:
    if isinstance(marker.present, Failed):
        return Unknown(marker.present.why)
    if not marker.present:
        return Unknown("the store has no marker of this installation: it may be the wrong bucket or prefix")
    if isinstance(known.present, Failed):
        return Unknown(known.present.why)
    if known.present:
        return Unknown("the claim has had restore points in this store, and now none is found: they were lost or moved")
    return Absent(announced)


def owned(found: Truth, noted: Looked, *, is_another: bool = False) -> Truth:
    """The same for a claim that nothing is known of but its name: restore points are its own if that was `noted`.

    A source is announced in the store before it is made, so that no restore point of ours is without a note. What lies
    there without one, or in another repository than was noted (`is_another`), may be another claim's: all repositories
    have one password, and in all of them movers save the same path of the same host.
    """
    match found, noted.present:
        case Exists(), Failed(why):
            return Unknown(why)
        case Exists(count=count), False:
            return Unknown(
                f"{count} restore points lie where its backups belong, and nothing notes that it ever had any: they "
                "may be another claim's. Move them away, or have them taken for its own by `adopt`"
            )
        case Exists(count=count), _ if is_another:
            return Unknown(
                f"{count} restore points lie where its backups belong, and not in the repository that was noted as its "
                "own, since none of its keys is of that: they may be another claim's. Put its own back, or have these "
                "taken for its own by `adopt`"
            )
        case _:
            return found


def combined(truths: Mapping[Repo, Truth], restore_from: Repo | None) -> tuple[Repo, Truth]:
    """What counts for a new volume, and in which repository.

    The local repository comes first. Only where it certainly holds nothing does the remote one count, so that a lost
    local store is no reason to start empty. A repository that somebody names counts alone.
    """
    if restore_from is not None:
        return restore_from, truths.get(restore_from, Unknown(f"nobody asked the {restore_from.value} repository"))
    local = truths.get(Repo.LOCAL, Unknown("nobody asked the local repository"))
    if isinstance(local, Absent) and Repo.REMOTE in truths:
        return Repo.REMOTE, truths[Repo.REMOTE]
    return Repo.LOCAL, local


@dataclass(frozen=True, slots=True)
class Unmeetable:
    """Why no restore point meets a request."""

    why: str


def select(exists: Exists, request: Request) -> RestorePoint | Unmeetable | Unknown:
    """The restore point that meets the request, as VolSync's restic mover will choose it (mover-restic/entry.sh).

    The mover compares whole seconds, so of two points in one second it can reach only one. Beyond the range it restores
    nothing and reports success: what cannot be met has to be found out here.
    """
    match request:
        case Latest():
            sizes = [point.size_bytes for point in exists.points if point.id == exists.newest]
            return RestorePoint(exists.at, exists.newest, sizes[0] if sizes else None)
        case Earlier(previous, as_of):
            if not exists.points:
                return Unknown("the times of the restore points were not read")
            oldest_first = sorted(exists.points)
            eligible = [p for p in oldest_first if as_of is None or p.at.replace(microsecond=0) <= as_of]
            if len(eligible) <= previous:
                until = f" at or before {as_of.isoformat()}" if as_of else ""
                oldest = oldest_first[0].at.isoformat()
                return Unmeetable(f"there are {len(eligible)} restore points{until}; the oldest is of {oldest}")
            chosen = eligible[-1 - previous]
            second = chosen.at.replace(microsecond=0)
            if sum(point.at.replace(microsecond=0) == second for point in oldest_first) > 1:
                return Unmeetable(f"two restore points share the second {second.isoformat()}, and one is out of reach")
            return chosen
        case _:
            assert_never(request)


def is_same_point(full: str, shown: str) -> bool:
    """Whether the id that a mover's log shows (restic shortens it to 8 characters) is this restore point's."""
    return len(shown) >= 8 and full.startswith(shown)
