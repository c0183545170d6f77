"""Apps that are replicas of a StatefulSet: what is declared for them, who their pods are, and drills of them."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller import contract
from e2e.test_onboarding import STATEFUL
from fixtures import replicas, wait
from fixtures.app import AppPods
from fixtures.app_objects import POD_NAME_LABEL
from fixtures.casting import apps_of
from fixtures.engines import App
from fixtures.engines.reference import ReferenceEngine
from fixtures.engines.static import StaticEngine
from fixtures.kube.kinds import CLAIM, STATEFUL_SET
from fixtures.scenario import Cast
from fixtures.steps.acts import Declare, Write
from fixtures.workload import FIRST_RUN, Workload
from tests.test_engines import Api, site
from tests.world import EMPTY, World, fails

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.findings import Findings
    from fixtures.kube.objects import Object

APP = App(name="orders-x1", namespace="shop", drill="d1", repository_password="not-for-logs")  # noqa: S106
TWO = apps_of(Cast(apps=2, of_one_set=True), APP)
# One repository is all there is in the stand-in's world.
ALONE = replace(STATEFUL, cast=Cast(apps=1, of_one_set=True))


def declared() -> Object:
    first_runs = [
        Workload(files=3).generation(FIRST_RUN, nonce="n-12", volume=f"{app.namespace}/{app.name}") for app in TWO
    ]
    template = ReferenceEngine(site(Api())).claim_template(TWO[0])
    return replicas.stateful_set(TWO, first_runs, template)


def test_the_label_is_in_the_template_and_nothing_there_is_about_one_claim_alone() -> None:
    [template] = declared()["spec"]["volumeClaimTemplates"]
    assert template["metadata"]["labels"][contract.TIER_LABEL] == "hourly"
    assert (template["metadata"]["name"], template["spec"]["storageClassName"]) == ("data", "block")
    assert not [app.name for app in TWO if app.name in json.dumps(template)]


def test_each_replica_writes_its_own_first_run_data() -> None:
    [container] = declared()["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    find_out = container["command"][-1].partition("set -eu")[0]
    for ordinal, app in enumerate(TWO):
        done = subprocess.run(
            ["/bin/bash", "-c", f'{find_out}\nprintf %s "$FIRST_RUN"'],
            env={**environment, "HOSTNAME": f"orders-x1-{ordinal}"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout)["volume"] == f"shop/{app.name}"


def test_the_volume_of_the_pod_comes_from_the_template_alone() -> None:
    spec = declared()["spec"]["template"]["spec"]
    assert {volume["name"] for volume in spec["volumes"]} == {"agent", "seen"}
    assert {mount["name"] for each in spec["containers"] for mount in each["volumeMounts"]} == {"data", "agent", "seen"}


def test_of_a_replica_its_own_pod_is_looked_for_and_all_of_its_set_is_stopped_and_removed() -> None:
    asked: list[Any] = []

    class Pods(Api):
        def list(self, kind: Any, namespace: str, *, labels: Any) -> Any:
            asked.append(labels)
            return []

        def patch(self, kind: Any, name: str, namespace: str, changes: Any) -> Any:
            asked.append((kind, name, changes["spec"]["replicas"]))

        def delete(self, kind: Any, name: str, namespace: str | None = None) -> bool:
            asked.append((kind, name))
            return True

    pods = AppPods(Pods(), wait.Waits.load())  # type: ignore[arg-type]
    pods.stop(TWO[1])
    pods.start(TWO[1])
    pods.remove(TWO[1])
    assert asked == [
        (STATEFUL_SET, "orders-x1", 0),
        {POD_NAME_LABEL: "orders-x1-1"},
        (STATEFUL_SET, "orders-x1", 2),
        (STATEFUL_SET, "orders-x1"),
    ]


def test_a_claim_that_a_set_makes_later_is_waited_for_and_then_followed() -> None:
    class Late(Api):
        looks = 0

        def get(self, kind: Any, name: str, namespace: str | None = None) -> Object | None:
            self.looks += 1
            return super().get(kind, name, namespace) if self.looks > 2 else None

    api = Late()
    engine = ReferenceEngine(site(api))
    api.apply({"kind": CLAIM.name, "metadata": {"name": TWO[1].name, "namespace": "shop"}, "spec": {}})
    engine.follow(TWO[1])
    assert engine.evidence(TWO[1], TWO[1].name).populated_from is None
    assert api.looks > 3


def test_a_claim_that_names_its_own_destination_fits_no_template() -> None:
    with pytest.raises(ValueError, match="a destination of its own"):
        StaticEngine(site(Api())).claim_template(TWO[0])
    assert STATEFUL.why_not_of(StaticEngine(site(Api()))) == "engine static does not promise SC-18 templates"


def test_what_is_no_replica_has_no_set() -> None:
    with pytest.raises(ValueError, match="is no replica"):
        replicas.stateful_set((APP,), (), {})


def test_an_honest_engine_passes(run: Callable[..., Findings]) -> None:
    findings = run(World(), ALONE)
    assert findings.passed, findings.report()


def test_a_set_whose_claim_is_never_made_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    fails(run(World(templates_work=False), ALONE), "claim data-orders-0 to be made")


def test_a_replica_that_comes_back_empty_is_judged(run: Callable[..., Findings]) -> None:
    fails(run(World(restores=lambda _: EMPTY), ALONE), "empty-through-loss")


def test_a_set_is_declared_as_it_was_and_not_otherwise(run: Callable[..., Findings]) -> None:
    larger = replace(ALONE, given=(Declare(capacity="2Gi"), Write(generation=1)))
    with pytest.raises(ValueError, match="as its template says"):
        run(World(), larger)
