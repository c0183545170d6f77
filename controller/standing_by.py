"""A claim may ask that an image of its newest restore point is kept ready, and outlives it. Branches 75 to 77.

A standby is a destination like any other: one for one restore point, with a volume of its own, synced once. So nothing
of an older one is merged into it, and its name leads from a restore point to the only image that may be taken for it:
an image of an older point cannot be met by mistake. What counts is the log of its mover, as in every restore.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from controller import causes, children, naming, resources, restoring, say, truth
from controller.branch import Branch
from controller.contract import Reason, Repo
from controller.intent import Intent, Latest
from controller.lifecycle import Stage
from controller.model import Exists, Kind, Moment, Replace

if TYPE_CHECKING:
    from datetime import datetime

    from controller.causes import Patience
    from controller.intent import Reading
    from controller.model import Child, Claim, Decision, Object, RestorePoint, World, Write
    from controller.settings import Settings

# Standbys are made from the repository that counts first. Where it holds nothing, a restore takes its time.
REPO = Repo.LOCAL
# The store dates a restore point by its end, the image by its beginning: so long may the backup have taken.
_BACKUP_MAX = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Image:
    """A standby that is done, and holds the restore point that its mover's log names (the short id) and dates."""

    standby: Child
    name: str
    point: str
    at: datetime


def ready(wanted: Intent, claim: Claim, world: World, point: RestorePoint, settings: Settings) -> Image | None:
    """The image that a claim which is being created can be filled from, instead of a restore of this point."""
    if not wanted.standby or not isinstance(wanted.request, Latest):
        return None
    body = children.standby(claim, _key(point.id), wanted.mover, settings)
    for image in images(world):
        # In a store that was copied an older point may be listed as the newest, stored when it was copied.
        is_of_its_time = point.at - image.at < _BACKUP_MAX
        if is_of_its_time and truth.is_same_point(point.id, image.point) and children.restores_as(image.standby, body):
            return image
    return None


def why_not(world: World) -> str:
    """Why a restore is made although an image is kept, in words."""
    if (newest := _newest(world)) is None:
        return "no standby image is ready"
    return f"its standby image is of {newest.point} of {newest.at.isoformat()} or of another volume, and is not used"


def decide(wanted: Intent, claim: Claim, world: World, settings: Settings) -> Decision | None:
    """What to do so that the newest restore point has its image; None if nothing, or nothing now."""
    found = world.truths.get(REPO)
    if not wanted.standby or not isinstance(found, Exists):
        return None
    body = children.standby(claim, _key(found.newest), wanted.mover, settings)
    current = children.find(world, Kind.DESTINATION, body["metadata"]["name"])
    others = [each for each in children.standbys(world) if each is not current and not _at_work(each, world)]
    if current is None:
        return _make(found, claim, world, body, others)
    if current.terminating or _at_work(current, world):
        return None
    return _mend(current, claim, world, body) or _tidy(current, found, world, others)


def _mend(current: Child, claim: Claim, world: World, body: Object) -> Decision | None:
    if why := _why_spoiled(current, world, body):
        return _again(Branch.STANDBY_SPOILED, f"its standby is made anew: {why}", children.removal([current]))
    if current.claim != claim.full_name:
        marked = {**body, "spec": current.content}
        healed = (Replace(Kind.DESTINATION, current.name, marked, current.version),)
        return _again(Branch.STANDBY_SPOILED, "its standby gets its marks back", healed)
    return None


def _tidy(current: Child, found: Exists, world: World, others: list[Child]) -> Decision | None:
    is_ready = any(
        image.standby is current and truth.is_same_point(found.newest, image.point) for image in images(world)
    )
    if is_ready and (removed := children.removal(others)):
        return _again(Branch.CLEAR_STANDBY, "an image of the newest restore point is ready; older ones go", removed)
    return None


def told(wanted: Intent, world: World, patience: Patience) -> str:
    """How fresh the image is, to follow what is said of a claim; the same as long as nothing has changed."""
    found = world.truths.get(REPO)
    if not wanted.standby or not isinstance(found, Exists):
        return ""
    begun = [each for each in children.standbys(world) if not restoring.is_finished(each)]
    delays = [cause for each in begun if (cause := causes.of_delay(world, each, found, patience)) is not None]
    return f"; {freshness(found, world)}" + "".join(f" ({cause.text})" for cause in delays)


def freshness(found: Exists, world: World) -> str:
    """How the newest image compares with the newest restore point, in words."""
    if (image := _newest(world)) is None:
        return "no standby image is ready"
    what = f"its standby image is of {image.point} of {image.at.isoformat()}"
    if truth.is_same_point(found.newest, image.point):
        return f"{what}, the newest restore point"
    return f"{what}, {found.at.replace(microsecond=0) - image.at} older than the newest, and is not used"


def behind_s(reading: Reading, world: World) -> float | None:
    """By how many seconds the image is older than the newest restore point: 0 if it is of that, infinite without one.

    None where no image is asked for, or nobody knows the newest restore point. The store dates points by their end, and
    a mover's log by their beginning, so an older image counts as older by up to the time that a backup takes.
    """
    found = world.truths.get(REPO)
    if not isinstance(reading, Intent) or not reading.standby or not isinstance(found, Exists):
        return None
    if (image := _newest(world)) is None:
        return float("inf")
    is_newest = truth.is_same_point(found.newest, image.point)
    return 0.0 if is_newest else max((found.at - image.at).total_seconds(), 1.0)


def is_at_work(world: World) -> bool:
    """Whether a mover restores something to stand by."""
    return any(naming.is_standby(world.namespace, world.name, mover.owner) for mover in world.movers)


def images(world: World) -> tuple[Image, ...]:
    """The images that stand by, whatever they are of. At admission nobody looks whether the snapshots are there."""
    found = []
    for standby in children.standbys(world):
        name, point = restoring.image_of(standby), restoring.restored_point(standby)
        at = restoring.restored_at(standby)
        is_there = world.moment is not Moment.RECONCILE or name in world.snapshots
        is_done = restoring.is_finished(standby) and _is_as_triggered(standby, world) and not standby.terminating
        if name is not None and point is not None and at is not None and is_there and is_done:
            found.append(Image(standby, name, point, at))
    return tuple(found)


def _is_as_triggered(standby: Child, world: World) -> bool:
    """Whether it has synced for the one restore point of its name, and not again by somebody's hand."""
    asked = (standby.content.get("trigger") or {}).get("manual") or ""
    key = asked.removeprefix(resources.restore_trigger(""))
    return standby.name == naming.standby(world.namespace, world.name, key)


def outlived(world: World) -> tuple[Child, ...]:
    """What was made for a claim and goes with it: all but the newest image that stands by."""
    kept = _newest(world)
    return tuple(child for child in children.of_claim(world) if kept is None or child is not kept.standby)


def _make(found: Exists, claim: Claim, world: World, body: Object, others: list[Child]) -> Decision | None:
    source = children.find(world, Kind.SOURCE, children.source_name(claim, REPO))
    # A restore and `forget` lock each other out, so it begins when a backup has ended, and one at a time.
    if source is None or children.is_syncing(source) or _is_busy(world, source):
        return None
    kept = _newest(world)
    if removed := children.removal(each for each in others if kept is None or each is not kept.standby):
        return _again(Branch.CLEAR_STANDBY, "of older standbys only the newest that is done stays meanwhile", removed)
    message = f"an image of the newest restore point {found.newest} is made, to stand by"
    return _again(Branch.MAKE_STANDBY, message, children.as_made(Kind.DESTINATION, body, claim, world))


def _is_busy(world: World, source: Child) -> bool:
    return is_at_work(world) or any(mover.owner == source.name for mover in world.movers)


def _why_spoiled(current: Child, world: World, body: Object) -> str | None:
    if not children.restores_as(current, body):
        return "it was changed, or the claim was"
    image = restoring.image_of(current)
    if restoring.is_finished(current) and image is not None and image not in world.snapshots:
        return f"its image {image} is gone"
    return None


def _at_work(standby: Child, world: World) -> bool:
    return any(mover.owner == standby.name for mover in world.movers)


def _newest(world: World) -> Image | None:
    return max(images(world), key=lambda image: (image.at, image.name), default=None)


def _key(point: str) -> str:
    return naming.standby_key(REPO.value, point)


def _again(branch: Branch, message: str, writes: tuple[Write, ...]) -> Decision:
    return say.again(branch, Stage.PROTECTED, Reason.PROTECTED, message, writes)
