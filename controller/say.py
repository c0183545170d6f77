"""Short forms of the decisions that many branches end in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from controller.model import Answer, Decision, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.branch import Branch
    from controller.contract import Reason
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


def done(branch: Branch, stage: Stage, reason: Reason, message: str) -> Decision:
    """Nothing is left to do."""
    return Decision(branch, stage, Outcome(Answer.DONE, reason, message), look_again_s=_LOOK_AGAIN_AT_REST_S)
