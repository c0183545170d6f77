"""The stages of a claim as one table of transitions."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stage(Enum):
    """How far a claim is. Backups are made in PROTECTED and in no other stage."""

    OUTSIDE = "outside"  # not stored, or not asking for anything
    UNSETTLED = "unsettled"  # stored; it is not shown yet that its volume holds what it should
    RESTORING = "restoring"  # stored with one of our destinations as its source, and not filled yet
    BLOCKED = "blocked"  # its volume may lack what it should hold; a person has to look
    PROTECTED = "protected"  # its volume holds what it should, and is backed up
    RELEASED = "released"  # settled, and no longer asking for backups
    LEAVING = "leaving"  # its deletion was asked for


class Event(Enum):
    """What moves a claim from one stage to another."""

    STORED = "stored"  # created without a restore
    STORED_TO_RESTORE = "stored to restore"
    SETTLED = "settled"  # the volume was shown to hold what it should
    CONTRADICTED = "contradicted"  # it was shown that it may not
    ACCEPTED = "accepted"  # a person vouched for it
    RECHECKED = "rechecked"  # what contradicted is not seen any more, or nobody can say
    RETRIED = "retried"  # it is restored once more
    LABELLED = "labelled"
    UNLABELLED = "unlabelled"
    DELETED = "deleted"  # a deletion was asked for
    GONE = "gone"


NEXT: Final[Mapping[tuple[Stage, Event], Stage]] = {
    (Stage.OUTSIDE, Event.STORED): Stage.UNSETTLED,
    (Stage.OUTSIDE, Event.STORED_TO_RESTORE): Stage.RESTORING,
    (Stage.OUTSIDE, Event.LABELLED): Stage.UNSETTLED,
    (Stage.UNSETTLED, Event.SETTLED): Stage.PROTECTED,
    (Stage.UNSETTLED, Event.CONTRADICTED): Stage.BLOCKED,
    (Stage.UNSETTLED, Event.ACCEPTED): Stage.PROTECTED,
    (Stage.UNSETTLED, Event.UNLABELLED): Stage.OUTSIDE,
    (Stage.RESTORING, Event.SETTLED): Stage.PROTECTED,
    (Stage.RESTORING, Event.CONTRADICTED): Stage.BLOCKED,
    (Stage.RESTORING, Event.ACCEPTED): Stage.PROTECTED,
    # A claim that waits for its destination would wait for ever without it: the restore goes on.
    (Stage.RESTORING, Event.LABELLED): Stage.RESTORING,
    (Stage.RESTORING, Event.UNLABELLED): Stage.RESTORING,
    (Stage.BLOCKED, Event.ACCEPTED): Stage.PROTECTED,
    (Stage.BLOCKED, Event.RECHECKED): Stage.UNSETTLED,
    (Stage.BLOCKED, Event.RETRIED): Stage.RESTORING,
    # What contradicted may have been a mistake of the store, such as a wrong bucket for an hour.
    (Stage.BLOCKED, Event.SETTLED): Stage.PROTECTED,
    (Stage.BLOCKED, Event.UNLABELLED): Stage.OUTSIDE,
    (Stage.PROTECTED, Event.UNLABELLED): Stage.RELEASED,
    (Stage.RELEASED, Event.LABELLED): Stage.PROTECTED,
    **{(stage, Event.DELETED): Stage.LEAVING for stage in Stage},
    **{(stage, Event.GONE): Stage.OUTSIDE for stage in Stage},
}


class Impossible(Enum):
    """The answer for an event that a stage does not know."""

    IMPOSSIBLE = "impossible"


def advance(stage: Stage, event: Event) -> Stage | Impossible:
    """The stage that follows; IMPOSSIBLE where the table has none. Answers for every pair."""
    return NEXT.get((stage, event), Impossible.IMPOSSIBLE)
