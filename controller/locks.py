"""Whether a lock in a repository is in the way for ever, and whether it can be shown that its owner is gone.

A mover that is killed leaves its lock (its script swallows the signal). Backups then save a snapshot and fail at
`forget`, again and again, while the status keeps the last success; behind an exclusive lock restores fail too.
VolSync's own unlock leaves locks younger than 30 minutes alone, since every pod is another host. What is shown here is
enough to remove one lock by its id; what is not is only reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from controller import naming
from controller.model import PodState

if TYPE_CHECKING:
    from datetime import datetime

    from controller.model import Lock, World

# A living restic renews its lock every 5 minutes (restic 0.18.1, internal/repository/lock.go): two were missed.
UNRENEWED_AFTER: Final = timedelta(minutes=11)


@dataclass(frozen=True, slots=True)
class InUse:
    """Its owner lives, or may have begun a moment ago."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Its owner is gone for certain: the lock may be removed. `why` is the proof."""

    why: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It was not renewed, and yet nobody can show that its owner is gone: a person has to look."""

    why: str


Finding = InUse | Abandoned | InDoubt


def classify(lock: Lock, world: World, now: datetime) -> Finding:  # noqa: PLR0911 - one for each case
    """What can be said of a lock. Answers for every lock."""
    unrenewed = now - lock.refreshed_at > UNRENEWED_AFTER
    if not naming.is_mover_pod(world.namespace, world.name, lock.host):
        return InDoubt(f"{lock.host} is no mover of this claim") if unrenewed else InUse()
    if world.pods is None:
        return InDoubt("the pods of the namespace could not be listed") if unrenewed else InUse()
    state = world.pods.states.get(lock.host)
    if state is PodState.ENDED:
        return Abandoned(f"the pod {lock.host} has ended")
    if state is PodState.ALIVE:
        # Paused, or cut off with its node: it may go on where it stopped.
        return InDoubt(f"the pod {lock.host} exists but no longer renews it") if unrenewed else InUse()
    if not unrenewed:
        return InUse()
    if not world.pods.nodes_ready:
        return InDoubt(f"the pod {lock.host} is gone, but a node is not heard of and may still run it")
    return Abandoned(f"the pod {lock.host} is gone, every node is heard of, and the lock was not renewed")
