"""The pods of a drill, against a stand-in for the API server: which start of the app counts, and where it runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.agent.database import DatabaseFacts
from fixtures.app import AppPods
from fixtures.app_objects import FIRST_DATABASE, READER, app_pod
from fixtures.engines import App, Placement, volsync
from fixtures.entry import Header, lines_of
from fixtures.kube.execution import Executed
from fixtures.kube.kinds import CLAIM, DEPLOYMENT
from fixtures.wait import Expired, Waits

if TYPE_CHECKING:
    from collections.abc import Sequence

APP = App(name="orders", namespace="shop", drill="d", repository_password="-")  # noqa: S106
EVENT = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)


def pod(read_at: str | None, *, node: str = "worker", ready: str = "True") -> dict[str, Any]:
    state = {"terminated": {"finishedAt": read_at}} if read_at else {"running": {}}
    return {
        "kind": "Pod",
        "metadata": {"name": f"orders-on-{node}"},
        "spec": {"nodeName": node},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "initContainerStatuses": [{"name": READER, "state": state}],
        },
    }


@dataclass
class Api:
    """Shows one list of pods after the other, the last one for ever."""

    looks: list[list[dict[str, Any]]]
    patched: list[Any] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    claim: dict[str, Any] | None = None

    def list(self, *_: Any, **__: Any) -> Any:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def get(self, kind: Any, name: str, namespace: str) -> Any:
        if name.startswith(volsync.POPULATOR_CLAIM):
            return None
        assert (kind, name, namespace) == (CLAIM, "orders", "shop")
        return self.claim

    def events(self, namespace: str) -> Any:
        assert namespace == "shop"
        return self.said

    def exec(self, pod: str, namespace: str, command: Sequence[str], **_: Any) -> Executed:
        del pod, namespace
        if FIRST_DATABASE in command:
            return Executed(0, json.dumps(asdict(DatabaseFacts(is_there=False))).encode("ascii"), b"")
        return Executed(0, "".join(lines_of(Header(), [])).encode("ascii"), b"")

    def patch(self, kind: Any, name: str, namespace: str, changes: Any) -> None:
        assert (kind, name, namespace) == (DEPLOYMENT, "orders", "shop")
        self.patched.append((changes, len(self.looks)))


def pods(api: Api) -> tuple[AppPods, Waits]:
    passed = SimpleNamespace(s=0.0)

    def sleep(seconds: float) -> None:
        passed.s += seconds

    waits = Waits.load(clock=SimpleNamespace(now_s=lambda: passed.s, sleep=sleep))
    return AppPods(api, waits), waits  # type: ignore[arg-type]


@pytest.mark.parametrize("stale", ["2026-01-01T11:59:59Z", "2026-01-01T12:00:00Z"])
def test_a_start_before_the_event_or_in_its_second_does_not_count(stale: str) -> None:
    before, after = pod(stale), pod("2026-01-01T12:00:01Z", node="worker2")
    app_pods, waits = pods(Api([[before], [before], [after]]))
    reading = app_pods.first_reading(APP, waits.pod, since=EVENT)
    assert (reading.node, reading.ended_at) == ("worker2", datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC))
    app_pods, waits = pods(Api([[before]]))
    with pytest.raises(Expired, match="started after 2026-01-01 12:00:00"):
        app_pods.first_reading(APP, waits.pod, since=EVENT)


def test_a_pod_that_is_not_ready_has_read_nothing_yet() -> None:
    app_pods, waits = pods(Api([[pod("2026-01-01T12:00:05Z", ready="Unknown")]]))
    with pytest.raises(Expired):
        app_pods.first_reading(APP, waits.pod, since=EVENT)


def event(about: str, reason: str, message: str, *, kind: str = "Warning") -> dict[str, Any]:
    return {"involvedObject": {"name": about}, "type": kind, "reason": reason, "message": message}


def test_a_volume_that_cannot_be_mounted_ends_the_wait_in_the_words_of_who_tried() -> None:
    starting = pod(None, ready="False")
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "orders", "namespace": "shop", "uid": "u1"}}
    said = [
        event("orders-on-worker", "FailedMount", "first try: exit status 32"),
        event("vs-prime-u1", "ProvisioningFailed", "no room"),
        event("orders-on-worker", "Scheduled", "Successfully assigned", kind="Normal"),
        event("another", "FailedMount", "not ours"),
        event("orders-on-worker", "FailedMount", "MountVolume.SetUp failed: bad superblock on /dev/loop7"),
    ]
    app_pods, waits = pods(Api([[starting]], said=said, claim=claim))
    with pytest.raises(Expired) as expired:
        app_pods.first_reading(APP, waits.pod)
    assert expired.value.waited_s == waits.pod.deadline_s
    told = [line.strip() for line in str(expired.value.seen).splitlines()[1:]]
    assert told == [
        "warned: vs-prime-u1 ProvisioningFailed: no room",
        "warned: orders-on-worker FailedMount: MountVolume.SetUp failed: bad superblock on /dev/loop7",
    ]
    assert "the pod of orders to run with its volume" in str(expired.value)


def test_a_restart_waits_for_the_old_pod_to_be_gone() -> None:
    api = Api([[pod(None)], [pod(None)], []])
    app_pods, _ = pods(api)
    app_pods.stop(APP)
    app_pods.start(APP)
    assert api.patched == [({"spec": {"replicas": 0}}, 3), ({"spec": {"replicas": 1}}, 1)]


def test_the_node_of_an_app_is_that_of_its_running_pod() -> None:
    app_pods, _ = pods(Api([[pod(None, ready="False")], [pod("2026-01-01T12:00:05Z", node="worker2")]]))
    assert app_pods.node_of(APP) == "worker2"


def test_an_app_says_whether_it_wants_to_run_with_volsync_and_runs_elsewhere_if_it_must() -> None:
    def wish_of(placement: Placement) -> Any:
        return app_pod(replace(APP, placement=placement), "-", {}).get("affinity")

    assert wish_of(Placement.ANYWHERE) is None
    for placement, how in (
        (Placement.BESIDE_VOLSYNC, "podAffinity"),
        (Placement.AWAY_FROM_VOLSYNC, "podAntiAffinity"),
    ):
        ((kind, terms),) = wish_of(placement).items()
        assert kind == how
        ((strength, (term,)),) = terms.items()
        assert strength == "preferredDuringSchedulingIgnoredDuringExecution"
        assert term["podAffinityTerm"]["namespaces"] == ["volsync-system"]
