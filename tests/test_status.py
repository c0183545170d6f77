"""`make status`: what it says of the reference controller, which may be there or not."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import fixtures.__main__
from clusters.problem import Problem
from fixtures.__main__ import status
from fixtures.components import controller
from fixtures.kube.errors import UnreachableError
from fixtures.kube.kinds import DEPLOYMENT

if TYPE_CHECKING:
    from fixtures.kube.kinds import Kind
    from fixtures.kube.objects import Object
    from fixtures.stack import Stack

IMAGE = "docker.io/firedrill/controller:abc"


class Kube:
    """A cluster with these Deployments: how many pods of each are ready, and are wanted."""

    def __init__(self, pods: dict[str, tuple[int, int]]) -> None:
        self.pods = pods

    def get(self, kind: Kind, name: str, namespace: str) -> Object | None:
        assert (kind, namespace) == (DEPLOYMENT, controller.NAMESPACE)
        if name not in self.pods:
            return None
        ready, wanted = self.pods[name]
        return {
            "metadata": {"generation": 1},
            "spec": {"replicas": wanted, "template": {"spec": {"containers": [{"image": IMAGE}]}}},
            "status": {
                "observedGeneration": 1, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": wanted,
            },
        }  # fmt: skip


def stack(pods: dict[str, tuple[int, int]], not_ready: dict[str, str] | None = None) -> Stack:
    found: Any = SimpleNamespace(
        cluster=SimpleNamespace(health=lambda: SimpleNamespace(ok=True, why="")),
        kube=Kube(pods),
        components=(SimpleNamespace(name="volsync"),),
        not_ready=lambda: not_ready or {},
    )
    return found  # type: ignore[no-any-return]


def test_a_controller_that_is_not_installed_is_no_lack_and_it_is_said_how_to_have_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert status(stack({})) == 0
    assert "controller  not installed; make up ENGINE=reference" in capsys.readouterr().out


def test_a_controller_that_works_is_told_with_its_image_and_its_pods(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(stack({"serve": (2, 2), "reconcile": (1, 1)})) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == f"controller  ready: {IMAGE}, serve 2 of 2 pods ready, reconcile 1 of 1 pods ready"


@pytest.mark.parametrize(
    ("pods", "why"),
    [
        ({"serve": (1, 2), "reconcile": (1, 1)}, "serve has 1 of 2 pods ready"),
        ({"serve": (2, 2)}, "reconcile does not exist"),
    ],
    ids=["a pod is missing", "a part is missing"],
)
def test_a_controller_that_does_not_work_is_a_lack(
    capsys: pytest.CaptureFixture[str], pods: dict[str, tuple[int, int]], why: str
) -> None:
    assert status(stack(pods)) == 1
    assert why in capsys.readouterr().out


def test_a_component_that_is_not_ready_is_a_lack_whatever_the_controller_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert status(stack({}, {"volsync": "volsync has 0 of 1 pods ready"})) == 1
    assert "volsync     volsync has 0 of 1" in capsys.readouterr().out


def test_an_api_server_that_stops_answering_meanwhile_is_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Stack) -> int:
        raise UnreachableError("get", "deployments", 0, "no answer", "connection refused")

    monkeypatch.setattr(fixtures.__main__, "status", fails)
    monkeypatch.setattr(sys, "argv", ["fixtures", "status"])
    assert fixtures.__main__.main() == Problem.EXIT_CODE
    assert capsys.readouterr().err == "firedrill: get deployments: no answer (0): connection refused\n"
