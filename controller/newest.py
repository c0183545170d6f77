"""The newest restore point that each store was seen to hold, noted on the claim; and whether it was lost since.

A store that is put back to an earlier state still answers, and holds restore points: only who knew of newer ones can
tell. The note is the claim's own and goes with it: the next claim of the name cannot tell any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from controller import contract
from controller.contract import Repo
from controller.intent import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from controller.model import RestorePoint
    from controller.retention import Retention

# By how much the clocks of a store and of a mover's node may differ: the one dates objects, the other restore points.
_SKEW: Final = timedelta(seconds=60)
_PERIODS: Final = {"hourly": "%Y%m%d%H", "daily": "%Y%m%d", "weekly": "%G%V", "monthly": "%Y%m", "yearly": "%Y"}


@dataclass(frozen=True, slots=True)
class Newest:
    """A restore point that was the newest. `at` is when it was stored, `synced_at` the `lastSyncTime` of its source."""

    point: str
    at: datetime
    synced_at: str


class Fate(Enum):
    """What became of the restore point that was noted."""

    HERE = "it is there, or none was noted"
    GONE = "it is gone, and no mover has ended since: no rule took it"
    ASK = "it is gone, and a mover has ended since: the times of the others tell"


def read(uid: str | None, annotations: Mapping[str, str]) -> dict[Repo, Newest]:
    """What is noted on the claim of this uid, by repository. What cannot be read, or was copied, is as good as none."""
    try:
        fields: dict[str, Any] = json.loads(annotations[contract.NEWEST_SEEN_ANNOTATION])
        if fields["uid"] != uid:
            return {}
        return {repo: _newest(fields[repo.value]) for repo in Repo if repo.value in fields}
    except (KeyError, TypeError, ValueError):
        return {}


def _newest(fields: Mapping[str, str]) -> Newest:
    at = moment(fields["at"])
    if at is None:
        raise ValueError("at is no time")
    return Newest(str(fields["point"]), at, str(fields["syncedAt"]))


def written(uid: str, noted: Mapping[Repo, Newest]) -> dict[str, str]:
    """The annotation of a claim."""
    fields: dict[str, Any] = {"uid": uid}
    for repo, each in noted.items():
        fields[repo.value] = {"point": each.point, "at": each.at.isoformat(), "syncedAt": each.synced_at}
    return {contract.NEWEST_SEEN_ANNOTATION: json.dumps(fields)}


def fate(noted: Newest | None, there: Collection[str], synced_at: str) -> Fate:
    """What became of the restore point that was noted, by the ids that are there while nobody writes."""
    if noted is None or noted.point in there:
        return Fate.HERE
    # No rule takes the last one.
    return Fate.GONE if synced_at == noted.synced_at or not there else Fate.ASK


def is_kept(noted: Newest, points: Iterable[RestorePoint], rule: Retention) -> bool:
    """Whether the rule keeps a point that was the newest once, beside these, which say themselves when they were taken.

    Where it depends on how exact the clocks are, it is taken for gone by the rule: of each period the newest is kept
    while the count lasts, and the oldest of all as well (restic 0.18.1, internal/restic/snapshot_policy.go).
    """
    times = [point.at for point in points]
    # Just before each that may have come after it, by a clock that is right.
    before = [at - timedelta(microseconds=1) for at in times if noted.at - _SKEW < at <= noted.at]
    return all(_survives(at, times, rule) for at in (noted.at, *before))


def _survives(at: datetime, others: Iterable[datetime], rule: Retention) -> bool:
    newest_first = sorted({at, *others}, reverse=True)
    for name, count in rule.spec().items():
        left, last = count, None
        for each in newest_first:
            period = each.strftime(_PERIODS[name])
            if left > 0 and (period != last or each is newest_first[-1]):
                if each == at:
                    return True
                last, left = period, left - 1
    return False
