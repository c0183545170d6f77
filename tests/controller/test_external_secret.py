"""B2: the ExternalSecret is one that its operator's definition takes, and the component gives the rights for it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from clusters import versions
from clusters.images.gomodule import GoModule, Tree
from clusters.problem import Problem
from controller import resources
from controller.cluster.api import CHILDREN
from controller.contract import Repo
from controller.model import Kind
from controller.settings import ExternalSecrets
from tests.controller.scene import TWO_STORES, claim
from tests.controller.test_deploy import DEPLOY, OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MODULE: Final = "github.com/external-secrets/external-secrets"
DEFINITION: Final = "config/crds/bases/external-secrets.io_externalsecrets.yaml"
VAULT: Final = ExternalSecrets("ClusterSecretStore", "vault", {Repo.LOCAL: "volsync/base", Repo.REMOTE: "volsync/far"})
SETTINGS: Final = replace(TWO_STORES, external_secrets=VAULT)
# Of each part of a schema all is understood, or the test fails: what is skipped would be taken for right.
UNDERSTOOD: Final = {"type", "properties", "required", "enum", "pattern", "minLength", "maxLength", "items"}
UNDERSTOOD_MORE: Final = {"additionalProperties", "default", "description"}


def wrong(schema: Mapping[str, Any], found: Any, where: str) -> Iterator[str]:
    """What an API server with strict validation would refuse, by the part of OpenAPI that this definition uses."""
    assert schema.keys() <= UNDERSTOOD | UNDERSTOOD_MORE, (where, schema.keys())
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
    if not isinstance(found, kinds[schema["type"]]):
        yield f"{where} is no {schema['type']}"
        return
    if isinstance(found, dict):
        yield from (f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in found)
        for name, inner in found.items():
            known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if known is None:
                yield f"{where}.{name} is not known"
            else:
                yield from wrong(known, inner, f"{where}.{name}")
    elif isinstance(found, list):
        for number, inner in enumerate(found):
            yield from wrong(schema["items"], inner, f"{where}[{number}]")
    elif isinstance(found, str):
        if found not in schema.get("enum", (found,)):
            yield f"{where} is none of {schema['enum']}"
        fits = schema.get("minLength", 0) <= len(found) <= schema.get("maxLength", len(found))
        if not fits or re.search(schema.get("pattern", ""), found) is None:
            yield f"{where} has another form"


@pytest.fixture(scope="module")
def definition() -> Mapping[str, Any]:
    """The operator's own definition, out of its Go module (19 MB the first time)."""
    version = versions._read(versions.FILE)["compared-with"]["external-secrets"]
    trees = (Tree(MODULE, DEFINITION, "externalsecrets.yaml"),)
    module = GoModule("external-secrets", version, trees=trees, tools=False)
    try:
        if not module.is_built():
            module.build()
    except Problem as problem:
        pytest.skip(f"the definition of ExternalSecret cannot be had: {problem.what}: {problem.why}")
    found: Mapping[str, Any] = yaml.safe_load((module.folder / "externalsecrets.yaml").read_text())
    return found


def schema_of(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    [served] = [each for each in definition["spec"]["versions"] if each["name"] == "v1"]
    assert served["served"]
    schema: Mapping[str, Any] = served["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


@pytest.mark.built
@pytest.mark.parametrize("repo", list(Repo))
def test_b2_an_external_secret_is_one_that_its_operators_definition_takes(
    repo: Repo, definition: Mapping[str, Any]
) -> None:
    body = resources.external_secret(claim(), "orders-local", repo, VAULT, SETTINGS)
    names = definition["spec"]["names"]
    assert body["kind"] == names["kind"]
    assert body["apiVersion"] == f"{definition['spec']['group']}/v1"
    assert CHILDREN[Kind.EXTERNAL_SECRET].path() == f"/apis/{body['apiVersion']}/{names['plural']}"
    assert list(wrong(schema_of(definition), body["spec"], "spec")) == []


@pytest.mark.built
def test_a_body_that_the_definition_does_not_take_is_noticed(definition: Mapping[str, Any]) -> None:
    spec = resources.external_secret(claim(), "s", Repo.LOCAL, VAULT, SETTINGS)["spec"]
    for spoiled, said in (
        ({**spec, "secretStore": {}}, "spec.secretStore is not known"),
        ({**spec, "secretStoreRef": {"kind": "Vault", "name": "v"}}, "spec.secretStoreRef.kind is none of"),
        ({**spec, "target": {**spec["target"], "name": "Not a name"}}, "spec.target.name has another form"),
        ({**spec, "dataFrom": [{"extract": {}}]}, "spec.dataFrom[0].extract.key is missing"),
        ({**spec, "dataFrom": {}}, "spec.dataFrom is no array"),
    ):
        [problem] = wrong(schema_of(definition), spoiled, "spec")
        assert problem.startswith(said)


# --- the component ---------------------------------------------------------------------------------------------------

WIDE: Final = "firedrill-controller-secrets"


@pytest.fixture
def with_component(tmp_path: Path) -> list[dict[str, Any]]:
    """What `kubectl apply -k` of an overlay with the component would apply."""
    kubernetes = GoModule("kubernetes", versions.choose().kubernetes)
    built = sorted((kubernetes.folder.parent).glob(f"kubernetes-{kubernetes.version}-*/kubectl"))
    if not built:
        pytest.skip("kubectl has not been built here; `make up` does it")
    deploy = DEPLOY.resolve()
    overlay = tmp_path / "kustomization.yaml"
    # Kustomize takes only relative paths.
    up = "/".join([".."] * (len(tmp_path.resolve().parts) - 1))
    parts = {"resources": [f"{up}{deploy}"], "components": [f"{up}{deploy / 'external-secrets'}"]}
    overlay.write_text(yaml.safe_dump(parts))
    done = subprocess.run([built[0], "kustomize", tmp_path], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def rights(objects: list[dict[str, Any]], account: str) -> set[tuple[str, str, str]]:
    """Group, resource and verb of all that an account may do everywhere."""
    bound = {
        item["roleRef"]["name"]
        for item in objects
        if item["kind"] == "ClusterRoleBinding" and item["subjects"][0]["name"] == account
    }
    rules = [
        rule
        for item in objects
        if item["kind"] == "ClusterRole"
        for rule in item["rules"]
        if item["metadata"]["name"] in bound
    ]
    return {(g, r, v) for rule in rules for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}


@pytest.mark.built
def test_with_the_component_secrets_are_read_alone_and_external_secrets_are_written(
    with_component: list[dict[str, Any]],
) -> None:
    before, now = rights(OBJECTS, "reconcile"), rights(with_component, "reconcile")
    assert before - now == {("", "secrets", verb) for verb in ("list", "watch", "create", "update", "delete")}
    group = "external-secrets.io"
    verbs = ("get", "list", "watch", "create", "update", "delete")
    assert now - before == {(group, "externalsecrets", verb) for verb in verbs}
    assert rights(with_component, "serve") == rights(OBJECTS, "serve")
    assert not [item for item in with_component if item["metadata"]["name"] == WIDE]
