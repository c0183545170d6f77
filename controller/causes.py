"""Why a restore or a backup does not get on: from what was looked at to one sentence, and whose fault it is.

The fault of storage is told from that of the repository, since whoever is called is somebody else. Of a mover's log
nothing is quoted, only recognized: what it holds besides is not for everybody who may read events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, assert_never

from controller import naming
from controller.model import Kind, Unknown
from controller.stalls import Presence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from controller.model import Child, Truth, World
    from controller.stalls import AwaitedSnapshot, Complaint, FailedMover, Stall


class Fault(Enum):
    """Where the fault is."""

    STORAGE = "storage"  # snapshots, volumes, their driver
    REPOSITORY = "repository"  # the store, the password, a lock
    MOVER = "mover"  # its pod cannot run, or fails for a reason that nobody named


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose fault, and what is known of it in words."""

    fault: Fault
    text: str


# By words, so that where a quotation ends does not depend on how long the numbers in it are.
_QUOTED_WORDS_MAX: Final = 40
_QUOTED_WORD_CHARACTERS_MAX: Final = 60
_CREDENTIALS_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/@\s]+@")
# The mover's script ends so when it cannot open the repository (VolSync 0.16.0, mover-restic/entry.sh).
_NOT_OPENED: Final = 3
# What is said of volumes by provisioner, scheduler and kubelet: their reasons, and the words of the scheduler.
_OF_STORAGE: Final = re.compile(
    r"Provisioning|FailedMount|FailedAttachVolume|FailedMapVolume|volume|FailedBinding", re.I
)
# restic's words (0.18.1), those of stores that it passes on, and the kernel's. The first that fits counts: a failing
# disk makes restic say more than one thing.
_WORDS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), Cause(fault, text))
    for pattern, fault, text in (
        (r"no space left on device|disk quota exceeded", Fault.STORAGE, "a volume of the mover is full"),
        (r"read-only file system", Fault.STORAGE, "a volume of the mover has become read-only"),
        (r"input/output error|structure needs cleaning", Fault.STORAGE, "a volume of the mover gives errors"),
        (r"StorageFull|minimum free drive|QuotaExceeded", Fault.REPOSITORY, "the store is full"),
        (
            r"wrong password or no key found|incorrect password",
            Fault.REPOSITORY,
            "the password does not open the repository; correct RESTIC_PASSWORD in the base Secret",
        ),
        (
            r"NoSuchBucket|bucket does not exist",
            Fault.REPOSITORY,
            "the bucket does not exist; create it, or correct its name in the configuration",
        ),
        (
            r"already locked|unable to create lock|failure locking repository",
            Fault.REPOSITORY,
            "the repository is locked; no mover gets on until the lock is gone",
        ),
        (
            r"AccessDenied|Access Denied|InvalidAccessKeyId|SignatureDoesNotMatch|403 Forbidden",
            Fault.REPOSITORY,
            "the store refuses the access key; correct it in the base Secret, or give it its rights",
        ),
        (r"x509:|certificate", Fault.REPOSITORY, "the store's certificate is not trusted"),
        (
            r"connection refused|no such host|no route to host|network is unreachable|i/o timeout|"
            r"context deadline exceeded|connection reset|Client\.Timeout",
            Fault.REPOSITORY,
            "the store does not answer the mover; see whether it runs, and whether the network lets movers reach it",
        ),
        (
            r"unsupported repository version|repository version .* not supported",
            Fault.REPOSITORY,
            "the repository is of a format that this restic does not know",
        ),
        (
            r"does not match id|ciphertext verification failed|repository contains errors|invalid data returned",
            Fault.REPOSITORY,
            "the repository is damaged: restic reads other data than were written",
        ),
        (
            r"Is there a repository at the following location|repository does not exist",
            Fault.REPOSITORY,
            "there is no repository at its place",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Patience:
    """What is no stall yet: whatever waits for less than `longest`."""

    at: datetime
    longest: timedelta

    def is_over(self, since: datetime) -> bool:
        """Whether somebody should be told."""
        return self.at - since > self.longest


def of_log(log: str) -> Cause | None:
    """What a mover's last words say; None if nothing in them is known. Answers for any text."""
    return next((cause for pattern, cause in _WORDS if pattern.search(log)), None)


def of_stall(world: World, owner: str, patience: Patience) -> Cause | None:
    """What keeps a source, a destination or a claim from getting on, before any mover has run; None if nothing does.

    The first of its kind: without a snapshot there is no volume, without a volume no mover.
    """
    return next(
        (cause for stall in world.stalls if stall.owner == owner for cause in _hindrances(stall, patience)), None
    )


def of_failure(world: World, owner: Child, truth: Truth | None) -> Cause | None:
    """Why the movers of a source or a destination fail; None if none has.

    `truth` is what its store has answered to ourselves: VolSync shows a log only after eight pods, half an hour later.
    """
    failed = [mover for stall in world.stalls if stall.owner == owner.name for mover in stall.failed]
    told = owner.status.get("latestMoverStatus") or {}
    gave_up = told.get("result") == "Failed"
    if not failed and not gave_up:
        return None
    words = (*(mover.words for mover in reversed(failed)), told.get("logs") or "" if gave_up else "")
    known = next((cause for text in words if (cause := of_log(text)) is not None), None)
    if known is not None:
        return known
    if isinstance(truth, Unknown):
        return Cause(Fault.REPOSITORY, f"the store does not answer clearly: {truth.why}")
    if not failed:
        return Cause(Fault.MOVER, "its log names no cause that is known here")
    return _of_exit(world, owner, failed[-1])


def of_delay(world: World, owner: Child, truth: Truth | None, patience: Patience) -> Cause | None:
    """What keeps a source or a destination from getting on, or has its movers fail; None if nothing does."""
    return of_stall(world, owner.name, patience) or of_failure(world, owner, truth)


def quoted(text: str) -> str:
    """Words of somebody else on one line in quotation marks, not too many, without credentials of an address.

    The marks tell what is not ours: what is the same but for the numbers in it is not told again (`saying.is_told`).
    """
    words = _CREDENTIALS_IN_ADDRESS.sub("", text).replace('"', "'").split()
    kept = [_cut(word) for word in words[:_QUOTED_WORDS_MAX]]
    return f'"{" ".join(kept)}{" ..." if len(words) > _QUOTED_WORDS_MAX else ""}"'


def _cut(word: str) -> str:
    return word if len(word) <= _QUOTED_WORD_CHARACTERS_MAX else f"{word[:_QUOTED_WORD_CHARACTERS_MAX]}..."


def _hindrances(stall: Stall, patience: Patience) -> Iterator[Cause]:
    for snapshot in stall.snapshots:
        if patience.is_over(snapshot.since):
            yield Cause(Fault.STORAGE, _of_snapshot(snapshot))
    for volume in stall.volumes:
        if volume.complaint is not None and patience.is_over(volume.since):
            yield _of_complaint(f"the claim {volume.claim} is not bound", volume.complaint)
    for mover in stall.movers:
        complaint = mover.complaint or mover.why
        if complaint is not None and patience.is_over(mover.since):
            # Its pod is made anew now and then, with another name.
            yield _of_complaint(f"the mover of {stall.owner} cannot start", complaint)


def _of_snapshot(snapshot: AwaitedSnapshot) -> str:  # noqa: PLR0911 - one for each cause
    what = f"the volume snapshot {snapshot.name} is not ready"
    if snapshot.error:
        return f"{what}: {quoted(snapshot.error)}"
    if snapshot.content is not None and snapshot.content.error:
        return f"{what}: {quoted(snapshot.content.error)}"
    if snapshot.terminating:
        return f"{what}, and is being deleted"
    if snapshot.content_name is not None and snapshot.content is None:
        return f"{what}: its content {snapshot.content_name} is missing"
    if snapshot.content is not None:
        unmade = "has not been made by the driver; see the driver's csi-snapshotter"
        return f"{what}: {snapshot.content_name} {'is made and not finished' if snapshot.content.made else unmade}"
    match snapshot.of_is:
        case Presence.GONE:
            return f"{what}: the claim {snapshot.of} that it is taken of is gone"
        case Presence.LEAVING:
            return f"{what}: the claim {snapshot.of} that it is taken of is being deleted"
        case Presence.THERE:
            doing = "has not got further" if snapshot.taken_up else "has not taken it up"
            return f"{what}: the snapshot controller {doing}; see whether its pods run"
        case _:
            assert_never(snapshot.of_is)


def _of_complaint(what: str, complaint: Complaint) -> Cause:
    fault = Fault.STORAGE if _OF_STORAGE.search(f"{complaint.reason} {complaint.note}") else Fault.MOVER
    return Cause(fault, f"{what}: {complaint.reason}: {quoted(complaint.note)}")


def _of_exit(world: World, owner: Child, last: FailedMover) -> Cause:
    job = naming.source_job(owner.name) if owner.kind is Kind.SOURCE else naming.destination_job(owner.name)
    see = f"see kubectl -n {world.namespace} logs job/{job}"
    if last.exit_code == _NOT_OPENED:
        return Cause(Fault.REPOSITORY, f"the mover cannot open its repository; {see}")
    how = f"exit code {last.exit_code}" if last.exit_code is not None else "no exit code"
    return Cause(Fault.MOVER, f"the mover has failed ({last.reason or 'no reason given'}, {how}); {see}")
