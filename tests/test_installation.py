"""What drills change in an installation of the controller is undone from what is in the cluster alone."""

# ruff: noqa: ARG002 - the stand-in has the signatures of what it stands in for, and needs less
from __future__ import annotations

import base64
import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from controller import contract
from fixtures.components import controller
from fixtures.engines import Absence, Lies, Store
from fixtures.engines.installation import ReferenceInstallation
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import CONFIG_MAP, DEPLOYMENT, POD, SECRET, Kind
from tests.test_engines import Address, Api, site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fixtures.kube.objects import Object

PLACE = controller.NAMESPACE
FILE = {"stores": {"local": {"bucket": "volsync", "prefix": ""}, "remote": {"bucket": "far"}}}
ASKED = "admissionregistration.k8s.io/v1"
ADMISSION = (
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicy",
)


class Cluster(Api):
    """The controller's namespace, in which all pods follow their Deployments at once."""

    def kind(self, api_version: str, name: str) -> Kind:
        return Kind(api_version, name, f"{name.lower()}s", namespaced=False)

    def list(self, kind: Kind, namespace: str, *, labels: Mapping[str, str] | None = None) -> list[Object]:
        assert kind == POD
        found = [self.stored["Deployment", PLACE, name] for name in (controller.SERVE, controller.RECONCILE)]
        alive = [each for each in found if each["spec"]["replicas"]]
        wanted = (labels or {}).values()
        return [{"metadata": each["metadata"]} for each in alive if not labels or each["metadata"]["name"] in wanted]

    def create(self, body: Object, *, dry_run: bool) -> Object:
        """What the API server's admission makes of it."""
        assert dry_run
        served = self.stored["Deployment", PLACE, controller.SERVE]["spec"]["replicas"]
        if ("MutatingWebhookConfiguration", None, "firedrill-controller") in self.stored:
            if not served:
                raise KubeError("create", "claim", 500, "InternalError", 'failed calling webhook "decide"')
            return {**body, "metadata": {**body["metadata"], "annotations": {contract.DECISION_ANNOTATION: "{}"}}}
        if ("ValidatingAdmissionPolicyBinding", None, "firedrill-controller") in self.stored:
            said = "ValidatingAdmissionPolicy 'firedrill-controller' denied request: nobody has decided"
            raise KubeError("create", "claim", 403, "Forbidden", said)
        return body

    def patch(self, kind: Kind, name: str, namespace: str, changes: Object) -> Object:
        body = self.stored[kind.name, namespace, name]
        _merge(body, changes)
        body.setdefault("status", {}).update(
            {"availableReplicas": body.get("spec", {}).get("replicas"), "updatedReplicas": 9, "observedGeneration": 1}
        )
        return body


def _merge(body: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            body.pop(key, None)
        elif isinstance(value, dict):
            _merge(body.setdefault(key, {}), value)
        else:
            body[key] = value


@pytest.fixture
def cluster() -> Cluster:
    found = Cluster()
    for name, replicas in ((controller.SERVE, 2), (controller.RECONCILE, 1)):
        volumes = [{"name": "configuration", "configMap": {"name": "configuration-abc"}}, {"name": "tmp"}]
        found.apply(
            {
                "kind": DEPLOYMENT.name,
                "metadata": {"name": name, "namespace": PLACE, "generation": 1},
                "spec": {"replicas": replicas, "template": {"spec": {"volumes": volumes}}},
            }
        )
        found.patch(DEPLOYMENT, name, PLACE, {})
    found.apply(
        {
            "kind": CONFIG_MAP.name,
            "metadata": {"name": "configuration-abc", "namespace": PLACE, "resourceVersion": "1"},
            "data": {controller.CONFIG_FILE: yaml.safe_dump(FILE)},
        }
    )
    keys = {"RESTIC_PASSWORD": "cA==", "AWS_ACCESS_KEY_ID": "b2xk"}
    found.apply({"kind": SECRET.name, "metadata": {"name": "store-local", "namespace": PLACE}, "data": keys})
    for kind in ADMISSION:
        body = {"kind": kind, "apiVersion": ASKED, "metadata": {"name": "firedrill-controller"}, "webhooks": [kind]}
        found.apply(body)
    return found


def installed(cluster: Cluster) -> dict[Any, Any]:
    """All that is there, but for what Kubernetes itself notes and empty places."""

    def without_empty(body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        kept = {key: without_empty(value) for key, value in body.items() if key != "status"}
        return {key: value for key, value in kept.items() if value not in ({}, None)}

    return {key: without_empty(copy.deepcopy(body)) for key, body in cluster.stored.items()}


def told(cluster: Cluster, deployment: str) -> Object:
    """The configuration that the pods of a Deployment read."""
    volumes = cluster.stored["Deployment", PLACE, deployment]["spec"]["template"]["spec"]["volumes"]
    [name] = [each["configMap"]["name"] for each in volumes if "configMap" in each]
    found: Object = yaml.safe_load(cluster.stored["ConfigMap", PLACE, name]["data"][controller.CONFIG_FILE])
    return found


def installation(cluster: Cluster) -> ReferenceInstallation:
    return ReferenceInstallation(site(cluster))


class Versioned(Cluster):
    """Gives each object that is applied another version, as an API server does."""

    def apply(self, body: Object) -> Object:
        version = str(len(self.stored) + 1)
        return super().apply({**body, "metadata": {"resourceVersion": version, **body["metadata"]}})


def test_a_store_is_looked_for_elsewhere_by_all_pods_and_nothing_else_changes(cluster: Cluster) -> None:
    changed = Versioned(cluster.stored)
    installation(changed).look_elsewhere(Store.LOCAL, Lies(bucket="elsewhere"))
    for name in (controller.SERVE, controller.RECONCILE):
        assert told(changed, name) == {"stores": {**FILE["stores"], "local": {"bucket": "elsewhere", "prefix": ""}}}


def test_one_lie_takes_the_place_of_the_other(cluster: Cluster) -> None:
    changed = Versioned(cluster.stored)
    installation(changed).look_elsewhere(Store.LOCAL, Lies(bucket="elsewhere"))
    installation(changed).look_elsewhere(Store.LOCAL, Lies(prefix="elsewhere"))
    assert told(changed, controller.SERVE)["stores"]["local"] == {"bucket": "volsync", "prefix": "elsewhere"}


def test_whoever_comes_next_puts_everything_back(cluster: Cluster) -> None:
    before = installed(cluster)
    changed = Versioned(cluster.stored)
    first = installation(changed)
    first.look_elsewhere(Store.LOCAL, Lies(bucket="elsewhere"))
    first.stop_deciding(Absence.STOPPED)
    first.stop_keeping_up()
    assert changed.stored["Deployment", PLACE, controller.RECONCILE]["spec"]["replicas"] == 0
    first.stop_deciding(Absence.UNGUARDED)
    assert not [key for key in changed.stored if key[0] in ADMISSION]
    assert changed.stored["Deployment", PLACE, controller.SERVE]["spec"]["replicas"] == 0
    again = Cluster(changed.stored)
    installation(again).set_right()
    assert installed(again) == before


def test_the_guard_stays_where_only_the_webhooks_are_not_asked(cluster: Cluster) -> None:
    installation(cluster).stop_deciding(Absence.NOT_ASKED)
    assert [key[0] for key in cluster.stored if key[0] in ADMISSION] == list(ADMISSION[2:])


def test_it_is_waited_until_what_was_taken_away_has_no_say_any_more(cluster: Cluster) -> None:
    class Slow(Cluster):
        looks = 0

        def create(self, body: Object, *, dry_run: bool) -> Object:
            self.looks += 1
            if self.looks < 3:
                raise KubeError("create", "claim", 403, "Forbidden", 'admission webhook "decide" denied the request: x')
            return super().create(body, dry_run=dry_run)

    slow = Slow(cluster.stored)
    installation(slow).stop_deciding(Absence.UNGUARDED)
    assert slow.looks == 3


def test_trouble_of_another_kind_is_no_fate_of_a_claim(cluster: Cluster) -> None:
    class Ill(Cluster):
        def create(self, body: Object, *, dry_run: bool) -> Object:
            raise KubeError("create", "claim", 500, "InternalError", "etcd is leaderless")

    with pytest.raises(KubeError, match="leaderless"):
        installation(Ill(cluster.stored)).stop_deciding(Absence.NOT_ASKED)


def test_where_nothing_was_changed_nothing_is_written(cluster: Cluster) -> None:
    before = copy.deepcopy(cluster.stored)
    installation(cluster).set_right()
    assert cluster.stored == before


def test_new_keys_are_one_edit_that_leaves_the_password_alone(cluster: Cluster) -> None:
    moved = replace(site(cluster), stores={store: Address(access_key="new") for store in Store})
    ReferenceInstallation(moved).renew_access(Store.LOCAL)
    data = cluster.stored["Secret", PLACE, "store-local"]["data"]
    assert base64.b64decode(data["AWS_ACCESS_KEY_ID"]) == b"new"
    assert data["RESTIC_PASSWORD"] == "cA=="  # noqa: S105 - as it was
