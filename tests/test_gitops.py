"""The GitOps loop, against a stand-in of the API server that knows who sets which field."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from fixtures import gitops
from fixtures.gitops import Loop, Round, differences
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import CLAIM, KNOWN_KINDS, SECRET, VOLUME
from fixtures.wait import Waits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fixtures.kube.kinds import Kind
    from fixtures.kube.objects import Object


@dataclass
class Server:
    """Objects by kind and name. Applying sets the fields of the body and leaves all others."""

    stored: dict[tuple[str, str], Object] = field(default_factory=dict)
    refuses: str = ""
    breaks: bool = False
    deleted: list[str] = field(default_factory=list)

    def kind(self, api_version: str, name: str) -> Kind:
        return KNOWN_KINDS[api_version, name]

    def apply(self, body: Object, *, manager: str, dry_run: bool = False) -> Object:
        assert manager == gitops.MANAGER
        if self.breaks:
            raise RuntimeError("a mistake in firedrill")
        if self.refuses == body["kind"]:
            raise KubeError("apply", body["kind"], 422, "Invalid", "field is immutable")
        key = body["kind"], body["metadata"]["name"]
        after: Object = merged(self.stored.get(key, {}), body)
        if not dry_run:
            self.stored[key] = after
        return after

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        del namespace
        return self.stored.get((kind.name, name))

    def list(self, kind: Kind, namespace: str | None, *, labels: Mapping[str, str]) -> list[Object]:
        assert (namespace is None) == (not kind.namespaced)
        [(label, value)] = labels.items()
        return [
            item
            for (name, _), item in self.stored.items()
            if name == kind.name and item["metadata"].get("labels", {}).get(label) == value
        ]

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> bool:
        del namespace
        self.deleted.append(name)
        return self.stored.pop((kind.name, name), None) is not None


def merged(there: Any, body: Any) -> Any:
    if not isinstance(there, dict) or not isinstance(body, dict):
        return json.loads(json.dumps(body))
    return there | {name: merged(there.get(name), value) for name, value in body.items()}


def body(kind: Kind, name: str, **spec: Any) -> Object:
    namespace = {"namespace": "shop"} if kind.namespaced else {}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "labels": {"of": "owner"}, **namespace},
        "spec": spec,
    }


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def loop(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(gitops, "INTERVAL_S", 0.001)
    made = Loop(server, "orders", "shop")  # type: ignore[arg-type]
    yield made
    made.stop()


def rounds(loop: Loop) -> tuple[Round, ...]:
    return loop.await_rounds(2, Waits.load().api.every(0.001))


def test_what_is_committed_is_made_once_and_then_there_is_nothing_to_do(server: Server, loop: Loop) -> None:
    loop.commit([body(CLAIM, "orders", size="1Gi")])
    assert all(each.is_idle for each in rounds(loop))
    assert loop.rounds[0].made == ("PersistentVolumeClaim orders",)
    labels = server.stored[CLAIM.name, "orders"]["metadata"]["labels"]
    assert labels == {"of": "owner", gitops.TRACKING_LABEL: "orders"}


def test_fields_that_others_add_are_left_alone_and_those_that_are_committed_are_put_back(
    server: Server, loop: Loop
) -> None:
    loop.commit([body(CLAIM, "orders", size="1Gi")])
    rounds(loop)
    server.stored[CLAIM.name, "orders"]["spec"]["dataSourceRef"] = "injected"
    assert all(each.is_idle for each in rounds(loop))
    server.stored[CLAIM.name, "orders"]["spec"]["size"] = "2Gi"
    rounds(loop)
    assert [each.put_back for each in loop.rounds if each.put_back] == [("PersistentVolumeClaim orders (spec.size)",)]
    assert server.stored[CLAIM.name, "orders"]["spec"] == {"size": "1Gi", "dataSourceRef": "injected"}


def test_a_set_with_one_object_that_is_refused_is_not_applied_at_all(server: Server, loop: Loop) -> None:
    server.refuses = SECRET.name
    loop.commit([body(CLAIM, "orders"), body(SECRET, "keys")])
    assert all("field is immutable" in each.refused for each in rounds(loop))
    assert not server.stored
    server.refuses = ""
    rounds(loop)
    assert set(server.stored) == {(CLAIM.name, "orders"), (SECRET.name, "keys")}


def test_what_is_committed_no_more_goes_last_first(server: Server, loop: Loop) -> None:
    loop.commit([body(VOLUME, "orders-pv"), body(SECRET, "keys"), body(CLAIM, "orders")])
    rounds(loop)
    loop.commit([body(SECRET, "keys")])
    rounds(loop)
    assert server.deleted == ["orders", "orders-pv"]
    assert loop.strangers_pruned == ()


def test_what_bears_the_label_and_was_never_committed_is_pruned_unless_somebody_owns_it(
    server: Server, loop: Loop
) -> None:
    copied = {gitops.TRACKING_LABEL: "orders"}
    server.stored[SECRET.name, "copied"] = {"kind": SECRET.name, "metadata": {"name": "copied", "labels": copied}}
    owned = {"name": "owned", "labels": copied, "ownerReferences": [{"kind": CLAIM.name}]}
    server.stored[SECRET.name, "owned"] = {"kind": SECRET.name, "metadata": owned}
    going = {"name": "going", "labels": copied, "deletionTimestamp": "now"}
    server.stored[SECRET.name, "going"] = {"kind": SECRET.name, "metadata": going}
    for item in server.stored.values():
        item["apiVersion"] = SECRET.api_version
    loop.commit([body(CLAIM, "orders")])
    rounds(loop)
    assert loop.strangers_pruned == ("Secret copied",)
    assert server.deleted == ["copied"]


def test_a_mistake_in_a_round_is_not_swallowed(server: Server, loop: Loop) -> None:
    server.breaks = True
    loop.commit([body(CLAIM, "orders")])
    with pytest.raises(RuntimeError, match="a mistake"):
        rounds(loop)


def test_after_its_end_no_round_begins(server: Server, loop: Loop) -> None:
    loop.commit([body(CLAIM, "orders")])
    rounds(loop)
    loop.stop()
    before = len(loop.rounds)
    del server.stored[CLAIM.name, "orders"]
    assert len(loop.rounds) == before
    assert not server.stored


def test_a_round_says_what_it_did() -> None:
    assert str(Round(3)) == "round 3: nothing"
    did = Round(4, made=("Secret a", "Secret b"), put_back=("Claim c (spec.x)",))
    assert str(did) == "round 4: made Secret a, Secret b; put back Claim c (spec.x)"


def test_a_list_that_differs_is_named_as_a_whole() -> None:
    wanted = {"spec": {"modes": ["a"], "size": "1Gi"}}
    assert list(differences(wanted, wanted, {"spec": {"modes": ["a", "b"], "size": "1Gi"}})) == ["spec.modes"]
    assert list(differences(wanted, wanted, {"spec": None})) == ["spec"]
