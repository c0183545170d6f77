"""The first backup of a new claim, where the volume was still empty when it was to be backed up.

A source syncs as soon as it is made, and the mover of an empty volume ends well without a restore point. The next sync
would come by schedule: for an hour or a day the app would have data and no backup. So one is asked for again and again,
each time after as long as the volume has been empty: seldom enough where nothing is ever written.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from controller.intent import moment
from controller.model import Absent

if TYPE_CHECKING:
    from datetime import datetime

    from controller.model import Child, Truth

_SOONEST: Final = timedelta(seconds=30)


def again_at(source: Child, found: Truth | None) -> datetime | None:
    """When a backup is to be asked for beside the schedule; None unless one has ended and left no restore point."""
    if not isinstance(found, Absent):  # of nearly all claims: no time is read for them
        return None
    synced_at = moment(str(source.status.get("lastSyncTime")))
    return None if synced_at is None else synced_at + max(synced_at - source.created_at, _SOONEST)


def word(source: Child, found: Truth | None, now: datetime) -> str | None:
    """What such a backup is asked for with: the same until its sync has ended. None while none is due."""
    due_at = again_at(source, found)
    return f"first-{source.status['lastSyncTime']}" if due_at is not None and due_at <= now else None
