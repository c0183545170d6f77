"""What is looked at when something takes longer than it should: the snapshots, volumes and movers on its way.

Nobody decides by it: it is there to tell people what they wait for. `causes` makes sentences of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Presence(Enum):
    """Whether the claim that a snapshot is taken of is there."""

    THERE = "there"
    LEAVING = "leaving"  # its deletion was asked for
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Complaint:
    """The newest warning about an object: `reason` is one word, `note` the words of whoever complains."""

    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """A VolumeSnapshotContent. `made` is whether the driver has given it a handle."""

    made: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class AwaitedSnapshot:
    """A volume snapshot that is not ready. `taken_up` is whether the snapshot controller has written a status.

    `content` is None if it has none yet, or if the one that `content_name` names is gone.
    """

    name: str
    since: datetime
    of: str
    of_is: Presence = Presence.THERE
    taken_up: bool = True
    terminating: bool = False
    error: str | None = None
    content_name: str | None = None
    content: SnapshotContent | None = None


@dataclass(frozen=True, slots=True)
class AwaitedVolume:
    """A claim that is not bound: the one that is restored, or one that VolSync made on the way."""

    claim: str
    since: datetime
    complaint: Complaint | None = None


@dataclass(frozen=True, slots=True)
class AwaitedMover:
    """A mover pod that has not begun. `why` is what its status says, such as that no node can take it."""

    pod: str
    since: datetime
    why: Complaint | None = None
    complaint: Complaint | None = None


@dataclass(frozen=True, slots=True)
class FailedMover:
    """A mover pod that has ended without success. `reason` is the kubelet's word, `words` its termination message."""

    pod: str
    exit_code: int | None
    reason: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Stall:
    """What `owner` waits for: a source, a destination, or the claim itself."""

    owner: str
    snapshots: tuple[AwaitedSnapshot, ...] = ()
    volumes: tuple[AwaitedVolume, ...] = ()
    movers: tuple[AwaitedMover, ...] = ()
    failed: tuple[FailedMover, ...] = ()
