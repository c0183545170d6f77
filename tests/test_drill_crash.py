"""Drills of a mover that is killed in mid-backup, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from e2e.test_crash import MOVER_KILLED, MOVER_KILLED_AND_UNLOCKED
from fixtures import midway
from fixtures.kube.execution import Executed
from fixtures.kube.kinds import POD
from fixtures.report import Outcome
from tests.world import World, fails

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from fixtures.engines import App, Store
    from fixtures.findings import Findings

LOCK = "22fc71ad"
MOVER = {
    "metadata": {"name": "volsync-src-orders-x7k2p", "namespace": "shop"},
    "spec": {"containers": [{"name": "restic"}]},
    "status": {"phase": "Running"},
}


class Crashing(World):
    """The second backup is carried by a mover that can be held and killed. Another mover ends it afterwards.

    `in_time` is whether the mover can be held before it has saved its restore point, `unlocks` whether somebody removes
    the lock that it leaves, `goes_on` whether there is another mover.
    """

    def __init__(self, *, in_time: bool = True, unlocks: bool = True, goes_on: bool = True) -> None:
        super().__init__()
        self._in_time, self._unlocks, self._goes_on = in_time, unlocks, goes_on
        self._calls = self._packs = 0
        self._locks: list[str] = []
        self._killed = threading.Event()

    def repository(self, app: App, store: Store) -> Any:
        found = super().repository(app, store)
        found.packs = lambda: self._packs
        found.locks = lambda: tuple(self._locks)
        found.remove_locks = self._locks.clear
        return found

    def backup_mover(self, app: App, store: Store) -> str:
        return "volsync-src-orders"

    def list(self, kind: Any, namespace: str | None = None, *, labels: Any = None) -> Any:
        return [MOVER] if kind == POD else super().list(kind, namespace, labels=labels)

    def exec(self, pod: str, namespace: str, command: Sequence[str], *, container: str, deadline_s: float) -> Executed:
        if command == midway.KILL:
            self._killed.set()
            return Executed(137, b"", b"")
        if not self._in_time:
            super().back_up_now(self.app, self.stored_in)
            return Executed(3, b"", b"")
        self._packs += 1
        self._locks[:] = [LOCK]
        return Executed(0, b"", b"")

    def back_up_now(self, app: App, store: Store) -> datetime:
        self.app, self.stored_in = app, store
        self._calls += 1
        if self._calls == 2:
            self._killed.wait(30)
            if self._unlocks:
                self._locks.clear()
            if not self._goes_on:
                return self.began()
        return super().back_up_now(app, store)

    def began(self) -> datetime:
        """When the last restore point was made: there is no later one."""
        return self.points[-1].taken_at


def test_an_honest_engine_passes(run: Callable[..., Findings]) -> None:
    findings = run(Crashing(), MOVER_KILLED)
    assert findings.passed, findings.report()


def test_a_mover_that_was_done_before_it_could_be_killed_shows_nothing(run: Callable[..., Findings]) -> None:
    findings = run(Crashing(in_time=False), MOVER_KILLED)
    assert findings.outcome is Outcome.INCONCLUSIVE, findings.report()
    assert "died after its restore point was saved" in findings.report()


def test_a_lock_that_nobody_removes_is_missed(run: Callable[..., Findings]) -> None:
    fails(run(Crashing(unlocks=False), MOVER_KILLED), f"no lock is left: {LOCK}")


def test_a_backup_that_is_given_up_is_missed(run: Callable[..., Findings]) -> None:
    fails(run(Crashing(goes_on=False), MOVER_KILLED), "the repository has no new restore point")


def test_where_nobody_else_unlocks_an_operator_does(run: Callable[..., Findings]) -> None:
    findings = run(Crashing(unlocks=False), MOVER_KILLED_AND_UNLOCKED)
    assert findings.passed, findings.report()
