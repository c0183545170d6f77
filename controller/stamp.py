"""What was decided when a claim was created, written on it; and the mark that its volume holds what it should."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from controller import contract
from controller.contract import Repo
from controller.intent import Earlier, Latest, moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from controller.intent import Request

_VERSION: Final = 1


class Start(Enum):
    """What a volume starts from."""

    RESTORE = "restore"
    FRESH = "fresh"
    SKIPPED = "skipped"
    OWN_SOURCE = "own-source"


@dataclass(frozen=True, slots=True)
class Restore:
    """The restore that was decided: which point, of when, where, and what was asked for.

    `standby` is the key in the name of the standby whose image was promised; None where a destination of this life is.
    """

    repo: Repo
    point: str
    point_at: datetime
    request: Request
    standby: str | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """The decision. `life` is the incarnation in the destination's name, `why` what the owner was told or gave.

    `restore` is there exactly if `start` is RESTORE.
    """

    start: Start
    life: str
    at: datetime
    why: str
    restore: Restore | None = None


def written(stamp: Stamp) -> str:
    """The stamp as an annotation."""
    fields: dict[str, Any] = {
        "version": _VERSION,
        "start": stamp.start.value,
        "life": stamp.life,
        "at": stamp.at.isoformat(),
        "why": stamp.why,
    }
    if stamp.restore is not None:
        restore = stamp.restore
        fields |= {"repository": restore.repo.value, "point": restore.point, "pointAt": restore.point_at.isoformat()}
        if restore.standby is not None:
            fields["standby"] = restore.standby
        if isinstance(restore.request, Earlier):
            as_of = restore.request.as_of
            fields |= {"previous": restore.request.previous, "asOf": as_of.isoformat() if as_of else None}
    return json.dumps(fields, ensure_ascii=False)


def read(annotations: Mapping[str, str]) -> Stamp | None:
    """The stamp of a claim; None if it has none that can be read, which is as good as none."""
    try:
        fields = json.loads(annotations[contract.DECISION_ANNOTATION])
        at = moment(fields["at"])
        if fields["version"] != _VERSION or at is None:
            return None
        start = Start(fields["start"])
        restore = _restore(fields) if start is Start.RESTORE else None
        return Stamp(start, str(fields["life"]), at, str(fields["why"]), restore)
    except (KeyError, TypeError, ValueError):
        return None


def _restore(fields: Mapping[str, Any]) -> Restore:
    request: Request = Latest()
    if "previous" in fields:
        as_of = None if fields["asOf"] is None else moment(fields["asOf"])
        if fields["asOf"] is not None and as_of is None:
            raise ValueError("asOf is no time")
        request = Earlier(int(fields["previous"]), as_of)
    point_at = moment(fields["pointAt"])
    if point_at is None:
        raise ValueError("pointAt is no time")
    standby = str(fields["standby"]) if "standby" in fields else None
    return Restore(Repo(fields["repository"]), str(fields["point"]), point_at, request, standby)


def settled(uid: str, how: str) -> dict[str, str]:
    """The mark on a claim whose volume holds what it should. It holds for this uid alone, and so in no copy."""
    return {contract.SETTLED_ANNOTATION: f"{uid} {how}"}


def is_settled(uid: str | None, annotations: Mapping[str, str]) -> bool:
    """Whether the claim with this uid bears the mark, and not a copy of another's."""
    words = annotations.get(contract.SETTLED_ANNOTATION, "").split()
    return bool(words) and words[0] == uid


def accepted(uid: str | None, annotations: Mapping[str, str]) -> str | None:
    """The reason for which a person vouched for this very volume; None if nobody did."""
    first, _, reason = annotations.get(contract.ACCEPT_VOLUME_ANNOTATION, "").partition(" ")
    return reason.strip() or None if first == uid else None
