"""A claim that was admitted is held only while it is Pending for the reason that is told of this very claim."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import held
from fixtures.engines import App
from fixtures.kube.errors import KubeError
from fixtures.wait import Waits

APP = App(name="orders", namespace="shop", drill="d", repository_password="-")  # noqa: S106


def world(*, phases: list[str], told_of: str, refuses: int = 0) -> Any:
    """A claim "new" that has these phases, the last for ever, and an event about the claim of some uid."""

    def protect(app: App) -> None:
        if refuses:
            raise KubeError("apply", f"claim {app.name}", refuses, "Refused", "nobody can say")

    def get(*_: object) -> Any:
        phase = phases.pop(0) if len(phases) > 1 else phases[0]
        spec = {"resources": {"requests": {"storage": "1Gi"}}} | ({"volumeName": "pv"} if phase == "Bound" else {})
        there = {"metadata": {"name": "orders", "uid": "new"}, "spec": spec, "status": {"phase": phase}}
        return None if refuses else there

    event = {"involvedObject": {"name": "orders", "uid": told_of}, "message": "held: nobody can say (yet)"}
    kube = SimpleNamespace(apply=lambda _: None, get=get, events=lambda _: [event])
    clock = SimpleNamespace(now_s=iter(range(0, 100_000, 10)).__next__, sleep=lambda _: None)
    engine = SimpleNamespace(protect=protect, diagnosis=lambda *_: ())
    return SimpleNamespace(kube=kube, engine=engine, waits=Waits.load(clock=clock))


@pytest.mark.parametrize(
    ("ground", "holds"),
    [
        (world(phases=["Pending"], told_of="new"), True),
        (world(phases=["Pending"], told_of="old"), False),
        (world(phases=["Pending", "Pending", "Bound"], told_of="new"), False),
        (world(phases=["Pending"], told_of="-", refuses=403), True),
    ],
    ids=["for its reason", "for that of an earlier claim", "for a moment", "at admission"],
)
def test_a_claim_is_held(ground: Any, holds: bool) -> None:
    check = held.declare(ground, APP, "nobody can say")
    assert check.holds is holds, str(check)


LATE = "nobody could say within 8 s whether it has backups"


def asked_of(*answers: str, refuses: int = 503) -> Any:
    """Where the claim is refused with each of these answers in turn, and with the last for ever."""
    ground = world(phases=["Pending"], told_of="-", refuses=refuses)
    left = list(answers)

    def protect(app: App) -> None:
        message = left.pop(0) if len(left) > 1 else left[0]
        raise KubeError("apply", f"claim {app.name}", refuses, "Refused", message)

    ground.engine.protect = protect
    return ground


def test_where_nobody_could_say_in_time_the_claim_is_asked_for_again() -> None:
    check = held.declare(asked_of(LATE, LATE, "it may be the wrong bucket"), APP, "wrong bucket")
    assert check.holds, str(check)


def test_a_refusal_in_other_words_for_ever_is_not_the_one_that_must_come() -> None:
    check = held.declare(asked_of(LATE), APP, "wrong bucket")
    assert check.holds is False
    assert LATE in check.detail


def test_a_refusal_that_was_decided_is_not_asked_about_again() -> None:
    check = held.declare(asked_of("there is no such tier", "wrong bucket", refuses=403), APP, "wrong bucket")
    assert check.holds is False


def test_a_claim_that_is_admitted_once_somebody_can_say_is_looked_at_as_any_other() -> None:
    ground = world(phases=["Pending"], told_of="new")
    answers = iter([KubeError("apply", "claim orders", 503, "Refused", LATE)])

    def protect(_: App) -> None:
        for error in answers:
            raise error

    ground.engine.protect = protect
    assert held.declare(ground, APP, "nobody can say").holds
