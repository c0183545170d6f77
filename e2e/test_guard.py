"""SC-16, of the reference controller: what keeps a claim from being born empty while the controller is away.

And I8: whoever did not ask for backups never waits for it; and what its service accounts may do, by the API server.
"""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from controller import contract
from fixtures.components import controller
from fixtures.engines import DRILL_LABEL, Absence
from fixtures.engines.reference import ReferenceEngine
from fixtures.kube.client import Right
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import CLAIM, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.ground import Ground
    from fixtures.kube.objects import Object

WEBHOOKS = ("decide.claims.firedrill.dev", "check.claims.firedrill.dev")
# How many unlabelled claims show that none of them is asked about.
UNLABELLED = 20


@pytest.fixture(autouse=True)
def only_for_the_controller(ground: Ground) -> None:
    if ground.engine.name != ReferenceEngine.name:
        pytest.skip(f"engine {ground.engine.name} has no controller of ours")


@pytest.fixture
def namespace(ground: Ground) -> Iterator[str]:
    """A namespace of this test's own."""
    name = f"drill-{secrets.token_hex(3)}"
    metadata = {"name": name, "labels": {DRILL_LABEL: name}}
    ground.kube.apply({"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.name, "metadata": metadata})
    yield name
    ground.kube.delete(NAMESPACE, name)
    ground.await_gone(name)


def claim(namespace: str, name: str, *, labelled: bool, annotations: dict[str, str] | None = None) -> Object:
    return {
        "apiVersion": CLAIM.api_version,
        "kind": CLAIM.name,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {contract.TIER_LABEL: "hourly"} if labelled else {},
            "annotations": annotations or {},
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "firedrill-replicated",
            "resources": {"requests": {"storage": "64Mi"}},
        },
    }


def asked(ground: Ground) -> dict[str, int]:
    """How often the API server says that it has asked each of our webhooks."""
    metric = re.compile(r"^apiserver_admission_webhook_admission_duration_seconds_count\{(.*)\} (\d+)$", re.MULTILINE)
    counts = dict.fromkeys(WEBHOOKS, 0)
    for labels, count in metric.findall(ground.kube.metrics()):
        for name in WEBHOOKS:
            if f'name="{name}"' in labels:
                counts[name] += int(count)
    return counts


def refusal(ground: Ground, body: Object) -> KubeError:
    with pytest.raises(KubeError) as refused:
        ground.kube.apply(body)
    found: KubeError = refused.value
    assert ground.kube.get(CLAIM, body["metadata"]["name"], body["metadata"]["namespace"]) is None
    return found


@contextmanager
def nobody_decides(ground: Ground, how: Absence) -> Iterator[None]:
    found = ground.engine.installation
    assert found is not None
    try:
        found.stop_deciding(how)
        yield
    finally:
        found.set_right()
        ground.await_components()


def test_unlabelled_claims_are_never_asked_about_and_labelled_ones_are(ground: Ground, namespace: str) -> None:
    before = asked(ground)
    for number in range(UNLABELLED):
        ground.kube.apply(claim(namespace, f"unlabelled-{number}", labelled=False))
    assert asked(ground) == before
    ground.kube.apply(claim(namespace, "labelled", labelled=True))
    after = asked(ground)
    assert all(after[name] > before[name] for name in WEBHOOKS)


def test_without_a_webhook_pod_labelled_claims_are_refused_and_others_are_made(ground: Ground, namespace: str) -> None:
    with nobody_decides(ground, Absence.STOPPED):
        said = refusal(ground, claim(namespace, "labelled", labelled=True))
        assert "failed calling webhook" in said.message
        ground.kube.apply(claim(namespace, "unlabelled", labelled=False))
    ground.kube.apply(claim(namespace, "labelled", labelled=True))


def test_without_the_webhook_configurations_the_guard_refuses_what_nobody_decided(
    ground: Ground, namespace: str
) -> None:
    with nobody_decides(ground, Absence.NOT_ASKED):
        said = refusal(ground, claim(namespace, "labelled", labelled=True))
        assert "nobody has decided" in said.message
        assert "webhooks.yaml" in said.message
        # A stamp that says "restore" is no leave to be born without a data source.
        stamp = {contract.DECISION_ANNOTATION: '{"version": 1, "start": "restore"}'}
        assert "dataSourceRef" in refusal(ground, claim(namespace, "stamped", labelled=True, annotations=stamp)).message
        ground.kube.apply(claim(namespace, "unlabelled", labelled=False))
    ground.kube.apply(claim(namespace, "labelled", labelled=True))


# --- rights ----------------------------------------------------------------------------------------------------------

VOLSYNC = "volsync.backube"
SNAPSHOTS = "snapshot.storage.k8s.io"
REVIEWS = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}


def rights(group: str, resource: str, verbs: str, *names: str) -> set[Right]:
    return {Right(group, resource, name, verb) for verb in verbs.split() for name in names or ("",)}


SERVE_EVERYWHERE = (
    rights("", "pods", "list")
    | rights(VOLSYNC, "replicationsources", "list")
    | rights(VOLSYNC, "replicationdestinations", "list")
    | rights("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get patch", "firedrill-controller")
    | rights("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get patch", "firedrill-controller")
)
SERVE_AT_HOME = (
    SERVE_EVERYWHERE
    | rights("", "secrets", "get", "store-local", "store-remote")
    | rights("", "secrets", "get update", "webhook-certificates")
)
RECONCILE_EVERYWHERE = (
    rights("", "persistentvolumeclaims", "get list watch patch")
    | rights("", "persistentvolumeclaims/status", "patch")
    | rights("", "persistentvolumes", "get")
    | rights("", "pods", "list watch")
    | rights("", "nodes", "list")
    | rights("", "secrets", "get list watch create update delete")
    | rights(VOLSYNC, "replicationsources", "get list watch create update delete")
    | rights(VOLSYNC, "replicationdestinations", "get list watch create update delete")
    | rights(SNAPSHOTS, "volumesnapshots", "list watch delete")
    | rights(SNAPSHOTS, "volumesnapshotclasses", "get list")
    | rights(SNAPSHOTS, "volumesnapshotcontents", "get")
    | rights("events.k8s.io", "events", "create list")
)


@pytest.mark.parametrize(
    ("account", "where", "written"),
    [
        (controller.SERVE, "default", SERVE_EVERYWHERE),
        (controller.SERVE, controller.NAMESPACE, SERVE_AT_HOME),
        (controller.RECONCILE, "default", RECONCILE_EVERYWHERE),
        (controller.RECONCILE, controller.NAMESPACE, RECONCILE_EVERYWHERE),
        (controller.RECONCILE, "kube-system", RECONCILE_EVERYWHERE),
    ],
)
def test_each_service_account_may_do_what_is_written_here_and_no_more(
    ground: Ground, account: str, where: str, written: set[Right]
) -> None:
    found = ground.kube.allowed(account, controller.NAMESPACE, where)
    # What every account may: ask who it is and what it may.
    own = {right for right in found if right.resource not in REVIEWS}
    assert own == written, f"more: {sorted(own - written)}, less: {sorted(written - own)}"
