"""The monitors note each change once, miss nothing that breaks in between, and say when they could not look."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.bucket import BucketError
from fixtures.engines import App, Store, Variant, child
from fixtures.history import RunStarted
from fixtures.invariants import Invariant, Standing
from fixtures.invariants.facts import facts_of
from fixtures.invariants.notebook import Notebook
from fixtures.invariants.storelook import StoreLook
from fixtures.invariants.watch import Monitors
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import CLAIM, EVENT, JOB, POD, REPLICATION_SOURCE, SECRET, VOLUME
from fixtures.kube.watching import Change
from fixtures.ledger import Ledger
from fixtures.repository import Absent, Points, ResticError, RestorePoint, Retention, Unknown
from fixtures.sightings import (
    Blind,
    Cleaned,
    Counted,
    Known,
    Leaked,
    Promised,
    Ruled,
    Sighted,
    StoreSeen,
    Turn,
    WatchEnded,
)
from fixtures.wait import Waits
from tests.invariants.story import at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = App(name="data", namespace="orders", drill="drill-1", repository_password="a long password")  # noqa: S106


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.start(tmp_path / "drill", run="r", seed=1, nonce="nonce-1234", versions={}) as ledger:
        yield ledger


def claim(name: str = "data", *, uid: str = "u1", namespace: str = "orders", **status: str) -> dict[str, Any]:
    return {
        "kind": CLAIM.name,
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": "7"},
        "spec": {},
        "status": status,
    }


def turns(ledger: Ledger) -> list[tuple[str, Turn]]:
    return [(seen.name, seen.turn) for seen in ledger.history().all(Sighted)]


def test_an_object_is_noted_when_it_appears_changes_and_goes_and_not_otherwise(ledger: Ledger) -> None:
    notebook = Notebook(ledger, frozenset({"orders"}))
    notebook.listed(CLAIM, [claim(phase="Pending"), claim(namespace="another", uid="u2")])
    notebook.told(CLAIM, "MODIFIED", claim(phase="Pending"))
    notebook.told(CLAIM, "MODIFIED", claim(phase="Bound"))
    notebook.told(CLAIM, "DELETED", claim(phase="Bound"))
    notebook.told(CLAIM, "DELETED", claim(phase="Bound"))
    assert turns(ledger) == [("orders/data", turn) for turn in (Turn.APPEARED, Turn.CHANGED, Turn.GONE)]


def test_what_went_while_nobody_looked_is_gone_in_the_next_list(ledger: Ledger) -> None:
    notebook = Notebook(ledger, frozenset({"orders"}))
    notebook.listed(CLAIM, [claim()])
    notebook.listed(CLAIM, [claim(uid="u9")])
    assert turns(ledger) == [("orders/data", turn) for turn in (Turn.APPEARED, Turn.GONE, Turn.APPEARED)]


def test_a_secret_in_the_clear_is_noted_without_the_secret(ledger: Ledger) -> None:
    notebook = Notebook(ledger, frozenset({"orders"}))
    notebook.keep_secret("a long password")
    pod = {"kind": POD.name, "metadata": {"name": "p", "namespace": "orders", "uid": "u"}, "spec": {"containers": []}}
    notebook.told(POD, "ADDED", pod)
    assert not ledger.history().all(Leaked)
    notebook.told(POD, "ADDED", {**pod, "metadata": {**pod["metadata"], "uid": "v", "annotations": "a long password"}})  # type: ignore[dict-item]
    assert [leaked.where for leaked in ledger.history().all(Leaked)] == ["Pod orders/p"]
    assert "a long password" not in (ledger.folder / "ledger.jsonl").read_text()


def test_a_secret_that_comes_later_into_what_no_monitor_looks_at_is_noted_once(ledger: Ledger) -> None:
    """As in the log of a mover, which VolSync keeps in the status of a source."""
    notebook = Notebook(ledger, frozenset({"orders"}))
    notebook.keep_secret("a long password")
    metadata = {"name": "s", "namespace": "orders", "uid": "u"}
    source = {"kind": REPLICATION_SOURCE.name, "metadata": metadata, "spec": {}}
    notebook.listed(REPLICATION_SOURCE, [source])
    for _ in range(2):
        status = {"latestMoverStatus": {"logs": "restic: opened with a long password"}}
        notebook.told(REPLICATION_SOURCE, "MODIFIED", {**source, "status": status})
    assert [leaked.where for leaked in ledger.history().all(Leaked)] == ["ReplicationSource orders/s"]


def test_writes_are_counted_by_kind_and_begin_anew_with_each_count(ledger: Ledger) -> None:
    notebook = Notebook(ledger, frozenset({"orders"}))
    for _ in range(3):
        notebook.told(CLAIM, "MODIFIED", claim())
    notebook.count(15)
    notebook.count(15)
    assert [counted.writes for counted in ledger.history().all(Counted)] == [{CLAIM.name: 3}, {}]


def test_of_events_the_warnings_are_kept_also_when_they_fade(ledger: Ledger) -> None:
    notebook = Notebook(ledger, frozenset({"orders"}))
    event = {
        "kind": EVENT.name, "type": "Warning", "reason": "R", "message": "m",
        "metadata": {"name": "e", "namespace": "orders", "uid": "u"},
        "involvedObject": {"kind": CLAIM.name, "namespace": "orders", "name": "data"},
    }  # fmt: skip
    notebook.told(EVENT, "ADDED", event)
    notebook.told(EVENT, "ADDED", {**event, "type": "Normal", "metadata": {**event["metadata"], "uid": "v"}})  # type: ignore[dict-item]
    notebook.told(EVENT, "DELETED", event)
    assert turns(ledger) == [("orders/e", Turn.APPEARED)]


def test_the_facts_of_a_secret_tell_which_repository_it_opens_and_not_how() -> None:
    def opens(address: str) -> dict[str, str]:
        data = {"RESTIC_REPOSITORY": base64.b64encode(address.encode()).decode()}
        return facts_of({"kind": SECRET.name, "metadata": {"name": "any"}, "data": data})

    here = opens("s3:http://user:word@store/bucket/shop/orders")
    assert here == opens("s3:http://user:word@store/bucket/shop/orders") != opens("s3:http://store/bucket/shop/other")
    assert "word" not in str(here)
    # What lies in a volume is another repository in each namespace.
    assert opens("/mnt/repository") == {}


def test_the_facts_of_a_mover_tell_what_it_writes_to_and_from_when_to_when() -> None:
    state = {"terminated": {"startedAt": "2026-01-01T12:00:00Z", "finishedAt": "2026-01-01T12:00:09Z"}}
    secret = {"name": "RESTIC_REPOSITORY", "valueFrom": {"secretKeyRef": {"name": "data-repository"}}}
    labels = {"app.kubernetes.io/created-by": "volsync", "job-name": "volsync-src-data"}
    pod = {
        "kind": POD.name,
        "metadata": {"name": "p", "labels": labels},
        "spec": {"containers": [{"env": [secret]}], "volumes": [{"persistentVolumeClaim": {"claimName": "c"}}]},
        "status": {"containerStatuses": [{"state": state}]},
    }
    assert facts_of(pod) == {
        "mover": "backup", "job": "volsync-src-data", "claims": "c", "repository": "data-repository",
        "started_at": "2026-01-01T12:00:00Z", "finished_at": "2026-01-01T12:00:09Z",
    }  # fmt: skip


def test_what_kubernetes_adds_to_a_claim_by_itself_is_no_change_of_it() -> None:
    before = claim()
    metadata = {
        **before["metadata"], "finalizers": ["kubernetes.io/pvc-protection"],
        "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
    }  # fmt: skip
    after = {**before, "metadata": metadata, "spec": {"volumeName": "pv-1"}}
    touched = {**before, "metadata": {**before["metadata"], "labels": {"backup": "hourly"}}}
    assert facts_of(before)["print"] == facts_of(after)["print"] != facts_of(touched)["print"]


# --- stores ----------------------------------------------------------------------------------------------------------


class Files:
    """A repository that counts how often restic was asked."""

    def __init__(self) -> None:
        self.names: set[str] | Exception = set()
        self.truth: Any = Absent("none yet")
        self.asked = 0
        self.secrets = frozenset({"the engine's own password"})

    def files(self) -> frozenset[str]:
        if isinstance(self.names, Exception):
            raise self.names
        return frozenset(self.names)

    def restore_points(self) -> Any:
        self.asked += 1
        return self.truth

    def count_paths(self, point: str) -> int:
        return len(point)


def test_restic_is_asked_only_when_other_restore_points_are_listed() -> None:
    files: Any = Files()
    look = StoreLook(Store.LOCAL)
    first = look.look(files)
    assert first is not None
    assert first.known is Known.ABSENT
    assert look.look(files) is None
    files.names = {"snapshots/abc", "locks/l1"}
    files.truth = Points((RestorePoint(at(1), "abc", "", (), 0, 0),))
    seen = look.look(files)
    assert seen == StoreSeen("local", Known.POINTS, {"abc": at(1)}, {"abc": 3}, ("l1",))
    assert look.look(files) is None
    assert files.asked == 1
    files.names = {"snapshots/abc", "locks/l2"}
    seen = look.look(files)
    assert seen == StoreSeen("local", Known.POINTS, {"abc": at(1)}, locks=("l2",))
    assert files.asked == 1
    files.names = {"snapshots/def"}
    files.truth = Points((RestorePoint(at(2), "def", "", (), 0, 0),))
    seen = look.look(files)
    assert seen == StoreSeen("local", Known.POINTS, {"def": at(2)}, {"def": 3})
    assert files.asked == 2


@pytest.mark.parametrize(
    "dark", [BucketError("list", "x", "no route"), OSError("stale handle")], ids=["bucket", "share"]
)
def test_a_store_that_does_not_answer_is_unknown_and_not_empty(dark: Exception) -> None:
    files: Any = Files()
    look = StoreLook(Store.LOCAL)
    look.look(files)
    files.names = dark
    seen = look.look(files)
    assert seen is not None
    assert seen.known is Known.UNKNOWN
    files.names = set()
    again = look.look(files)
    assert again is not None
    assert again.known is Known.ABSENT


def test_a_repository_that_restic_cannot_read_is_unknown() -> None:
    files: Any = Files()
    files.names, files.truth = {"snapshots/abc"}, Unknown("wrong password")
    seen = StoreLook(Store.LOCAL).look(files)
    assert seen is not None
    assert (seen.known, seen.why) == (Known.UNKNOWN, "wrong password")


def test_a_restore_point_that_could_not_be_counted_is_counted_at_the_next_look() -> None:
    files: Any = Files()
    files.names = {"snapshots/abc"}
    files.truth = Points((RestorePoint(at(1), "abc", "", (), 0, 0),))
    counted = files.count_paths

    def too_slow(_point: str) -> int:
        raise ResticError("no answer within 60 s")

    files.count_paths = too_slow
    look = StoreLook(Store.LOCAL)
    assert look.look(files) == StoreSeen("local", Known.POINTS, {"abc": at(1)})
    assert look.look(files) is None
    files.count_paths = counted
    assert look.look(files) == StoreSeen("local", Known.POINTS, {"abc": at(1)}, {"abc": 3})
    assert look.look(files) is None


def test_a_repository_that_is_taken_away_while_restic_reads_it_is_absent_and_not_unknown() -> None:
    files: Any = Files()
    files.names = {"snapshots/abc"}

    def taken_away() -> Unknown:
        files.names = set()
        return Unknown("config cannot be loaded")

    files.restore_points = taken_away
    seen = StoreLook(Store.LOCAL).look(files)
    assert seen is not None
    assert seen.known is Known.ABSENT


# --- the whole -------------------------------------------------------------------------------------------------------


class Stream:
    """A watch that ends when it is closed."""

    def __init__(self, changes: list[Change]) -> None:
        self._changes = changes
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Change]:
        yield from self._changes
        self._closed.wait(30)

    def close(self) -> None:
        self._closed.set()


class Api:
    """An API server with one claim that becomes bound; it may refuse to answer at first, and keep things for ever."""

    def __init__(self, *, refuses: int = 0, keeps: bool = False, tells: object = None) -> None:
        self.refuses = refuses
        self.tells = tells
        self.keeps = keeps
        self.claims = [claim(phase="Pending")]
        self.applied: list[Any] = []
        self.deleted: list[str] = []

    def list_at(self, kind: Any, namespace: str | None = None) -> tuple[list[Any], str]:
        del namespace
        if kind == JOB and self.refuses:
            self.refuses -= 1
            raise KubeError("list", "Job", 0, "refused", "connection refused")
        return (self.claims if kind == CLAIM else []), "1"

    def watch(self, kind: Any, namespace: str | None, since: str, *, for_s: float) -> Stream:
        del namespace, since, for_s
        told = [Change("MODIFIED", self.tells)] if kind == JOB and self.tells is not None else []  # type: ignore[arg-type]
        return Stream([Change("MODIFIED", claim(phase="Bound"))] if kind == CLAIM else told)

    def list(self, kind: Any, namespace: str | None = None) -> list[Any]:
        del namespace
        reference = {"namespace": "orders", "name": "data"}
        volume = {"kind": VOLUME.name, "metadata": {"name": "pv-1"}, "spec": {"claimRef": reference}}
        return [volume] if kind == VOLUME and self.keeps else []

    def apply_all(self, bodies: Any) -> None:
        self.applied += bodies

    def delete(self, kind: Any, name: str, namespace: str | None = None) -> None:
        del kind, namespace
        self.deleted.append(name)


def monitors(ledger: Ledger, api: Api, *others: App) -> Monitors:
    clock = SimpleNamespace(now_s=iter(range(0, 100_000, 50)).__next__, sleep=lambda _: None)
    engine = SimpleNamespace(
        name="static", variant=Variant.FAITHFUL, children=lambda app: (child(CLAIM, app.name),),
        retention=lambda _: Retention(24, 7), repository=lambda *_: Files(),
    )  # fmt: skip
    store = SimpleNamespace(secret_key="another secret")  # noqa: S106
    ground: Any = SimpleNamespace(
        kube=api, engine=engine, waits=Waits.load(clock=clock), classes=SimpleNamespace(block="b", snapshot="s"),
        stack=SimpleNamespace(stores=lambda: {"local": store}), await_gone=lambda _: None, empty=lambda _: None,
    )  # fmt: skip
    return Monitors(ground, ledger, APP, *others)


def test_a_drill_is_watched_from_its_promise_to_its_rulings(ledger: Ledger) -> None:
    api = Api()
    watched = monitors(ledger, api)
    watched.start()
    rulings = watched.end(is_settling=True)
    assert watched.clean_up() == ()
    history = ledger.history()
    assert [each.invariant for each in rulings] == list(Invariant)
    assert len(history.all(Ruled)) == len(Invariant)
    assert history.all(Promised)[0].children == ((CLAIM.name, "data"),)
    assert [seen.known for seen in history.all(StoreSeen)] == [Known.ABSENT, Known.ABSENT]
    assert history.all(WatchEnded)[0].settled
    assert {body["kind"] for body in api.applied} == {"Namespace", CLAIM.name, POD.name}
    assert isinstance(history.events[0].event, RunStarted)


def test_every_app_of_a_drill_is_watched_and_one_bystander_stands_beside_them(ledger: Ledger) -> None:
    api = Api()
    other = replace(APP, name="mail", namespace="orders-1")
    api.claims.append(claim("mail", uid="u2", namespace="orders-1"))
    watched = monitors(ledger, api, other)
    watched.start()
    watched.end(is_settling=True)
    history = ledger.history()
    promised = {each.volume: each for each in history.all(Promised)}
    assert [each.children for each in promised.values()] == [((CLAIM.name, "data"),), ((CLAIM.name, "mail"),)]
    assert [each.bystander for each in promised.values()] == ["drill-1-beside/bystander", None]
    assert {seen.name for seen in history.all(Sighted)} == {"orders/data", "orders-1/mail"}
    stores = {(seen.store, seen.volume) for seen in history.all(StoreSeen)}
    assert stores == {(store.value, volume) for store in Store for volume in promised}


def test_what_could_not_be_watched_for_a_while_is_said_and_is_no_pass(ledger: Ledger) -> None:
    watched = monitors(ledger, Api(refuses=1))
    watched.start()
    while not ledger.history().all(Blind):
        threading.Event().wait(0.05)
    rulings = {each.invariant: each for each in watched.end(is_settling=False)}
    assert not ledger.history().all(WatchEnded)[0].settled
    assert rulings[Invariant.I7].standing is rulings[Invariant.I11].standing is Standing.NOT_SHOWN
    assert rulings[Invariant.I12].standing is Standing.NOT_SHOWN
    assert "Job was not watched" in rulings[Invariant.I12].said[0]


def test_what_was_not_watched_any_more_when_the_drill_ended_is_said_and_is_no_pass(ledger: Ledger) -> None:
    api = Api(refuses=1_000_000)
    watched = monitors(ledger, api)
    watched.start()
    while api.refuses == 1_000_000:
        threading.Event().wait(0.01)
    rulings = {each.invariant: each for each in watched.end(is_settling=False)}
    assert [blind.what for blind in ledger.history().all(Blind)] == [JOB.name]
    assert rulings[Invariant.I12].standing is Standing.NOT_SHOWN
    assert any("Job was not watched" in said for said in rulings[Invariant.I12].said)


def test_a_watch_that_nothing_breaks_leaves_no_gap_when_it_is_ended(ledger: Ledger) -> None:
    watched = monitors(ledger, Api())
    watched.start()
    watched.end(is_settling=False)
    assert not ledger.history().all(Blind)
    assert not ledger.history().all(WatchEnded)[0].broken


def test_a_watch_that_fails_for_a_mistake_of_ours_is_said_and_is_no_pass(ledger: Ledger) -> None:
    api = Api(tells={"metadata": {"name": "a Job without a uid", "namespace": "orders", "resourceVersion": "8"}})
    watched = monitors(ledger, api)
    watched.start()
    while any(thread.name == "watch of Job" for thread in threading.enumerate()):
        threading.Event().wait(0.01)
    rulings = {each.invariant: each for each in watched.end(is_settling=False)}
    (broken,) = ledger.history().all(WatchEnded)[0].broken
    assert broken.startswith("watch of Job: KeyError")
    assert rulings[Invariant.I12].standing is Standing.NOT_SHOWN
    assert any(broken in said for said in rulings[Invariant.I12].said)


def test_the_password_that_opens_a_repository_is_a_secret_whoever_chose_it(ledger: Ledger) -> None:
    api = Api()
    api.claims[0]["metadata"]["annotations"] = {"note": "opened with the engine's own password"}
    watched = monitors(ledger, api)
    watched.start()
    rulings = {each.invariant: each for each in watched.end(is_settling=True)}
    assert [leaked.where for leaked in ledger.history().all(Leaked)] == ["PersistentVolumeClaim orders/data"]
    assert rulings[Invariant.I12].standing is Standing.BROKEN


def test_what_outlives_the_clean_up_is_named(ledger: Ledger) -> None:
    watched = monitors(ledger, Api(keeps=True))
    watched.start()
    watched.end(is_settling=False)
    watched.request_removal()
    assert watched.clean_up() == ("PersistentVolume pv-1",)
    assert ledger.history().all(Cleaned)[0].left == ("PersistentVolume pv-1",)
