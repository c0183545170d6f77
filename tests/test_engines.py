"""Engines and their readers: manifests against the real CRDs, restore points with the real restic, honest triggers."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clusters.images.gomodule import GoModule
from clusters.problem import Problem
from clusters.versions import choose
from fixtures import wait
from fixtures.bucket import Bucket
from fixtures.engines import App, Site, StorageClasses, Store, Wanted, declared, volsync
from fixtures.engines.reference import ReferenceEngine
from fixtures.engines.registry import ENGINES, engine
from fixtures.engines.static import StaticEngine
from fixtures.kube.kinds import CLAIM, REPLICATION_DESTINATION, REPLICATION_SOURCE, SECRET, VOLUME, VOLUME_SNAPSHOT
from fixtures.kube.objects import Seen
from fixtures.kube.watching import Change
from fixtures.repository import (
    Absent,
    Points,
    Repository,
    ResticError,
    RestorePoint,
    Retention,
    Unknown,
    ids,
    lost_against_the_rule,
)
from tests import crds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fixtures.kube.kinds import Kind
    from fixtures.kube.objects import Object

APP = App(name="orders-x1", namespace="shop", drill="d1", repository_password="not-for-logs")  # noqa: S106


@dataclass(frozen=True)
class Address:
    """A store that nobody calls."""

    name: str = "offsite"
    endpoint_host: str = "http://127.0.0.1:9"
    endpoint_cluster: str = "http://store.invalid:9000"
    access_key: str = "an-access-key"
    secret_key: str = "a-secret-key"  # noqa: S105
    bucket: str = "backups"


@dataclass
class Api:
    """Stores what is applied and deleted, as the gateway's verbs would."""

    stored: dict[tuple[str, str | None, str], Object] = field(default_factory=dict)

    def apply(self, body: Object) -> Object:
        self.stored[body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"]] = body
        return body

    def apply_all(self, bodies: Sequence[Object]) -> None:
        for body in bodies:
            self.apply(body)

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> bool:
        return self.stored.pop((kind.name, namespace, name), None) is not None

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        return self.stored.get((kind.name, namespace, name))

    def of(self, kind: Kind) -> list[Object]:
        return [body for (name, _, _), body in self.stored.items() if name == kind.name]


def site(api: Any, *, share: Path | None = None, restic: Path | None = None) -> Site:
    return Site(
        kube=api,
        stores={store: Address(name=store.value) for store in Store},
        classes=StorageClasses(block="block", snapshot="snapshot"),
        waits=wait.Waits.load(),
        restic=restic or Path("restic"),
        share=share,
    )


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def static(api: Api, tmp_path: Path) -> StaticEngine:
    return StaticEngine(site(api, share=tmp_path))


# --- manifests -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["v0.16.0", "v0.14.0"])
def schemas(request: pytest.FixtureRequest) -> Mapping[str, Object]:
    """Kind to OpenAPI schema, of VolSync's own CRDs at a version."""
    return crds.schemas(request.param)


def test_every_volsync_object_of_the_static_engine_fits_the_crds(
    static: StaticEngine, api: Api, schemas: Mapping[str, Object]
) -> None:
    static.protect(APP)
    static.restore_into_second_claim(APP, "proof")
    checked = api.of(REPLICATION_SOURCE) + api.of(REPLICATION_DESTINATION)
    assert len(checked) == 4
    wrong = [
        fault for body in checked for fault in crds.faults(body["spec"], schemas[body["kind"]]["properties"]["spec"])
    ]
    assert wrong == []


def test_the_schema_check_sees_a_misspelt_field_and_a_wrong_type(
    static: StaticEngine, api: Api, schemas: Mapping[str, Object]
) -> None:
    static.protect(APP)
    spec = api.of(REPLICATION_SOURCE)[0]["spec"]
    spec["restic"]["retian"] = {}
    spec["restic"]["copyMethod"] = "Copy"
    spec["sourcePVC"] = 5
    found = list(crds.faults(spec, schemas["ReplicationSource"]["properties"]["spec"]))
    assert len(found) == 3, found


def test_the_claim_names_its_destination_and_never_a_volume_snapshot(static: StaticEngine, api: Api) -> None:
    static.protect(APP)
    claim = api.get(CLAIM, "orders-x1", "shop")
    assert claim is not None
    assert claim["spec"]["dataSourceRef"] == {
        "apiGroup": "volsync.backube",
        "kind": "ReplicationDestination",
        "name": "orders-x1-dst",
    }
    # With a namespace in the reference, or in the field without Ref, the API server drops it and the claim is empty.
    assert "dataSource" not in claim["spec"]


def test_the_repository_claim_can_bind_to_its_own_volume_alone(static: StaticEngine, api: Api) -> None:
    static.protect(APP)
    volume = api.get(VOLUME, "volsync-orders-x1-repo-pv")
    claim = api.get(CLAIM, "volsync-orders-x1-repo", "shop")
    assert volume is not None
    assert claim is not None
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert volume["spec"]["claimRef"] == {"namespace": "shop", "name": claim["metadata"]["name"]}
    assert volume["spec"]["storageClassName"] == claim["spec"]["storageClassName"] == "cephfs-static"
    assert volume["spec"]["accessModes"] == claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Ti"


def test_schedules_and_retention_are_the_documented_ones(static: StaticEngine, api: Api) -> None:
    static.protect(APP)
    found = {
        body["metadata"]["name"]: (body["spec"]["trigger"], body["spec"]["restic"]["retain"])
        for body in api.of(REPLICATION_SOURCE)
    }
    assert found == {
        "orders-x1-local": ({"schedule": "0 * * * *"}, {"hourly": 24, "daily": 7}),
        "orders-x1-remote": ({"schedule": "0 0 * * *"}, {"daily": 7}),
    }
    assert static.retention(Store.LOCAL) == Retention(hourly=24, daily=7)


def test_what_the_static_engine_declares_are_children_that_it_names(static: StaticEngine, api: Api) -> None:
    static.protect(APP)
    children = static.children(APP)
    for kind in (CLAIM, SECRET, REPLICATION_SOURCE, REPLICATION_DESTINATION):
        for body in api.of(kind):
            assert sum(each.fits(kind, body["metadata"]["name"]) for each in children) == 1, body["metadata"]["name"]
    image = "volsync-orders-x1-dst-dest-20251110210918"
    assert any(each.fits(VOLUME_SNAPSHOT, image) for each in children)
    assert not any(each.fits(VOLUME_SNAPSHOT, image + "-2") for each in children)


def test_what_the_static_engine_says_that_it_declares_is_what_it_declares(static: StaticEngine, api: Api) -> None:
    static.protect(APP)
    assert {(kind.name, name) for kind, name in declared(static, APP)} == {(kind, name) for kind, _, name in api.stored}


def test_removal_takes_everything_that_was_declared(static: StaticEngine, api: Api) -> None:
    static.install()
    static.protect(APP)
    static.restore_into_second_claim(APP, "proof")
    static.remove_second_claim(APP, "proof")
    static.remove(APP)
    static.uninstall()
    assert api.stored == {}


def test_a_second_claim_is_filled_by_a_destination_of_its_own(static: StaticEngine, api: Api) -> None:
    static.protect(APP)
    static.restore_into_second_claim(APP, "proof")
    claim = api.get(CLAIM, "proof", "shop")
    assert claim is not None
    assert claim["spec"]["dataSourceRef"]["name"] == "proof-dst"
    assert api.get(REPLICATION_DESTINATION, "proof-dst", "shop") is not None


def test_a_restore_from_the_off_site_store_opens_that_repository_and_mounts_no_other(
    static: StaticEngine, api: Api, schemas: Mapping[str, Object]
) -> None:
    static.protect(APP, Wanted(Store.OFFSITE))
    destination = api.get(REPLICATION_DESTINATION, "orders-x1-dst", "shop")
    assert destination is not None
    assert destination["spec"]["restic"]["repository"] == "orders-x1-remote-repository"
    assert "moverVolumes" not in destination["spec"]["restic"]
    assert not list(crds.faults(destination["spec"], schemas["ReplicationDestination"]["properties"]["spec"]))


def test_an_older_restore_point_is_asked_for_by_number_and_by_time(
    static: StaticEngine, api: Api, schemas: Mapping[str, Object]
) -> None:
    static.protect(APP, Wanted(previous=2, as_of=datetime(2026, 1, 14, 13, tzinfo=timezone(timedelta(hours=1)))))
    static.restore_into_second_claim(APP, "proof", Wanted(previous=1))
    destination, second = (api.get(REPLICATION_DESTINATION, name, "shop") for name in ("orders-x1-dst", "proof-dst"))
    assert destination is not None
    assert second is not None
    spec = destination["spec"]["restic"]
    assert (spec["previous"], spec["restoreAsOf"]) == (2, "2026-01-14T13:00:00+01:00")
    assert "restoreAsOf" not in second["spec"]["restic"]
    assert not list(crds.faults(destination["spec"], schemas["ReplicationDestination"]["properties"]["spec"]))


def test_without_protection_the_claim_stays_and_nothing_else(static: StaticEngine, api: Api) -> None:
    static.protect(APP)
    static.unprotect(APP)
    assert [name for _, _, name in api.stored] == ["orders-x1"]


def test_a_claim_that_is_declared_first_is_the_one_that_is_declared_with_all_else(
    static: StaticEngine, api: Api
) -> None:
    static.declare_claim(APP)
    (alone,) = api.stored.values()
    static.protect(APP)
    assert api.get(CLAIM, "orders-x1", "shop") == alone


def test_a_new_size_is_asked_of_claim_and_destination_alike(static: StaticEngine, api: Api) -> None:
    static.protect(APP)
    static.protect(replace(APP, capacity="2Gi"))
    claim = api.get(CLAIM, "orders-x1", "shop")
    destination = api.get(REPLICATION_DESTINATION, "orders-x1-dst", "shop")
    assert claim is not None
    assert destination is not None
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
    assert destination["spec"]["restic"]["capacity"] == "2Gi"


def test_a_password_is_not_in_the_text_of_an_app() -> None:
    assert "not-for-logs" not in repr(APP)


def test_an_engine_that_nobody_knows_is_refused_with_the_names_of_those_that_are(api: Api) -> None:
    with pytest.raises(Problem, match="the engines are: reference, static"):
        engine("statik", site(api))
    assert ENGINES.keys() == {"reference", "static"}


def test_without_a_share_the_local_repository_is_in_the_bucket_of_the_local_store(api: Api) -> None:
    it = StaticEngine(site(api))
    assert it.why_not() is None
    near, far = (it.repository(APP, store).location for store in Store)
    assert near.endswith("/d1/local/orders-x1")
    assert far.endswith("/d1/orders-x1")
    it.protect(APP)
    assert api.of(VOLUME) == []
    assert len(sources := api.of(REPLICATION_SOURCE)) == 2
    assert not [body for body in sources if "moverVolumes" in body["spec"]["restic"]]
    assert not [child for child in it.children(APP) if child.fits(CLAIM, "volsync-orders-x1-repo")]


# --- a backup on demand ----------------------------------------------------------------------------------------------


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_s(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Cluster(Api):
    """A cluster in which one source is driven as VolSync drives it: a step for each time that somebody looks.

    `begins_before_trigger` is how many times a sync of the schedule begins just as a trigger is set.
    """

    def __init__(
        self, *, begins_before_trigger: int = 0, acknowledges: bool = True, ends_first_sync: bool = True
    ) -> None:
        super().__init__()
        self.begins_before_trigger = begins_before_trigger
        self.acknowledges = acknowledges
        self.ends_first_sync = ends_first_sync
        self.copies_by_tag: list[str | None] = []
        self.trigger: Object = {"schedule": "0 * * * *"}
        # Created a moment ago: its first sync runs.
        self.status: Object = {"lastSyncStartTime": "then", **_synchronizing("True", "SyncInProgress")}
        self._looks = 0

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        assert (kind, name, namespace) == (VOLUME_SNAPSHOT, "volsync-orders-x1-local-src", "shop")
        running = "lastSyncStartTime" in self.status
        return {"metadata": {}, "status": {"creationTime": "2026-01-01T12:00:00Z"}} if running else None

    def look(self, kind: Kind, name: str, namespace: str | None = None) -> Seen:
        assert (kind, name, namespace) == (REPLICATION_SOURCE, "orders-x1-local", "shop")
        self._step()
        return Seen(self._object())

    def patch(self, kind: Kind, name: str, namespace: str | None, changes: Object) -> Object:
        assert (kind, name, namespace) == (REPLICATION_SOURCE, "orders-x1-local", "shop")
        tag = changes["spec"]["trigger"]["manual"]
        if tag is not None and self.begins_before_trigger:
            self.begins_before_trigger -= 1
            self._begin()
        self.trigger = {**self.trigger, "manual": tag} if tag else {"schedule": self.trigger["schedule"]}
        return self._object()

    def _step(self) -> None:
        self._looks += 1
        if "lastSyncStartTime" in self.status:
            if self._looks % 3 == 0 and self.ends_first_sync:
                tag = self.trigger.get("manual") if self.acknowledges else None
                self.status = {"lastManualSync": tag, **_synchronizing("False", "CleaningUp")}
            return
        if self.trigger.get("manual", self.status.get("lastManualSync")) != self.status.get("lastManualSync"):
            self._begin()
            return
        reason = "WaitingForManual" if "manual" in self.trigger else "WaitingForSchedule"
        next_sync = {} if "manual" in self.trigger else {"nextSyncTime": "2026-01-01T13:00:00Z"}
        last = {"lastManualSync": self.status.get("lastManualSync")}
        self.status = {**last, **next_sync, **_synchronizing("False", reason)}

    def _begin(self) -> None:
        self.copies_by_tag.append(self.trigger.get("manual"))
        last = {"lastManualSync": self.status.get("lastManualSync")}
        self.status = {**last, "lastSyncStartTime": "now", **_synchronizing("True", "SyncInProgress")}

    def _object(self) -> Object:
        return {"metadata": {"name": "orders-x1-local"}, "spec": {"trigger": self.trigger}, "status": self.status}


def _synchronizing(status: str, reason: str) -> Object:
    return {"conditions": [{"type": "Synchronizing", "status": status, "reason": reason}]}


def back_up(cluster: Cluster) -> datetime | None:
    waits = wait.Waits.load(clock=Clock())
    return volsync.back_up_now(cluster, "shop", "orders-x1-local", waits)  # type: ignore[arg-type]


def test_a_backup_on_demand_begins_after_it_was_asked_for_and_leaves_the_schedule_in_force() -> None:
    cluster = Cluster()
    assert back_up(cluster) == datetime(2026, 1, 1, 12, tzinfo=UTC)
    (tag,) = cluster.copies_by_tag
    assert tag is not None
    assert cluster.status["lastManualSync"] == tag
    assert cluster.trigger == {"schedule": "0 * * * *"}
    assert cluster.status["nextSyncTime"]


def test_a_sync_that_had_begun_before_the_trigger_is_never_taken_for_the_backup() -> None:
    cluster = Cluster(begins_before_trigger=1)
    back_up(cluster)
    scheduled, ours = cluster.copies_by_tag
    assert scheduled is None
    assert cluster.status["lastManualSync"] == ours


def test_triggers_that_always_come_too_late_are_an_error_and_the_schedule_stays() -> None:
    cluster = Cluster(begins_before_trigger=9)
    with pytest.raises(volsync.TriggerLostError, match="shop/orders-x1-local"):
        back_up(cluster)
    assert cluster.trigger == {"schedule": "0 * * * *"}


def test_a_backup_that_is_never_acknowledged_expires_and_the_schedule_stays() -> None:
    cluster = Cluster(acknowledges=False)
    with pytest.raises(wait.Expired, match="to have done the sync firedrill-"):
        back_up(cluster)
    assert cluster.trigger == {"schedule": "0 * * * *"}


def test_a_source_whose_first_sync_never_ends_is_reported_with_its_state() -> None:
    with pytest.raises(wait.Expired, match=r"to be idle; seen .*SyncInProgress"):
        back_up(Cluster(ends_first_sync=False))


# --- traces of a restore ---------------------------------------------------------------------------------------------


def restored(api: Api, *, origin: str | None, log: str) -> None:
    destination = {
        "apiVersion": "v",
        "kind": REPLICATION_DESTINATION.name,
        "metadata": {"name": "d", "namespace": "shop"},
    }
    status = {"latestImage": {"name": "image-1"}, "latestMoverStatus": {"logs": log, "result": "Successful"}}
    api.apply({**destination, "status": status})
    created = {"name": "image-1", "namespace": "shop", "creationTimestamp": "2026-01-01T12:00:00Z"}
    api.apply({"kind": VOLUME_SNAPSHOT.name, "metadata": created})
    api.apply({"kind": CLAIM.name, "metadata": {"name": "c", "namespace": "shop"}, "spec": {"volumeName": "pv-1"}})
    annotations = {volsync.POPULATED_FROM_ANNOTATION: origin} if origin else None
    api.apply({"kind": VOLUME.name, "metadata": {"name": "pv-1", "annotations": annotations}})


def test_a_restore_leaves_its_image_its_origin_and_the_restore_point_in_the_log(api: Api) -> None:
    log = "created by restic\nrestoring snapshot 3f8bd6c5 of [/data] at 2026-01-01 by root@volsync to .\n"
    restored(api, origin="shop/image-1", log=log)
    found = volsync.evidence(api, "shop", "d", "c")  # type: ignore[arg-type]
    assert found.populated_from == found.image == "shop/image-1"
    assert found.image_created_at == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert found.restored_point == "3f8bd6c5"


def test_a_successful_restore_of_nothing_names_no_restore_point_and_no_origin(api: Api) -> None:
    restored(api, origin=None, log="No eligible snapshots found\n=== No data will be restored ===\n")
    found = volsync.evidence(api, "shop", "d", "c")  # type: ignore[arg-type]
    assert (found.populated_from, found.restored_point) == (None, None)


class Passing(Api):
    """A destination that has its image for one moment and is gone in the next, as its watch tells it.

    Whatever claim is applied is stored as `apply_as` says, since somebody decides at admission.
    """

    apply_as: Object

    def apply(self, body: Object) -> Object:
        return super().apply(self.apply_as if body["kind"] == CLAIM.name else body)

    def list_at(self, *_: object) -> tuple[list[Object], str]:
        return [], "7"

    def watch(self, *what: object, for_s: float) -> Any:
        assert (*what, for_s) == (REPLICATION_DESTINATION, "shop", "7", wait.Waits.load().restore.deadline_s)
        metadata = {"name": "d", "namespace": "shop"}
        log = "restoring snapshot 3f8bd6c5 of [/data] at 2026-01-01 by root@volsync to ."
        done = {"latestMoverStatus": {"logs": log}}
        stages = [{}, done, {**done, "latestImage": {"name": "image-1"}}]
        changes = [Change("MODIFIED", {"metadata": metadata, "status": status}) for status in stages]
        other = Change("DELETED", {"metadata": {"name": "another", "namespace": "shop"}})
        return Told([other, *changes, Change("DELETED", {"metadata": metadata})])


class Told(list[Change]):
    """What a watch tells."""

    def close(self) -> None:
        """Nothing is open."""


def test_the_traces_of_a_restore_are_noted_however_soon_they_pass() -> None:
    api = Passing()
    created = {"name": "image-1", "namespace": "shop", "creationTimestamp": "2026-01-01T12:00:00Z"}
    api.apply({"kind": VOLUME_SNAPSHOT.name, "metadata": created})
    source = {"dataSourceRef": {"name": "d"}}
    engine = ReferenceEngine(site(api))
    body = {"kind": CLAIM.name, "metadata": {"name": APP.name, "namespace": "shop", "uid": "u"}, "spec": source}
    api.apply_as = body
    engine.protect(APP)
    wait.eventually(
        lambda: engine.evidence(APP, APP.name), lambda found: found.image is not None, expected="the image to be noted",
        wait=wait.Waits.load().api,
    )  # fmt: skip
    found = engine.evidence(APP, APP.name)
    assert (found.image, found.restored_point) == ("shop/image-1", "3f8bd6c5")
    assert found.image_created_at == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_where_nothing_is_there_no_trace_is_invented(api: Api) -> None:
    found = volsync.evidence(api, "shop", "d", "c")  # type: ignore[arg-type]
    assert (found.image, found.image_created_at, found.populated_from, found.restored_point) == (None, None, None, None)


# --- repositories ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def restic() -> Path:
    program = GoModule("restic", choose().restic).folder / "restic"
    if not program.is_file():
        pytest.skip(f"restic {choose().restic} has not been built here; `make up` does it")
    return program


@pytest.fixture
def repository(restic: Path, tmp_path: Path) -> Repository:
    return Repository.in_directory(restic, tmp_path / "repository", "a password")


def take(repository: Repository, restic: Path, folder: Path) -> None:
    """A restore point of the folder, made as the mover makes it."""
    environment = {
        "RESTIC_REPOSITORY": repository.location,
        "RESTIC_PASSWORD": "a password",
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
    }
    command = [str(restic), "--no-cache", "backup", "--host", "volsync", "--exclude", "lost+found", "."]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


@pytest.mark.built
def test_a_repository_is_absent_until_it_holds_a_restore_point_and_is_only_read(
    repository: Repository, restic: Path, tmp_path: Path
) -> None:
    assert isinstance(repository.restore_points(), Absent)
    repository.create()
    assert isinstance(repository.restore_points(), Absent)
    data = tmp_path / "data"
    (data / "lost+found").mkdir(parents=True)
    (data / "a file").write_bytes(b"12345")
    take(repository, restic, data)
    truth = repository.restore_points()
    assert isinstance(truth, Points)
    (point,) = truth.points
    assert ids(truth) == (point.id,)
    assert (point.host, point.file_count, point.size_bytes) == ("volsync", 1, 5)
    assert abs(datetime.now(UTC) - point.taken_at) < timedelta(minutes=1)
    assert repository.paths_in(point.id) == {"/a file": 5}
    assert repository.damage() is None
    assert list((tmp_path / "repository" / "locks").iterdir()) == [], "reading must not leave a lock behind"


@pytest.mark.built
def test_a_wrong_password_is_unknown_and_never_absent(repository: Repository, restic: Path, tmp_path: Path) -> None:
    repository.create()
    truth = Repository.in_directory(restic, tmp_path / "repository", "another").restore_points()
    assert isinstance(truth, Unknown)
    assert "wrong password" in truth.why


@pytest.mark.built
def test_a_damaged_pack_is_found(repository: Repository, restic: Path, tmp_path: Path) -> None:
    repository.create()
    data = tmp_path / "data"
    data.mkdir()
    (data / "f").write_bytes(os.urandom(10_000))
    take(repository, restic, data)
    pack = max((tmp_path / "repository" / "data").rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    whole = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert repository.damage() is not None


@pytest.mark.built
def test_a_repository_that_is_destroyed_is_absent_and_its_neighbour_is_not(
    repository: Repository, restic: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "f").write_bytes(b"1")
    neighbour = Repository.in_directory(restic, tmp_path / "repository-2", "a password")
    for each in (repository, neighbour):
        each.create()
        take(each, restic, data)
    repository.destroy()
    repository.destroy()
    assert isinstance(repository.restore_points(), Absent)
    assert isinstance(neighbour.restore_points(), Points)


@pytest.mark.built
def test_a_repository_in_a_bucket_is_destroyed_by_its_path_alone(restic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[str] = []
    monkeypatch.setattr(Bucket, "delete_prefix", lambda _, prefix: deleted.append(prefix))
    Repository.in_bucket(restic, Address(), "d1/orders/", "a password").destroy()
    assert deleted == ["d1/orders/"]


@pytest.mark.built
def test_a_store_that_does_not_answer_is_unknown(restic: Path) -> None:
    truth = Repository.in_bucket(restic, Address(), "d1/orders", "a password").restore_points()
    assert isinstance(truth, Unknown)
    assert "127.0.0.1:9" in truth.why
    assert "a-secret-key" not in truth.why


# --- retention -------------------------------------------------------------------------------------------------------

NOON = datetime(2026, 1, 10, 12, 0, 0, tzinfo=UTC)


def points(*hours_ago: float) -> list[RestorePoint]:
    return [
        RestorePoint(NOON - timedelta(hours=hours), f"{number:08x}", "volsync", ("/data",), 1, 1)
        for number, hours in enumerate(hours_ago)
    ]


def hours_of(kept: Sequence[RestorePoint]) -> list[float]:
    return sorted((NOON - point.taken_at) / timedelta(hours=1) for point in kept)


def test_of_one_hour_the_newest_and_the_oldest_of_all_are_kept() -> None:
    assert hours_of(Retention(hourly=24).survivors(points(0.1, 0.2, 0.3))) == [0.1, 0.3]


def test_hours_without_a_backup_do_not_count() -> None:
    kept = Retention(hourly=3).survivors(points(0.5, 10.5, 100.5, 200.5, 300.5))
    assert hours_of(kept) == [0.5, 10.5, 100.5]


def test_hourly_for_weeks_ends_in_the_documented_twenty_nine_or_thirty() -> None:
    rule = Retention(hourly=24, daily=7)
    kept = rule.survivors_of((), points(*range(21 * 24)))
    assert len(kept) in {29, 30}


@pytest.mark.built
def test_retention_is_what_the_real_restic_does(repository: Repository, restic: Path, tmp_path: Path) -> None:
    repository.create()
    (tmp_path / "f").touch()
    environment = {"RESTIC_REPOSITORY": repository.location, "RESTIC_PASSWORD": "a password", "TZ": "UTC"}
    base = [str(restic), "--no-cache"]
    for minutes in (0, 20, 70, 1500, 1510, 3000):
        time = (NOON + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")
        command = [*base, "backup", "--host", "volsync", "--time", time, "f"]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    truth = repository.restore_points()
    assert isinstance(truth, Points)
    for hourly, daily in ((1, 1), (2, 0), (3, 7), (24, 7)):
        command = [*base, "forget", "--dry-run", "--json", "--keep-hourly", str(hourly), "--keep-daily", str(daily)]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        kept = {item["id"] for item in json.loads(done.stdout)[0]["keep"]}
        assert {point.id for point in Retention(hourly=hourly, daily=daily).survivors(truth.points)} == kept


def test_a_point_that_retention_would_have_kept_is_missed_and_one_that_it_took_is_not() -> None:
    rule = Retention(hourly=24)
    before = points(3.5, 2.5, 1.5, 0.2)
    new = RestorePoint(NOON, "f" * 8, "volsync", ("/data",), 1, 1)
    after = [*before[:3], RestorePoint(NOON - timedelta(hours=0.1), "e" * 8, "volsync", ("/data",), 1, 1)]
    assert lost_against_the_rule(before, after, rule) == ()
    assert lost_against_the_rule(before, [*after[1:], new], rule) == (before[0],)


@pytest.mark.built
def test_restore_points_that_age_keep_their_content_and_are_told_apart(
    repository: Repository, restic: Path, tmp_path: Path
) -> None:
    repository.create()
    folder = tmp_path / "data"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"file {number}").write_bytes(b"1" * number)
        take(repository, restic, folder)
    before = repository.restore_points()
    assert isinstance(before, Points)
    repository._write("rewrite", "--forget", "--new-time", "2026-01-01 12:00:00", before.points[0].id)
    before = repository.restore_points()
    assert isinstance(before, Points)
    became = repository.age(timedelta(hours=30))
    after = repository.restore_points()
    assert isinstance(after, Points)
    assert after.points[0].taken_at == datetime(2025, 12, 31, 6, tzinfo=UTC)
    assert [became[point.id] for point in before.points] == list(after.points)
    assert "/file 2" not in repository.paths_in(after.points[0].id)
    assert "/file 2" in repository.paths_in(after.points[1].id)
    assert repository.damage() is None


@pytest.mark.built
def test_restore_points_that_would_share_a_second_are_an_error(
    repository: Repository, restic: Path, tmp_path: Path
) -> None:
    repository.create()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").touch()
    take(repository, restic, tmp_path / "data")
    truth = repository.restore_points()
    assert isinstance(truth, Points)
    repository.copy_of(truth.newest.id, [truth.newest.taken_at.replace(microsecond=0)])
    with pytest.raises(ResticError, match="tell them apart"):
        repository.age(timedelta(hours=1))


@pytest.mark.built
def test_earlier_copies_are_restore_points_of_the_same_content_at_the_times_asked_for(
    repository: Repository, restic: Path, tmp_path: Path
) -> None:
    repository.create()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"12345")
    take(repository, restic, tmp_path / "data")
    truth = repository.restore_points()
    assert isinstance(truth, Points)
    times = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (3, 8)]
    copies = repository.copy_of(truth.newest.id, times)
    assert [copy.taken_at for copy in copies] == times
    assert repository.paths_in(copies[0].id) == repository.paths_in(truth.newest.id)
    assert isinstance(now := repository.restore_points(), Points)
    assert ids(now) == (*(copy.id for copy in copies), truth.newest.id)


@pytest.mark.built
def test_locks_are_seen_and_removed(repository: Repository) -> None:
    assert repository.locks() == ()
    repository.create()
    repository.leave_files({f"locks/{0:064x}": b"no lock at all"})
    assert repository.locks() == (f"{0:064x}",)
    repository.remove_locks()
    assert repository.locks() == ()


@pytest.mark.built
def test_files_of_somebody_else_and_a_copy_leave_a_repository_what_it_was(
    repository: Repository, restic: Path, tmp_path: Path
) -> None:
    repository.create()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"12345")
    take(repository, restic, tmp_path / "data")
    repository.leave_files({"films/index": b"0"})
    other = Repository.in_directory(restic, tmp_path / "other", "a password")
    repository.copy_to(other)
    assert ids(other.restore_points()) == ids(repository.restore_points()) != ()
    assert (tmp_path / "other" / "films" / "index").read_bytes() == b"0"
    assert other.damage() is None


def test_a_repository_that_is_put_back_is_what_it_was_when_the_copy_was_kept(
    repository: Repository, restic: Path, tmp_path: Path
) -> None:
    repository.create()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"1")
    take(repository, restic, tmp_path / "data")
    before = ids(repository.restore_points())
    repository.keep_copy()
    (tmp_path / "data" / "file").write_bytes(b"12345")
    take(repository, restic, tmp_path / "data")
    assert len(ids(repository.restore_points())) == 2
    repository.put_back()
    assert ids(repository.restore_points()) == before
    assert repository.damage() is None
