"""A claim is stored with one of our destinations as its source, and not settled. Branches 39 to 54.

Neither the destination's success nor its image proves anything: a restore of nothing succeeds, and gives an empty
image. Proof is the restore point that the mover names in its log, and a volume that says it was filled from that image.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, assert_never

from controller import causes, children, intent, locks, say, settling, stamp, truth
from controller.branch import Branch
from controller.causes import Patience
from controller.contract import DECISION_ANNOTATION, Reason
from controller.intent import Latest
from controller.lifecycle import Stage
from controller.model import (
    Absent,
    Annotate,
    Delete,
    Exists,
    Kind,
    Phase,
    RemoveLock,
    Replace,
    RestorePoint,
    Unknown,
)
from controller.stamp import Restore
from controller.truth import Unmeetable

if TYPE_CHECKING:
    from controller.model import Child, Claim, Decision, Object, Truth, World, Write
    from controller.settings import Settings
    from controller.stamp import Stamp

# restic's own words, which VolSync keeps of a mover's log: "restoring snapshot 5d1a8c3e of [/data] at ...".
_RESTORING: Final = re.compile(r"^\s*restoring snapshot ([0-9a-f]{8,})\b", re.MULTILINE)
_RESTORING_AT: Final = re.compile(
    r"^\s*restoring snapshot [0-9a-f]{8,} of .*? at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4})",
    re.MULTILINE,
)
# What decides which data a destination fetches; the rest only says how.
_CONTENT_FIELDS: Final = ("repository", "copyMethod", "previous", "restoreAsOf")
# It was restored with the Secret of an earlier life.
_CONTENT_OF_STANDBY: Final = ("copyMethod", "previous", "restoreAsOf")


def decide(claim: Claim, world: World, settings: Settings, decided: Stamp, now: datetime) -> Decision:
    """What to do about a claim that is to be restored, and was stored as decided. `decided` has a restore."""
    restore = decided.restore
    wanted = children.destination(claim, decided, intent.mover_identity(claim, []), settings)
    if restore is None or wanted is None:
        message = f"its decision names no restore point. {settling.cure(claim)}"
        return say.attention(Branch.SOURCE_NOT_STORED, Stage.BLOCKED, Reason.BLOCKED, message)
    found = children.find(world, Kind.DESTINATION, wanted["metadata"]["name"])
    if found is not None and claim.phase is not Phase.BOUND and (renewed := _renewed(claim, restore, world, settings)):
        message = f"giving the mover that restores {restore.point} the keys of now; its next pod has them"
        return say.again(Branch.RESTORE_KEYS_RENEWED, Stage.RESTORING, Reason.RESTORING, message, renewed)
    if claim.phase is Phase.BOUND:
        return _bound(claim, world, restore, wanted, found)
    if world.platform:
        message = f"cannot be restored yet: {'; '.join(world.platform)}"
        return say.wait(Branch.RESTORE_PLATFORM_MISSING, Stage.RESTORING, Reason.WAITING, message)
    if found is not None:
        patience = Patience(now, settings.patience)
        going = _in_progress(claim, world, restore, wanted, found, patience)
        return going or _locked(world, restore, now) or _running(world, restore, found, patience)
    return _start(claim, world, settings, decided, restore, wanted)


def restored_point(destination: Child) -> str | None:
    """The restore point that a destination's last finished mover names in its log; None if it restored nothing."""
    logs = (destination.status.get("latestMoverStatus") or {}).get("logs") or ""
    named = _RESTORING.search(logs)
    return named.group(1) if named else None


def restored_at(destination: Child) -> datetime | None:
    """When that restore point was begun, to the second, by the same log; None if it does not say so."""
    logs = (destination.status.get("latestMoverStatus") or {}).get("logs") or ""
    dated = _RESTORING_AT.search(logs)
    if dated is None:
        return None
    try:
        return datetime.strptime(f"{dated.group(1)} {dated.group(2)}", "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None


def image_of(destination: Child) -> str | None:
    """The volume snapshot that VolSync has made of what a destination restored."""
    image: str | None = (destination.status.get("latestImage") or {}).get("name")
    return image


def is_finished(destination: Child) -> bool:
    """Whether a destination has done the one sync that it was made for."""
    asked = (destination.content.get("trigger") or {}).get("manual")
    return asked is not None and destination.status.get("lastManualSync") == asked


def _renewed(claim: Claim, restore: Restore, world: World, settings: Settings) -> tuple[Write, ...]:
    """What puts the Secret of a restore right that has begun; nothing if nobody knows what should be in it."""
    credentials = children.credentials(claim, restore.repo, world, settings)
    writes = credentials.writes if isinstance(credentials, children.NotReady) else credentials
    return tuple(write for write in writes if isinstance(write, Replace))


def _bound(claim: Claim, world: World, restore: Restore, wanted: Object, found: Child | None) -> Decision:
    lacking = _lacking_proof(claim, world, restore, wanted, found)
    if lacking is None:
        message = f"restored from {restore.point} of {restore.point_at.isoformat()}"
        return settling.settle(Branch.RESTORED, claim, "restored", message)
    message = (
        f"it is bound, but that {restore.point} was restored into it is not shown: {lacking}. {settling.cure(claim)}"
    )
    return say.attention(Branch.BOUND_WITHOUT_PROOF, Stage.BLOCKED, Reason.BLOCKED, message)


def _lacking_proof(claim: Claim, world: World, restore: Restore, wanted: Object, found: Child | None) -> str | None:
    name = wanted["metadata"]["name"]
    if found is None:
        return f"the destination {name} is gone, and its log with it"
    if found.owner_uid not in {None, claim.uid}:
        return f"the destination {name} is another claim's"
    if world.populated_from != f"{claim.namespace}/{image_of(found)}":
        origin = world.populated_from or "nothing"
        return f"its volume was filled from {origin}, and the log of {name} is that of {image_of(found)}"
    fields = _CONTENT_FIELDS if restore.standby is None else _CONTENT_OF_STANDBY
    if not is_finished(found) or _content(found.content, fields) != _content(wanted["spec"], fields):
        return f"the destination {name} was changed, or synced again"
    shown = restored_point(found)
    if shown is None or not truth.is_same_point(restore.point, shown):
        return f"its mover restored {shown or 'nothing'}"
    return None


def _content(spec: Object, fields: tuple[str, ...]) -> tuple[object, ...]:
    restic = spec.get("restic") or {}
    return (spec.get("trigger"), *(restic.get(field) for field in fields))


def _in_progress(  # noqa: PLR0917 - all that a restore on its way is judged by
    claim: Claim, world: World, restore: Restore, wanted: Object, found: Child, patience: Patience
) -> Decision | None:
    if not children.restores_as(found, wanted) or found.status.get("lastManualSync") not in {None, _trigger(wanted)}:
        message = "its destination was changed or used before; another is made in its place"
        writes = children.removal([found])
        return say.wait(Branch.DESTINATION_SPOILED, Stage.RESTORING, Reason.RESTORING, message, writes)
    image = image_of(found)
    if is_finished(found):
        shown = restored_point(found)
        if shown is None or not truth.is_same_point(restore.point, shown):
            return _restored_something_else(claim, world, restore, image, shown)
        if image is not None and image not in world.snapshots:
            message = f"the image {image} is gone before the volume was filled from it; it is restored again"
            writes = children.removal([found])
            return say.wait(Branch.IMAGE_VANISHED, Stage.RESTORING, Reason.RESTORING, message, writes)
        if (cause := causes.of_stall(world, found.name, patience)) is not None:
            message = f"{restore.point} is restored, and the volume is not filled from it yet"
            return say.hindered(Branch.POPULATING, Stage.RESTORING, message, cause)
        message = f"{restore.point} is restored; the volume is being filled from it (its class may wait for a pod)"
        return say.wait(Branch.POPULATING, Stage.RESTORING, Reason.RESTORING, message)
    return None


def _restored_something_else(
    claim: Claim, world: World, restore: Restore, image: str | None, shown: str | None
) -> Decision:
    """The destination stays, as the record of what happened; without its image nothing is filled from it."""
    writes = [Delete(Kind.SNAPSHOT, image, None)] if image is not None and image in world.snapshots else []
    message = (
        f"the mover reported success and restored {shown or 'nothing'} instead of {restore.point}; its image is not "
        f"used. Check that the {restore.repo.value} repository in its Secret is the right one. {settling.cure(claim)}"
    )
    return say.attention(Branch.RESTORED_NOTHING, Stage.BLOCKED, Reason.BLOCKED, message, writes)


def _locked(world: World, restore: Restore, now: datetime) -> Decision | None:
    """A restore is stopped by an exclusive lock alone."""
    for lock in world.locks:
        if lock.repo is not restore.repo or not lock.exclusive:
            continue
        match locks.classify(lock, world, now):
            case locks.Abandoned(why):
                message = f"removing the lock {lock.id}, which stops the restore: {why}"
                writes = [RemoveLock(lock.repo, lock.id)]
                return say.wait(Branch.RESTORE_LOCK_ABANDONED, Stage.RESTORING, Reason.RESTORING, message, writes)
            case locks.InDoubt(why):
                message = f"the lock {lock.id} stops the restore: {why}; make sure that nobody writes, then remove it"
                return say.attention(Branch.RESTORE_LOCK_IN_DOUBT, Stage.RESTORING, Reason.REPORTED, message)
            case locks.InUse():
                continue
    return None


def _running(world: World, restore: Restore, found: Child, patience: Patience) -> Decision:
    message = f"the mover is restoring {restore.point}"
    stopped = causes.of_stall(world, found.name, patience)
    if stopped is not None:
        return say.hindered(Branch.RESTORE_RUNNING, Stage.RESTORING, f"{restore.point} is not restored yet", stopped)
    failing = causes.of_failure(world, found, world.truths.get(restore.repo))
    if failing is not None:
        message = f"the mover has failed to restore {restore.point} and tries again"
        return say.hindered(Branch.RESTORE_RUNNING, Stage.RESTORING, message, failing)
    return say.wait(Branch.RESTORE_RUNNING, Stage.RESTORING, Reason.RESTORING, message)


def _start(  # noqa: PLR0917 - all of it is needed to begin
    claim: Claim, world: World, settings: Settings, decided: Stamp, restore: Restore, wanted: Object
) -> Decision:
    renewed = _asked_again(claim, world, restore)
    if not isinstance(renewed, Restore):
        return renewed
    credentials = children.credentials(claim, renewed.repo, world, settings)
    if isinstance(credentials, children.NotReady):
        message = f"cannot be restored yet: {credentials.why}"
        branch = Branch.RESTORE_CREDENTIALS_MISSING
        return say.wait(branch, Stage.RESTORING, Reason.WAITING, message, credentials.writes)
    writes: list[Write] = []
    why = f"restoring {renewed.point} of {renewed.point_at.isoformat()}"
    if renewed != restore:
        newer = replace(decided, why=f"{why}, the newest when the repository itself was read", restore=renewed)
        writes.append(Annotate(claim.uid or "", {DECISION_ANNOTATION: stamp.written(newer)}))
    writes += [*credentials, *children.as_made(Kind.DESTINATION, wanted, claim, world)]
    return say.again(Branch.START_RESTORE, Stage.RESTORING, Reason.RESTORING, why, writes)


def _asked_again(claim: Claim, world: World, restore: Restore) -> Restore | Decision:  # noqa: PLR0911
    """The restore, as the repository says it now: what was true at creation may not be any more.

    A restore of nothing would succeed. A newer point can be there if the claim was created while a backup ended. Or
    what was decided is there and was never the newest: a store dates objects by when they were stored, and in one that
    was copied they stand in another order.
    """
    found: Truth = world.truths.get(restore.repo, Unknown(f"nobody asked the {restore.repo.value} repository"))
    match found:
        case Unknown(why):
            return _unknown(restore, why)
        case Absent():
            return _vanished(claim, restore, "there is no restore point any more")
        case Exists():
            point = truth.select(found, restore.request)
        case _:
            assert_never(found)
    match point:
        case Unknown(why):
            return _unknown(restore, why)
        case Unmeetable(why):
            return _vanished(claim, restore, why)
        case RestorePoint(at, point_id) if point_id == restore.point:
            return restore
        case RestorePoint(at, point_id):
            at = at.replace(microsecond=0)
            is_left = any(each.id == restore.point for each in found.points)
            if not isinstance(restore.request, Latest) or (at < restore.point_at and not is_left):
                return _vanished(claim, restore, f"the request now leads to {point_id} of {at.isoformat()}")
            return replace(restore, point=point_id, point_at=at)
        case _:
            assert_never(point)


def _unknown(restore: Restore, why: str) -> Decision:
    message = f"waiting for the {restore.repo.value} repository: {why}; it is restored once the store answers"
    return say.wait(Branch.RESTORE_TRUTH_UNKNOWN, Stage.RESTORING, Reason.UNDECIDED, message)


def _vanished(claim: Claim, restore: Restore, why: str) -> Decision:
    message = f"{restore.point} was to be restored, and cannot be: {why}. {settling.cure(claim)}"
    return say.attention(Branch.POINT_VANISHED, Stage.RESTORING, Reason.BLOCKED, message)


def _trigger(wanted: Object) -> object:
    return wanted["spec"]["trigger"]["manual"]
