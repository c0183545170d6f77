"""Locks that movers leave behind, of the reference controller: it tells of them, and removes those that nobody holds.

A mover is held in the middle of its backup and then killed, so its own lock is real. Locks that are older than two
renewals are made by the test, in the names of others and of the mover itself.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from controller import contract
from controller.contract import Reason
from e2e.desk import NAME
from fixtures import locks, midway
from fixtures.components import controller
from fixtures.engines import volsync
from fixtures.kube.kinds import CLAIM, POD, REPLICATION_SOURCE
from fixtures.kube.objects import name_of, status_of
from fixtures.wait import eventually

if TYPE_CHECKING:
    from e2e.desk import Desk
    from fixtures.kube.objects import Object

OLD: Final = timedelta(minutes=20)
MOVER_LOOK_INTERVAL_S: Final = 0.1

METRICS: Final = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/metrics').read().decode())"
METRICS_DEADLINE_S: Final = 30.0


def measured(desk: Desk, series: str) -> float:
    """A figure of the process that reconciles, as Prometheus would read it; 0 where there is none."""
    kube = desk.ground.kube
    labels = {"app.kubernetes.io/component": controller.RECONCILE}
    [pod] = kube.list(POD, controller.NAMESPACE, labels=labels)
    command = ["python3", "-c", METRICS]
    told = kube.exec(
        name_of(pod), controller.NAMESPACE, command, container="controller", deadline_s=METRICS_DEADLINE_S
    ).stdout.decode()
    found = re.search(rf"^{re.escape(series)} (\S+)$", told, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def source(desk: Desk) -> Object:
    """What backs the claim up to the local store."""
    labels = {contract.CLAIM_KEY_LABEL: contract.claim_key(desk.namespace, NAME)}
    found = desk.ground.kube.list(REPLICATION_SOURCE, desk.namespace, labels=labels)
    return next(each for each in found if name_of(each).endswith(f"-{contract.Repo.LOCAL.value}"))


def ask_for_a_backup(desk: Desk, word: str) -> None:
    desk.shell("head -c 48M /dev/urandom >/data/large && sync")
    annotations = {contract.BACK_UP_NOW_ANNOTATION: word}
    desk.ground.kube.patch(CLAIM, NAME, desk.namespace, {"metadata": {"annotations": annotations}})


def await_backup(desk: Desk, word: str) -> None:
    eventually(
        lambda: status_of(source(desk)).get("lastManualSync"),
        lambda done: done == word,
        expected=f"the backup {word} to be done",
        wait=desk.ground.waits.backup,
    )


def pods_of(desk: Desk, phase: str) -> list[Object]:
    """The mover's pods in this phase."""
    job = volsync.mover_of_source(name_of(source(desk)))
    found = desk.ground.kube.list(POD, desk.namespace, labels={volsync.JOB_LABEL: job})
    return [pod for pod in found if pod["status"].get("phase") == phase]


def a_held_mover(desk: Desk) -> Object:
    """A mover that has taken its lock and gets no further."""
    [pod] = eventually(
        lambda: pods_of(desk, "Running"),
        lambda pods: len(pods) == 1,
        expected="a mover to run",
        wait=desk.ground.waits.backup.every(MOVER_LOOK_INTERVAL_S),
    )
    assert midway.stop(desk.ground.kube, pod, lambda: desk.repository.locks() != ())
    return pod


def await_removed(desk: Desk, *names: str) -> None:
    eventually(
        lambda: set(desk.repository.locks()) & set(names),
        lambda left: not left,
        expected=f"the locks {', '.join(names)} to be removed",
        wait=desk.ground.waits.backup,
    )


def assert_told_of_removal(desk: Desk, lock: str, why: str) -> None:
    assert any(said.startswith("[65]") and f"the lock {lock} ({why}" in said for said in desk.heard()), desk.heard()


@pytest.mark.thorough
def test_a_lock_is_removed_once_its_owner_is_shown_to_be_gone_and_not_before(desk: Desk) -> None:
    desk.apply_claim()
    desk.start_app()
    desk.shell("echo one >/data/word && sync")
    desk.await_protected()
    assert "restore point" in desk.done("back-up", f"{desk.namespace}/{NAME}")
    repository = desk.repository
    assert repository.locks() == ()
    removals = measured(desk, 'firedrill_writes_total{verb="removelock"}')

    # The owner lives, and does not renew what it holds.
    ask_for_a_backup(desk, "held")
    mover = a_held_mover(desk)
    [own] = repository.locks()
    unrenewed = locks.leave(repository, host=name_of(mover), age=OLD)
    desk.told(Reason.REPORTED, "[66]", unrenewed, f"the pod {name_of(mover)} exists but no longer renews it")
    why = {"namespace": desk.namespace, "claim": NAME, "reason": Reason.REPORTED.value, "branch": "66"}
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(why.items()))
    assert measured(desk, f"firedrill_claim_reason{{{labels}}}") == 1
    assert set(repository.locks()) == {own, unrenewed}

    # The owner is gone: the kubelet says that it has ended.
    midway.kill(desk.ground.kube, mover)
    await_removed(desk, own, unrenewed)
    for lock in (own, unrenewed):
        assert_told_of_removal(desk, lock, f"the pod {name_of(mover)} has ended")
    assert measured(desk, 'firedrill_writes_total{verb="removelock"}') >= removals + 2
    await_backup(desk, "held")
    assert repository.locks() == ()

    # Of one nobody knows whose it is; of the other the pod is gone, and all nodes are heard of.
    someones = locks.leave(repository, host="laptop", age=OLD)
    gone = f"{volsync.mover_of_source(name_of(source(desk)))}-zzzzz"
    abandoned = locks.leave(repository, host=gone, age=OLD)
    ask_for_a_backup(desk, "locked")
    desk.told(Reason.REPORTED, "[66]", someones, "laptop is no mover of this claim")
    await_removed(desk, abandoned)
    assert_told_of_removal(desk, abandoned, f"the pod {gone} is gone, every node is heard of")
    eventually(
        lambda: pods_of(desk, "Failed"), bool, expected="a mover to fail behind the lock", wait=desk.ground.waits.backup
    )
    assert someones in repository.locks()
    assert status_of(source(desk)).get("lastManualSync") == "held"

    # What only a person can know, a person does.
    repository.remove_locks()
    await_backup(desk, "locked")
    desk.await_protected()
