"""A claim is stored, and it is not shown yet that its volume holds what it should. Branches 30 to 38.

Until it is shown, no backup is made: the first one would come at once, and what it saves becomes the newest restore
point. What is shown once is marked on the claim, for good; that comes before the first source, so that a restore point
which is found before the mark can only be another volume's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from controller import admit, causes, contract, restoring, say, settling, stamp, truth
from controller.branch import Branch
from controller.causes import Patience
from controller.contract import Reason
from controller.lifecycle import Stage
from controller.model import Absent, Exists, Phase, Unknown
from controller.stamp import Start

if TYPE_CHECKING:
    from datetime import datetime

    from controller.model import Claim, Decision, Truth, World
    from controller.settings import Settings
    from controller.stamp import Stamp


def decide(claim: Claim, world: World, settings: Settings, decided: Stamp | None, now: datetime) -> Decision:  # noqa: PLR0911
    """What to do about a claim that is not settled; `restoring` has the rest for those with a restore."""
    vouched = stamp.accepted(claim.uid, claim.annotations)
    if vouched is not None and claim.phase is Phase.BOUND:
        return settling.settle(Branch.ACCEPTED, claim, "accepted", f"a person vouched for the volume: {vouched}")
    patience = Patience(now, settings.patience)
    waived = contract.SKIP_RESTORE_ANNOTATION in claim.annotations
    if decided is None or (decided.start is Start.SKIPPED and not waived):
        # A stamp alone may be a copy from an earlier life, in which somebody had a reason.
        return _undecided(claim, world, truth.combined(world.truths, None)[1], patience)
    if not admit.stored_as_decided(claim, decided):
        message = f"decided was: {decided.why}; but it was stored with another data source. {settling.cure(claim)}"
        return say.attention(Branch.SOURCE_NOT_STORED, Stage.BLOCKED, Reason.BLOCKED, message)
    match decided.start:
        case Start.RESTORE:
            return restoring.decide(claim, world, settings, decided, now)
        case Start.SKIPPED | Start.OWN_SOURCE:
            if claim.phase is not Phase.BOUND:
                return _binding(claim, world, patience)
            return settling.settle(Branch.CHOSEN_SETTLED, claim, decided.start.value, decided.why)
        case Start.FRESH:
            return _fresh(claim, world, truth.combined(world.truths, None)[1], patience)
        case _:
            assert_never(decided.start)


def _undecided(claim: Claim, world: World, found: Truth, patience: Patience) -> Decision:
    """Born while nobody decided (the webhook was away), or labelled later."""
    match found:
        case Unknown(why):
            message = f"labelled after it was created, and nobody can say whether it has backups: {why}; none is made"
            return say.wait(Branch.UNDECIDED_UNKNOWN, Stage.UNSETTLED, Reason.UNDECIDED, message)
        case Exists(newest, _, count):
            what = f"created without a decision although {count} restore points exist (newest {newest})"
            message = f"{what}. {settling.cure(claim)}"
            return say.attention(Branch.UNDECIDED_OVER_BACKUPS, Stage.BLOCKED, Reason.BLOCKED, message)
        case Absent():
            if claim.phase is not Phase.BOUND:
                return _binding(claim, world, patience)
            return settling.settle(
                Branch.ADOPTED, claim, "adopted", "there is no restore point: its data are the first"
            )
        case _:
            assert_never(found)


def _fresh(claim: Claim, world: World, found: Truth, patience: Patience) -> Decision:
    """Started empty: asked a second time, since whatever was decided at creation cannot be changed any more."""
    if claim.phase is not Phase.BOUND:
        return _binding(claim, world, patience)
    match found:
        case Unknown(why):
            message = f"started empty, and asked again nobody can say whether it has backups: {why}; none is made"
            return say.wait(Branch.FRESH_UNKNOWN, Stage.UNSETTLED, Reason.UNDECIDED, message)
        case Exists(newest, _, count):
            message = (
                f"started empty, and now {count} restore points are found (newest {newest}). {settling.cure(claim)}"
            )
            return say.attention(Branch.FRESH_OVER_BACKUPS, Stage.BLOCKED, Reason.BLOCKED, message)
        case Absent():
            return settling.settle(Branch.FRESH_SETTLED, claim, "fresh", "started empty, and there is no restore point")
        case _:
            assert_never(found)


def _binding(claim: Claim, world: World, patience: Patience) -> Decision:
    if (cause := causes.of_stall(world, claim.name, patience)) is not None:
        return say.hindered(Branch.BINDING, Stage.UNSETTLED, f"{claim.full_name} is not bound", cause)
    message = f"{claim.full_name} is not bound yet; where its class waits for the first consumer, start the pod"
    return say.wait(Branch.BINDING, Stage.UNSETTLED, Reason.WAITING, message)
