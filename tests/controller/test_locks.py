"""Which lock may be removed: only one whose owner is shown to be gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from controller import locks, naming
from controller.contract import Repo
from controller.locks import Abandoned, InDoubt, InUse
from controller.model import Lock, Pods, PodState
from tests.controller.scene import NOW, claim, world

if TYPE_CHECKING:
    from controller.locks import Finding

SOURCE = naming.source("shop", "orders", naming.incarnation("uid-1"), "local")
POD = f"{naming.source_job(SOURCE)}-x7k2p"
STRANGER = f"{naming.source_job(naming.source('shop', 'other', naming.incarnation('uid-1'), 'local'))}-x7k2p"


def pods(pod: PodState | None = None, *, ready: bool = True) -> Pods:
    return Pods({POD: pod} if pod else {}, nodes_ready=ready)


@pytest.mark.parametrize(
    ("host", "minutes", "seen", "wanted"),
    [
        (POD, 0, pods(PodState.ALIVE), InUse),
        (POD, 10, pods(PodState.ALIVE), InUse),
        (POD, 300, pods(PodState.ALIVE), InDoubt),  # F03: frozen with its node, and may go on
        (POD, 0, pods(PodState.ENDED), Abandoned),
        (POD, 0, pods(), InUse),  # the list may be older than the pod
        (POD, 12, pods(), Abandoned),
        (POD, 12, pods(ready=False), InDoubt),  # F11: deleted by force while its node is cut off
        (POD, 12, None, InDoubt),
        (POD, 0, None, InUse),
        (STRANGER, 300, pods(), InDoubt),
        ("laptop", 300, pods(), InDoubt),
        ("laptop", 5, pods(), InUse),
    ],
)
def test_a_lock_is_abandoned_only_if_its_owner_is_shown_to_be_gone(
    host: str, minutes: int, seen: Pods | None, wanted: type[Finding]
) -> None:
    lock = Lock(Repo.LOCAL, "22fc71ad", host, NOW - timedelta(minutes=minutes), exclusive=True)
    assert isinstance(locks.classify(lock, world(claim(), pods=seen), NOW), wanted)
