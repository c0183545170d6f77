"""What is to be done about a claim: one function of what was seen. It answers for every input, and asks nobody.

Admission is in `admit`. For a stored claim the order is: what is gone or going, what belongs to somebody else or to an
earlier life, what nobody asks for any more (here); whether its volume holds what it should (`unsettled`, `restoring`);
its backups (`protecting`). Each write is safe if it is the last one, and all are decided anew from what is seen next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from controller import admit, children, naming, protecting, say, stamp, unsettled
from controller.branch import Branch
from controller.contract import Reason
from controller.intent import NotOurs, Problems
from controller.lifecycle import Stage
from controller.model import Kind, Moment, Phase
from controller.stamp import Start

if TYPE_CHECKING:
    from datetime import datetime

    from controller.intent import Reading
    from controller.model import Child, Claim, Decision, World
    from controller.settings import Settings
    from controller.stamp import Stamp


def decide(reading: Reading, world: World, now: datetime, settings: Settings) -> Decision:
    """The decision. `reading` is what `intent.read` makes of the claim, and NotOurs for one that is gone."""
    claim = world.claim
    if claim is None:
        return _gone(world)
    match world.moment:
        case Moment.ADMISSION:
            return admit.decide(reading, claim, world, now)
        case Moment.VALIDATION:
            return admit.validate(reading, claim)
        case Moment.RECONCILE:
            return _stored(reading, claim, world, now, settings)
        case _:
            assert_never(world.moment)


def _gone(world: World) -> Decision:
    writes = children.removal(children.of_claim(world)) + children.leftover_images(world)
    if writes:
        message = "the claim is gone; what was made for it is removed, its backups stay"
        return say.again(Branch.GONE, Stage.OUTSIDE, Reason.LEAVING, message, writes)
    return say.done(Branch.GONE, Stage.OUTSIDE, Reason.NOT_PROTECTED, "the claim is gone; its backups stay")


def _stored(reading: Reading, claim: Claim, world: World, now: datetime, settings: Settings) -> Decision:  # noqa: PLR0911
    decided = stamp.read(claim.annotations)
    settled = stamp.is_settled(claim.uid, claim.annotations)
    stage = _stage(decided, settled=settled)
    if claim.terminating:
        # A source of a claim that was never bound holds it for ever: its snapshot waits for the claim, and the claim
        # for its snapshot.
        message = "the claim is being deleted; its backups stay"
        writes = children.removal(children.of_claim(world))
        say_it = say.again if writes else say.wait
        return say_it(Branch.LEAVING, Stage.LEAVING, Reason.LEAVING, message, writes)
    if (elsewhere := _elsewhere(claim, world, stage, decided)) is not None:
        return elsewhere
    if isinstance(reading, Problems):
        message = f"{reading}. What it has stays as it is until this is corrected"
        return say.attention(Branch.MISREAD, stage, Reason.MISCONFIGURED, message)
    if isinstance(reading, NotOurs):
        return _released(claim, world, now, settings, decided, settled=settled)
    if claim.phase is Phase.LOST:
        message = "its volume is lost; delete the claim and apply it again to have it restored"
        return say.attention(Branch.LOST, stage, Reason.BLOCKED, message)
    if settled:
        return protecting.decide(reading, claim, world, settings, now)
    return unsettled.decide(claim, world, settings, decided, now)


def _elsewhere(claim: Claim, world: World, stage: Stage, decided: Stamp | None) -> Decision | None:
    """What stands in the way: another claim's objects under our names, and what an earlier life left behind."""
    if taken := children.strangers(world):
        named = ", ".join(sorted(f"{child.kind.value} {child.name} (of {child.claim})" for child in taken))
        message = f"objects of another claim bear its names: {named}; delete them if nobody needs them"
        return say.attention(Branch.NAME_TAKEN, stage, Reason.REPORTED, message)
    current = children.current_names(claim, decided)
    earlier = [child for child in children.of_claim(world) if _is_of_earlier_life(child, claim, current)]
    if earlier:
        message = "removing what was made for the previous claim of this name"
        writes = children.removal(earlier)
        return say.wait(Branch.PREDECESSORS_CHILDREN, stage, Reason.CONVERGING, message, writes)
    prefix = naming.child_prefix(claim.namespace, claim.name)
    if movers := [mover.pod for mover in world.movers if mover.owner.startswith(prefix) and mover.owner not in current]:
        message = f"waiting for {', '.join(sorted(movers))}, which still writes for the previous claim of this name"
        return say.wait(Branch.PREDECESSORS_MOVER, stage, Reason.CONVERGING, message)
    return None


def _is_of_earlier_life(child: Child, claim: Claim, current: frozenset[str]) -> bool:
    """By its owner; a source also by its name, since one that lost its owner is collected by nobody, and goes on."""
    return child.owner_uid not in {None, claim.uid} or (child.kind is Kind.SOURCE and child.name not in current)


def _released(
    claim: Claim, world: World, now: datetime, settings: Settings, decided: Stamp | None, *, settled: bool
) -> Decision:
    """Nobody asks for backups. A restore that was begun goes on: without it the claim would wait for ever."""
    if not settled and decided is not None and decided.start is Start.RESTORE and claim.phase is not Phase.LOST:
        restore = unsettled.decide(claim, world, settings, decided, now)
        if restore.stage is not Stage.BLOCKED:
            return restore
    stage = Stage.RELEASED if settled else Stage.OUTSIDE
    writes = children.removal(children.of_claim(world)) + children.leftover_images(world)
    if writes:
        message = "backups are not asked for any more: no more are made, those that exist stay"
        return say.again(Branch.RELEASED, stage, Reason.NOT_PROTECTED, message, writes)
    return say.done(Branch.RELEASED, stage, Reason.NOT_PROTECTED, "backups are not asked for")


def _stage(decided: Stamp | None, *, settled: bool) -> Stage:
    if settled:
        return Stage.PROTECTED
    to_restore = decided is not None and decided.start is Start.RESTORE
    return Stage.RESTORING if to_restore else Stage.UNSETTLED
