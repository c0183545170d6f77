"""Short forms of the decisions that many branches end in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from controller.causes import Fault
from controller.contract import Reason
from controller.model import Answer, Decision, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.branch import Branch
    from controller.causes import Cause
    from controller.lifecycle import Stage
    from controller.model import Write

# For what wakes nobody: a store that answers again, a time that passes. Everything else comes as a watch event.
_LOOK_AGAIN_S: Final = 30.0
_LOOK_AGAIN_AT_REST_S: Final = 300.0


def again(branch: Branch, stage: Stage, reason: Reason, message: str, writes: Sequence[Write]) -> Decision:
    """Write, and look again."""
    return Decision(branch, stage, Outcome(Answer.AGAIN, reason, message), tuple(writes))


def wait(branch: Branch, stage: Stage, reason: Reason, message: str, writes: Sequence[Write] = ()) -> Decision:
    """Wait for what the message says."""
    return Decision(branch, stage, Outcome(Answer.WAIT, reason, message), tuple(writes), look_again_s=_LOOK_AGAIN_S)


def attention(branch: Branch, stage: Stage, reason: Reason, message: str, writes: Sequence[Write] = ()) -> Decision:
    """Somebody has to look."""
    outcome = Outcome(Answer.ATTENTION, reason, message)
    return Decision(branch, stage, outcome, tuple(writes), look_again_s=_LOOK_AGAIN_AT_REST_S)


def hindered(branch: Branch, stage: Stage, message: str, cause: Cause) -> Decision:
    """It would get on by itself, but for this: somebody has to look, and once it is put right all goes on."""
    match cause.fault:
        case Fault.STORAGE:
            outcome = Outcome(Answer.ATTENTION, Reason.STORAGE, f"{message}; storage holds it up: {cause.text}")
        case Fault.REPOSITORY:
            outcome = Outcome(Answer.ATTENTION, Reason.REPORTED, f"{message}; its repository holds it up: {cause.text}")
        case Fault.MOVER:
            outcome = Outcome(Answer.ATTENTION, Reason.REPORTED, f"{message}; its mover holds it up: {cause.text}")
        case _:
            assert_never(cause.fault)
    return Decision(branch, stage, outcome, look_again_s=_LOOK_AGAIN_S)


def done(branch: Branch, stage: Stage, reason: Reason, message: str) -> Decision:
    """Nothing is left to do."""
    return Decision(branch, stage, Outcome(Answer.DONE, reason, message), look_again_s=_LOOK_AGAIN_AT_REST_S)
