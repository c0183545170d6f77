"""Operations: what is told, what is refused, and what a claim is when it is applied again."""

from __future__ import annotations

import asyncio
import copy
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest

from controller import __main__ as program
from controller import contract, naming, stamp
from controller.cluster.api import CHILDREN, CLAIMS, PODS
from controller.cluster.claims import claim_from
from controller.contract import Repo
from controller.model import Absent, Exists, Kind, RestorePoint, Unknown
from controller.operate import backing_up, backups, leaving, orphans, recreating, restoring, site, standbys
from controller.operate.recreating import Change
from controller.operate.restoring import Order
from controller.operate.site import Found, Name, Refused, Site
from controller.stamp import Stamp, Start
from controller.store.asking import Seen
from controller.store.known import Known
from controller.truth import Looked
from tests.controller import scene
from tests.controller.api_server import ApiServer, serving
from tests.controller.scene import NOW, TWO_STORES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from controller.cluster.api import Api
    from controller.model import Truth

NAME = Name("shop", "orders")
POINTS = tuple(RestorePoint(NOW - timedelta(hours=hours), f"{hours:064x}", 3 * 2**30) for hours in (9, 5, 1))
BODY: dict[str, Any] = {
    "metadata": {
        "namespace": "shop",
        "name": "orders",
        "uid": "u-1",
        "resourceVersion": "7",
        "labels": {"backup": "hourly", "app": "shop"},
        "finalizers": ["kubernetes.io/pvc-protection"],
        "annotations": {
            "team": "blue",
            "pv.kubernetes.io/bind-completed": "yes",
            "volume.kubernetes.io/selected-node": "worker",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            contract.DECISION_ANNOTATION: "{}",
            contract.SETTLED_ANNOTATION: "u-1 fresh",
            contract.ACCEPT_VOLUME_ANNOTATION: "u-1 looked",
            contract.SKIP_RESTORE_ANNOTATION: "first try",
            contract.BACK_UP_NOW_ANNOTATION: "once",
            contract.RUN_AS_USER_ANNOTATION: "1001",
        },
    },
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "volumeName": "pvc-1",
        "dataSourceRef": {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "old"},
        "resources": {"requests": {"storage": "10Gi"}},
    },
    "status": {"phase": "Bound", "capacity": {"storage": "12Gi"}},
}


def test_a_claim_returns_without_any_mark_of_the_volume_that_goes() -> None:
    returned = recreating.manifest(BODY, Change(POINTS[-1]))
    assert returned["metadata"] == {
        "namespace": "shop",
        "name": "orders",
        "labels": {"backup": "hourly", "app": "shop"},
        "annotations": {"team": "blue", contract.RUN_AS_USER_ANNOTATION: "1001"},
    }
    assert returned["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "10Gi"}},
    }


def test_a_claim_returns_with_what_is_asked_and_its_new_size_and_the_one_that_was_read_is_not_changed() -> None:
    before = copy.deepcopy(BODY)
    returned = recreating.manifest(BODY, Change(POINTS[-1], {contract.RESTORE_FROM_ANNOTATION: "remote"}, "4Gi"))
    assert returned["metadata"]["annotations"][contract.RESTORE_FROM_ANNOTATION] == "remote"
    assert returned["spec"]["resources"] == {"requests": {"storage": "4Gi"}}
    assert before == BODY


def _apply_again(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Create the claim again, at a site that looks often."""
    monkeypatch.setattr(site, "_LOOK_EVERY_S", 0.01)
    configuration: Any = SimpleNamespace(namespace="controller", base_secrets={})
    stores: Any = None
    body = {**recreating.manifest(BODY, Change(POINTS[-1])), "kind": "PersistentVolumeClaim"}

    async def within() -> Found:
        async with serving(server) as api:
            here = Site(configuration, api, stores, lambda _line: None)
            return await recreating._apply(here, NAME, body, Path("orders.yaml"))

    return asyncio.run(within())


def test_a_claim_that_is_refused_while_its_predecessor_goes_is_created_once_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = ApiServer()
    # The webhook's answer while a source or a mover of the previous claim is there; the claim itself is not.
    server.refuse[CLAIMS.path("shop")] = [409, 409]
    assert _apply_again(server, monkeypatch).claim.name == "orders"
    assert server.writes() == [f"POST {CLAIMS.path('shop')}"] * 3


def test_a_claim_that_somebody_else_creates_meanwhile_is_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer()
    server.put(CLAIMS.path("shop", "orders"), {**BODY, "metadata": {**BODY["metadata"], "uid": "u-2"}})
    with pytest.raises(Refused, match="created by somebody else"):
        _apply_again(server, monkeypatch)
    assert server.writes() == [f"POST {CLAIMS.path('shop')}"]


class _Told:
    """A site whose repositories say this."""

    def __init__(self, truths: dict[Repo, Truth]) -> None:
        self._truths = truths
        self.configuration = type("Configuration", (), {"settings": TWO_STORES})()

    async def truth_for_new(self, repo: Repo, _name: Name) -> Truth:
        return self._truths[repo]


def _choose(order: Order, **truths: Truth) -> tuple[Repo, RestorePoint]:
    told: Any = _Told({Repo(repo): truth for repo, truth in truths.items()})
    return asyncio.run(restoring.choose(told, NAME, order))


EXISTS = Exists(POINTS[-1].id, POINTS[-1].at, 3, POINTS)


def test_the_newest_point_is_restored_if_nothing_else_is_ordered() -> None:
    assert _choose(Order(), local=EXISTS, remote=Absent())[1].id == EXISTS.newest


def test_previous_counts_back_and_as_of_takes_the_newest_at_or_before() -> None:
    assert _choose(Order(previous=1), local=EXISTS, remote=Absent()) == (Repo.LOCAL, POINTS[1])
    at = POINTS[1].at.replace(microsecond=0)
    assert _choose(Order(as_of=at), local=EXISTS, remote=Absent()) == (Repo.LOCAL, POINTS[1])
    assert _choose(Order(as_of=at - timedelta(seconds=1)), local=EXISTS, remote=Absent()) == (Repo.LOCAL, POINTS[0])


@pytest.mark.parametrize(
    ("order", "local", "why"),
    [
        (Order(previous=3), EXISTS, "there are 3 restore points"),
        (Order(as_of=POINTS[0].at - timedelta(seconds=1)), EXISTS, "there are 0 restore points"),
        (Order(), Unknown("it does not answer"), "nobody can say"),
        (Order(), Absent(), "has no restore point"),
    ],
)
def test_an_order_that_cannot_be_met_is_refused_before_anything_goes(order: Order, local: Truth, why: str) -> None:
    with pytest.raises(Refused, match=why):
        _choose(order, local=local, remote=Absent())


def test_what_admission_would_not_take_for_the_claims_own_is_refused_before_anything_goes() -> None:
    seen = Seen(scene.COUNTED, Known(1 << 30, "0" * 16), Looked(present=True), keys=frozenset({"b" * 16}))
    stores: Any = SimpleNamespace(look=AsyncMock(return_value=seen), read=AsyncMock(return_value=EXISTS))
    api: Any = None
    configuration: Any = SimpleNamespace(settings=TWO_STORES, namespace="controller", base_secrets={})
    here = Site(configuration, api, stores, lambda _line: None)
    base: Any = SimpleNamespace(current=AsyncMock(return_value={}))
    here.base = base
    with pytest.raises(Refused, match="`adopt`"):
        asyncio.run(restoring.choose(here, NAME, Order()))
    own = replace(seen, keys=frozenset({"0" * 16}))
    stores.look.return_value = own
    assert asyncio.run(restoring.choose(here, NAME, Order())) == (Repo.LOCAL, POINTS[-1])


def test_an_unknown_local_repository_is_never_passed_over_for_the_remote_one() -> None:
    with pytest.raises(Refused, match="local repository"):
        _choose(Order(), local=Unknown("refused"), remote=EXISTS)


def test_a_point_that_does_not_fit_is_refused() -> None:
    restoring.check_size(NAME, POINTS[0], "3Gi")
    with pytest.raises(Refused, match="is less"):
        restoring.check_size(NAME, POINTS[0], "2Gi")


@pytest.mark.parametrize(("size", "smaller"), [("12Gi", False), ("11Gi", True), ("20Gi", False), ("1Gi", True)])
def test_smaller_than_the_volume_is_smaller_whatever_the_claim_asks_for(size: str, *, smaller: bool) -> None:
    assert restoring.is_smaller(Found(BODY, claim_from(BODY)), size) is smaller


def test_points_are_listed_newest_first_as_previous_counts_them() -> None:
    listed = list(backups.rows(POINTS))
    assert [line.split()[0] for line in listed[1:]] == ["0", "1", "2"]
    assert POINTS[-1].id[:8] in listed[1]


@pytest.mark.parametrize(
    ("sources", "missing"),
    [
        ([None], "not there"),
        ([{"status": {"lastManualSync": "before"}, "trigger": {"manual": "now"}}], "not done it"),
        ([{"status": {"lastManualSync": "now"}, "trigger": {"manual": "now"}}], "schedule"),
        ([{"status": {"lastManualSync": "now"}, "trigger": {"schedule": "1 * * * *"}}, None], "not there"),
        ([{"status": {"lastManualSync": "now"}, "trigger": {"schedule": "1 * * * *"}}], None),
    ],
)
def test_a_backup_is_over_when_it_was_acknowledged_and_the_schedule_is_in_force(
    sources: list[Any], missing: str | None
) -> None:
    bodies = [
        each and {"metadata": {"name": "s"}, "spec": {"trigger": each["trigger"]}, "status": each["status"]}
        for each in sources
    ]
    found = backing_up._what_is_missing(bodies, "now")
    assert found is None if missing is None else missing in (found or "")


def test_a_destination_is_idle_when_its_claim_is_gone_or_restored_or_another() -> None:
    decided = Stamp(Start.FRESH, "aaaaaaaa", NOW, "empty")
    waiting = copy.deepcopy(BODY)
    waiting["metadata"]["annotations"] = {contract.DECISION_ANNOTATION: stamp.written(decided)}
    own = naming.destination("shop", "orders", "aaaaaaaa")
    assert "gone" in (orphans._why_idle(None, own) or "")
    assert "restored" in (orphans._why_idle(claim_from(BODY), own) or "")
    assert "earlier" in (orphans._why_idle(claim_from(waiting), "another") or "")
    assert orphans._why_idle(claim_from(waiting), own) is None


def warm(body: dict[str, Any], wish: str | None) -> dict[str, Any]:
    """The claim with this wish for a standby."""
    changed = copy.deepcopy(body)
    if wish is not None:
        changed["metadata"]["annotations"][contract.STANDBY_ANNOTATION] = wish
    return changed


def test_a_standby_is_an_orphan_when_its_claim_is_gone_or_asks_for_none() -> None:
    assert "gone" in (orphans._why_not_asked_for(None, TWO_STORES) or "")
    for wish, asked in (("true", True), ("false", False), (None, False)):
        why = orphans._why_not_asked_for(claim_from(warm(BODY, wish)), TWO_STORES)
        assert (why is None) is asked, wish
    for_all = replace(TWO_STORES, standby=True)
    assert orphans._why_not_asked_for(claim_from(BODY), for_all) is None
    unlabelled = copy.deepcopy(BODY)
    del unlabelled["metadata"]["labels"]["backup"]
    assert orphans._why_not_asked_for(claim_from(unlabelled), for_all) is not None
    # What cannot be read now may ask again once it is corrected: nothing is called an orphan on a guess.
    assert orphans._why_not_asked_for(claim_from(warm(BODY, "perhaps")), TWO_STORES) is None


class _Listing:
    """A site on a small API server, and what it was told and asked to delete."""

    def __init__(self, api: Api, truths: dict[Repo, Truth]) -> None:
        self.api = api
        self.lines: list[str] = []
        self._truths = truths
        self.configuration = type("Configuration", (), {"settings": TWO_STORES})()

    def tell(self, line: str) -> None:
        self.lines.append(line)

    async def truth(self, repo: Repo, _name: Name) -> Truth:
        return self._truths[repo]


def _with_standby(asked: Callable[[Any], Coroutine[Any, Any, None]], newest: RestorePoint) -> tuple[list[str], Any]:
    """What is told where one image stands by, and this is the newest restore point."""
    server, standby = ApiServer(), scene.standing_by()
    of = {
        contract.CLAIM_KEY_LABEL: contract.claim_key("shop", "orders"),
        contract.MANAGED_BY_LABEL: contract.MANAGED_BY,
    }
    metadata = {"namespace": "shop", "labels": of, "annotations": {contract.CLAIM_ANNOTATION: "shop/orders"}}
    body = {"metadata": metadata, "spec": dict(standby.content), "status": dict(standby.status)}
    server.put(CHILDREN[Kind.DESTINATION].path("shop", standby.name), body)
    image = scene.image_of(standby)
    server.put(CHILDREN[Kind.SNAPSHOT].path("shop", image), {"metadata": {"namespace": "shop"}})

    async def within() -> list[str]:
        async with serving(server) as api:
            site = _Listing(api, {Repo.LOCAL: Exists(newest.id, newest.at, 1, (newest,)), Repo.REMOTE: Absent()})
            await asked(site)
            return site.lines

    return asyncio.run(within()), server


def test_backups_tell_how_fresh_the_image_is_that_stands_by() -> None:
    of = scene.POINTS[-1]
    fresh, _ = _with_standby(lambda site: backups.run(site, NAME), of)
    assert any(f"its standby image is of {of.id[:8]} of" in line and "the newest" in line for line in fresh)
    later = RestorePoint(of.at + timedelta(hours=2), "e" * 64)
    stale, _ = _with_standby(lambda site: backups.run(site, NAME), later)
    assert any("2:00:00 older than the newest, and is not used" in line for line in stale)


def test_with_its_backups_the_image_that_stands_by_is_deleted_when_that_is_agreed() -> None:
    of, name = scene.POINTS[-1], scene.standing_by().name
    told, server = _with_standby(lambda site: standbys.remove(site, NAME, agreed=False), of)
    assert any(f"{name} and its image to be deleted" in line for line in told)
    assert server.writes() == []
    told, server = _with_standby(lambda site: standbys.remove(site, NAME, agreed=True), of)
    assert any(f"{name} and its image deleted" in line for line in told)
    assert server.writes() == [f"DELETE {CHILDREN[Kind.DESTINATION].path('shop', name)}"]


def _left_behind(labels: dict[str, str], phase: str) -> ApiServer:
    """A server without the claim and its sources, and with a pod as VolSync makes them."""
    server, made = ApiServer(), {"app.kubernetes.io/created-by": "volsync"}
    metadata = {"namespace": "shop", "labels": {**made, **labels}, "deletionTimestamp": "2026-01-10T12:00:00Z"}
    server.put(f"{PODS.path('shop')}/mover", {"metadata": metadata, "status": {"phase": phase}})
    return server


@pytest.mark.parametrize(
    ("owner", "may_write"),
    [
        (naming.source("shop", "orders", "aaaaaaaa", "local"), True),
        (naming.source("shop", "other", "aaaaaaaa", "local"), False),
        (naming.standby("shop", "orders", "aaaaaaaa"), False),
    ],
)
def test_backups_are_not_deleted_while_a_mover_that_was_told_to_stop_may_still_write(
    owner: str, *, may_write: bool
) -> None:
    job = naming.destination_job(owner) if owner.endswith("sby") else naming.source_job(owner)
    server = _left_behind({"job-name": job}, "Running")

    async def within() -> None:
        async with serving(server) as api:
            configuration: Any = SimpleNamespace(
                namespace="controller", base_secrets={}, settings=SimpleNamespace(stores={})
            )
            stores: Any = None
            await leaving.delete_backups(Site(configuration, api, stores, lambda _line: None), NAME, agreed=True)

    if may_write:
        with pytest.raises(Refused, match="mover mover may still write"):
            asyncio.run(within())
    else:
        asyncio.run(within())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["backups", "orders"], "write <namespace>/<claim>"),
        (["restore", "shop/orders", "--as-of", "yesterday"], "2026-01-14T12:00:00Z"),
        (["restore", "shop/orders", "--previous", "-1"], "0 for the newest"),
        (["restore", "shop/orders", "--from", "elsewhere"], "local"),
        (["backups", "shop/orders", "--endpoint", "near=here"], "STORE=URL"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_to_type(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["controller", *arguments])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_a_cluster_that_is_not_there_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "configuration.yaml"
    file.write_text("stores: {local: {endpoint: 'http://127.0.0.1:1', bucket: volsync, secret: base}}\n")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["controller", "--configuration", str(file), "backups", "shop/orders"])
    assert program.main() == 2
    assert "leads to no cluster" in capsys.readouterr().err
