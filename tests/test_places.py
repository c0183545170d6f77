"""What lies where drills keep their backups: looked at before, swept where it is ours, left alone where it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from clusters.problem import Problem
from fixtures import ground as ground_module
from fixtures import misleading, places
from fixtures.bucket import StoredObject
from fixtures.engines import DRILL_LABEL, App
from fixtures.ground import Ground
from fixtures.kube.kinds import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = App(name="orders-1a", namespace="drill-1a", drill="drill-1a", repository_password="-")  # noqa: S106
SECOND = App(name="orders-1a-01", namespace="drill-1a-1", drill="drill-1a", repository_password="-")  # noqa: S106
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
MARK = ".firedrill/store"
"""By which the controller knows a store; it belongs to no drill."""


class FakeBucket:
    """The keys of one bucket."""

    def __init__(self, keys: set[str]) -> None:
        self.keys = keys

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        return (StoredObject(key, 1, AT) for key in sorted(self.keys) if key.startswith(prefix))

    def delete_prefix(self, prefix: str) -> int:
        assert prefix.endswith("/")
        gone = {key for key in self.keys if key.startswith(prefix)}
        self.keys -= gone
        return len(gone)


class Api:
    """Namespaces, each with the label of a drill or none."""

    def __init__(self, **namespaces: str) -> None:
        self.namespaces = {name.replace("_", "-"): drill for name, drill in namespaces.items()}

    def is_gone(self, kind: Any, name: str) -> bool:
        assert kind is NAMESPACE
        return name not in self.namespaces

    def list(self, kind: Any) -> Any:
        if kind is not NAMESPACE:
            return []
        return [
            {"metadata": {"name": name, "labels": {DRILL_LABEL: drill} if drill else {}}}
            for name, drill in self.namespaces.items()
        ]

    def delete(self, kind: Any, name: str) -> None:
        assert kind is NAMESPACE
        del self.namespaces[name]


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The keys that lie in each of two stores."""
    keys: dict[str, set[str]] = {"local": set(), "offsite": set()}
    monkeypatch.setattr(places, "Bucket", lambda store: FakeBucket(keys[store]))
    return keys


def refusal(api: Api, share: Path | None = None) -> str | None:
    addresses: Any = {"local": "local", "offsite": "offsite"}
    kube: Any = api
    try:
        places.refuse_unless_empty((APP, SECOND), kube, addresses, share)
    except Problem as problem:
        return str(problem)
    return None


def test_places_that_are_empty_are_accepted_whatever_lies_beside_them(stores: dict[str, set[str]]) -> None:
    stores["local"] |= {MARK, "drill-1ab/orders/config", "drill-2/x", ".firedrill/known/drill-1ab_/orders_/5"}
    assert refusal(Api(drill_2="drill-2")) is None


@pytest.mark.parametrize(
    "key",
    [
        "drill-1a/local/orders-1a/config",
        "drill-1a-1/orders-1a-01/config",
        ".firedrill/known/drill-1a_/orders-1a_/1073741824",
    ],
)
def test_one_object_of_an_earlier_run_is_refused_with_its_name_and_time(stores: dict[str, set[str]], key: str) -> None:
    stores["offsite"].add(key)
    told = refusal(Api())
    assert told is not None
    assert f"{key} in the offsite store, of 2026-01-01 12:00:00 UTC" in told
    assert "do:   run it again" in told
    assert stores["offsite"] == {key}


def test_a_namespace_and_a_folder_of_the_share_are_refused_too(stores: dict[str, set[str]], tmp_path: Path) -> None:
    assert stores
    assert "namespace drill-1a-1" in (refusal(Api(drill_1a_1="drill-1a")) or "")
    folder = tmp_path / "share" / "drill-1a"
    folder.mkdir(parents=True)
    assert str(folder) in (refusal(Api(), tmp_path) or "")


def test_all_backups_of_an_app_are_cleared_and_nobody_elses(stores: dict[str, set[str]], tmp_path: Path) -> None:
    beside = {MARK, "drill-1ab/x", ".firedrill/known/drill-1a_/orders-1ab_/5"}
    for keys in stores.values():
        keys.update(beside, {"drill-1a/orders-1a/config", "drill-1a-1/orders-1a-01/config"})
        keys.add(".firedrill/known/drill-1a_/orders-1a_/5")
    (tmp_path / "share" / "drill-1a").mkdir(parents=True)
    addresses: Any = tuple(stores)
    for app in (APP, SECOND):
        places.clear(app, addresses, tmp_path)
    assert stores == {"local": beside, "offsite": beside}
    assert list((tmp_path / "share").iterdir()) == []


def ground_on(api: Api, root: Path | None) -> Ground:
    """A ground with only what looking for leftovers needs; without a root the cluster is somebody else's."""
    found: Any = Ground.__new__(Ground)
    found.kube, found.interventions, found.waits = api, [], None
    theirs = None if root else object()
    addresses = {"local": "local", "offsite": "offsite"}
    found.stack = SimpleNamespace(cluster=SimpleNamespace(store=root), stores=lambda: addresses, theirs=theirs)
    return found  # type: ignore[no-any-return]


def test_on_a_cluster_of_ours_leftovers_are_swept_also_where_only_the_stores_remember_them(
    stores: dict[str, set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground_module.Ground, "await_gone", lambda _self, _namespace: None)
    put_right: list[Ground] = []
    monkeypatch.setattr(misleading, "put_right", put_right.append)
    stores["local"] |= {MARK, "drill-old/orders/config", ".firedrill/known/drill-older_/orders_/5", "films/index"}
    (tmp_path / "share" / "drill-oldest").mkdir(parents=True)
    api = Api(drill_1a="drill-1a", kube_system="")
    it = ground_on(api, tmp_path)
    assert it.remove_leftovers() == ["drill-1a", "drill-old", "drill-older", "drill-oldest"]
    assert put_right == [it]
    assert stores["local"] == {MARK, "films/index"}
    assert api.namespaces == {"kube-system": ""}
    assert it.remove_leftovers() == []
    assert it.of_other_runs() == []


def test_on_somebody_elses_cluster_what_others_left_is_named_and_not_touched(stores: dict[str, set[str]]) -> None:
    stores["offsite"] |= {"drill-old/orders/config", "films/index"}
    api = Api(drill_1a="drill-1a", shop="")
    it = ground_on(api, None)
    before = {name: set(keys) for name, keys in stores.items()}
    assert it.remove_leftovers() == []
    assert it.of_other_runs() == ["drill-1a", "drill-old"]
    assert (stores, api.namespaces) == (before, {"drill-1a": "drill-1a", "shop": ""})
