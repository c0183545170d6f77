"""The manifests agree with the code: names, ports, selectors, metrics. What they do is shown on a cluster."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import admission, configuration, contract, intent, stamp
from controller.admission import certificates, trust
from controller.admission.measures import Measures
from controller.branch import Branch
from controller.contract import Reason, Repo
from controller.loop.measures import Measures as LoopMeasures
from controller.model import Moment
from controller.stamp import Restore, Stamp, Start
from tests.controller.scene import EXISTS, claim, decision, world

DEPLOY = Path(admission.__file__).parent.parent / "deploy"
LISTED = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
OBJECTS: list[dict[str, Any]] = [
    item for name in LISTED for item in yaml.safe_load_all((DEPLOY / name).read_text()) if item
]
WEBHOOKS = [(item, webhook) for item in OBJECTS for webhook in item.get("webhooks", [])]
ALERTS = [
    rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["spec"]["groups"] for rule in group["rules"]
]
# Of VolSync 0.16.0 (internal/controller/metrics.go), with its labels.
VOLSYNC_METRICS = {"volsync_volume_out_of_sync": {"obj_name", "obj_namespace", "role", "method"}}


def only(kind: str, name: str | None = None) -> dict[str, Any]:
    [found] = [item for item in OBJECTS if item["kind"] == kind and name in {None, item["metadata"]["name"]}]
    return found


def test_every_file_of_the_folder_is_applied_or_says_why_not() -> None:
    others = {"kustomization.yaml", "configuration.yaml", "alerts.yaml"}
    assert {file.name for file in DEPLOY.glob("*.yaml")} == {*LISTED, *others}


def test_the_webhooks_and_the_guard_match_the_same_claims_and_fail_closed() -> None:
    guard = only("ValidatingAdmissionPolicy")["spec"]
    assert len(WEBHOOKS) == 2
    matched = [guard["matchConstraints"], *(webhook for _, webhook in WEBHOOKS)]
    for found in matched:
        assert found["objectSelector"] == {"matchExpressions": [{"key": contract.TIER_LABEL, "operator": "Exists"}]}
        assert found["namespaceSelector"] == matched[0]["namespaceSelector"]
        [rule] = found.get("rules") or found["resourceRules"]
        assert (rule["operations"], rule["resources"]) == (["CREATE"], ["persistentvolumeclaims"])
    for _, webhook in WEBHOOKS:
        [condition] = webhook["matchConditions"]
        assert f"'{contract.TIER_LABEL}' in object.metadata.labels" in condition["expression"]
        assert (webhook["failurePolicy"], webhook["sideEffects"]) == ("Fail", "None")
    assert guard["failurePolicy"] == "Fail"
    assert only("ValidatingAdmissionPolicyBinding")["spec"]["validationActions"] == ["Deny"]


def test_the_guard_knows_a_stamp_that_says_restore() -> None:
    [restores] = [each for each in only("ValidatingAdmissionPolicy")["spec"]["variables"] if each["name"] == "restores"]
    needle = re.search(r"contains\('(.*)'\)", restores["expression"])
    assert needle is not None
    now = datetime(2026, 1, 1, tzinfo=UTC)
    restore = Stamp(Start.RESTORE, "abc", now, "why", Restore(Repo.LOCAL, "p", now, intent.Latest()))
    assert needle[1] in stamp.written(restore)
    assert needle[1] not in stamp.written(Stamp(Start.FRESH, "abc", now, "start: restore"))
    [decided] = [each for each in only("ValidatingAdmissionPolicy")["spec"]["variables"] if each["name"] == "decision"]
    assert contract.DECISION_ANNOTATION in decided["expression"]


def test_names_and_ports_are_those_of_the_code_and_of_the_configuration() -> None:
    found = configuration.read(DEPLOY / "configuration.yaml")
    namespace = only("Namespace")["metadata"]["name"]
    assert found.namespace == namespace
    assert {item["metadata"].get("namespace", namespace) for item in OBJECTS} == {namespace}
    assert only("Secret")["metadata"]["name"] == trust.SECRET
    assert only("Service")["metadata"]["name"] == trust.SERVICE
    for item, webhook in WEBHOOKS:
        assert item["metadata"]["name"] == trust.CONFIGURATION
        assert webhook["timeoutSeconds"] == found.admission.timeout_s
        service = webhook["clientConfig"]["service"]
        assert (service["name"], service["namespace"]) == (trust.SERVICE, namespace)
    ports = {
        port["name"]: port["containerPort"]
        for name in ("serve", "reconcile")
        for port in only("Deployment", name)["spec"]["template"]["spec"]["containers"][0]["ports"]
    }
    assert ports == {"webhook": found.admission.port, "metrics": found.metrics_port}
    assert certificates.CERTIFICATE_LEFT_LEAST.days == 30, "as the alert says"


def test_the_pods_have_no_right_on_their_node_and_no_disk_to_write_to() -> None:
    for name in ("serve", "reconcile"):
        pod = only("Deployment", name)["spec"]["template"]["spec"]
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert pod["serviceAccountName"] == name


def test_no_right_is_a_wildcard_and_secrets_are_read_by_name_where_that_is_possible() -> None:
    rules = [rule for item in OBJECTS if item["kind"] in {"Role", "ClusterRole"} for rule in item["rules"]]
    assert not [rule for rule in rules if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])]
    base = set(configuration.read(DEPLOY / "configuration.yaml").base_secrets.values())
    named = [
        set(rule["resourceNames"])
        for rule in only("Role", "serve")["rules"]
        if rule["resources"] == ["secrets"] and rule["verbs"] == ["get"]
    ]
    assert named == [base]


# --- alerts ----------------------------------------------------------------------------------------------------------


def exposed() -> dict[str, set[str]]:
    """Every metric that our processes give, with the names of its labels."""
    serve = Measures()
    serve.answered(Moment.ADMISSION, Reason.UNDECIDED.value, 0.1, allowed=False)
    reconcile = LoopMeasures(lambda: 0)
    seen = world(claim(), EXISTS)
    reconcile.decided(seen, decision(seen), standby_behind_s=0)
    found = dict(VOLSYNC_METRICS)
    for registry in (serve.registry, reconcile.registry):
        for family in registry.collect():
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_is_about_metrics_that_there_are_and_says_what_to_do(rule: dict[str, Any]) -> None:
    there = exposed()
    named = re.findall(r"\b((?:firedrill|volsync)_\w+)(?:\{(.*?)\})?", rule["expr"])
    assert named
    for metric, selectors in named:
        assert metric in there, f"{metric} is none of {sorted(there)}"
        assert {name for name, _ in re.findall(r"(\w+)(=~|!~|!=|=)", selectors)} <= there[metric]
        for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]):
            assert set(labels.split(", ")) <= there[metric]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith(".")


def test_alerts_name_branches_and_reasons_that_there_are() -> None:
    text = "\n".join(rule["expr"] for rule in ALERTS)
    branches = {int(n) for value in re.findall(r'branch(?:=|!~)"([^"]*)"', text) for n in value.split("|")}
    assert branches == {Branch.NEVER_BACKED_UP.value, Branch.OVERDUE.value, Branch.POINTS_LOST.value}
    reasons = {word for value in re.findall(r'reason(?:=~|=|!=)"([^"]*)"', text) for word in value.split("|")}
    assert reasons <= {reason.value for reason in Reason}
    assert Reason.BLOCKED.value in reasons
