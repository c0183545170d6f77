"""What people are told on a claim: a condition that stays, and an event when it changes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from controller.contract import Reason
from controller.model import Answer

if TYPE_CHECKING:
    from datetime import datetime

    from controller.model import Claim, Decision, Object

CONDITION: Final = "firedrill.dev/Protected"
CONTROLLER: Final = "firedrill.dev/controller"
# events.k8s.io/v1: note has at most 1 kB; a condition's message has no limit but ours.
_NOTE_MAX: Final = 1000
_QUOTATION: Final = re.compile(r'"[^"]*"')
_WORD_WITH_NUMBER: Final = re.compile(r'[^\s"]*\d[^\s"]*')
_WARNED: Final = frozenset({Answer.ATTENTION, Answer.REFUSE})


@dataclass(frozen=True, slots=True)
class Said:
    """What was told of a decision: the condition's status ("True", "False", "Unknown"), reason and message."""

    status: str
    reason: str
    message: str


def of_decision(decision: Decision) -> Said:
    """What a decision has people told. The number of its branch is in the message."""
    outcome = decision.outcome
    if outcome.reason is Reason.PROTECTED:
        status = "True"
    else:
        status = "Unknown" if outcome.reason is Reason.UNDECIDED else "False"
    return Said(status, outcome.reason.value, f"[{decision.branch.value}] {outcome.message}")


def is_told(before: Said | None, said: Said) -> bool:
    """Whether people know it already: it was told before, word for word or with other numbers in what it quotes.

    Words of others count pods, name times and requests, and so change from look to look while all stays as it is.
    """
    return before is not None and _gist(before) == _gist(said)


def _gist(said: Said) -> Said:
    def without_numbers(quotation: re.Match[str]) -> str:
        return _WORD_WITH_NUMBER.sub("#", quotation[0])

    return replace(said, message=_QUOTATION.sub(without_numbers, said.message))


def said_on(body: Object) -> Said | None:
    """What a claim bears of an earlier telling."""
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition.get("type") == CONDITION:
            return Said(condition["status"], condition.get("reason", ""), condition.get("message", ""))
    return None


def condition(claim: Claim, said: Said, now: datetime) -> Object:
    """The patch (strategic) of a claim's status that sets the condition and touches no other."""
    told: dict[str, Any] = {
        "type": CONDITION,
        "status": said.status,
        "reason": said.reason,
        "message": said.message,
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {"metadata": {"uid": claim.uid}, "status": {"conditions": [told]}}


def event(claim: Claim, said: Said, answer: Answer, now: datetime, instance: str) -> Object:
    """An event about the claim. `instance` is who tells it: the name of our pod."""
    name = f"{claim.name[:200]}.{int(now.timestamp() * 1_000_000):x}"
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": claim.namespace},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": "Decide",
        "reason": said.reason,
        "note": said.message[:_NOTE_MAX],
        "type": "Warning" if answer in _WARNED else "Normal",
        "regarding": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": claim.namespace,
            "name": claim.name,
            "uid": claim.uid,
        },
    }
