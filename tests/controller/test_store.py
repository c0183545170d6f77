"""What the stores are believed to say: against a real MinIO, the real restic, and servers that never answer."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest

from clusters.versions import choose
from controller import contract, naming, newest
from controller.configuration import S3Deadlines
from controller.contract import Repo
from controller.intent import Earlier, Intent, Latest, NotOurs
from controller.model import Absent, Exists, Kind, MissingCredentials, Phase, Unknown
from controller.operate import adopting
from controller.operate.site import Name, Refused, Site
from controller.settings import HOURLY, Settings, Store
from controller.store import known
from controller.store.known import Known
from controller.store.marking import mark
from controller.store.noting import Note
from controller.store.s3 import AlreadyThere, Bucket
from controller.store.watch import StoreWatch
from fixtures import locks
from fixtures.components.minio import Store as Minio
from fixtures.repository import Repository
from fixtures.wait import Waits, eventually
from tests.controller.real_store import BUCKET, RealStore, credentials, free_port, minio, program
from tests.controller.scene import claim, new_claim, protecting, settled_claim

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from controller.model import Child, Claim, Truth
    from controller.store.asking import Seen
    from controller.store.truths import Given, Stores
    from controller.store.watch import Told

# Each starts the real MinIO and restic.
pytestmark = pytest.mark.built

ORDERS = new_claim()
WANTED = Intent(HOURLY, "hourly")
GIVEN: Mapping[Repo, Given] = {Repo.LOCAL: credentials()}
OTHER = claim(name="other")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Generator[RealStore]:
    server, restic = program("minio", choose().minio), program("restic", choose().restic)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{restic.parent}:{before}"
    with minio(tmp_path_factory.mktemp("minio"), server, restic) as found:
        yield found
    os.environ["PATH"] = before


@pytest.fixture
def store(one: RealStore) -> RealStore:
    """Empty but for the marker."""
    one.empty()
    one.put(naming.marker_path(one.store.prefix))
    return one


def look(store: RealStore, of: Claim = ORDERS, given: Mapping[Repo, Given] = GIVEN, **changes: Any) -> Seen:

    async def asked(stores: Stores) -> Seen:
        return await stores.look(Repo.LOCAL, of, given)

    return store.ask(asked, **changes)


def read(store: RealStore, given: Mapping[Repo, Given] = GIVEN, deadline_s: float = 60) -> Truth:
    async def asked(stores: Stores) -> Truth:
        return await stores.read(Repo.LOCAL, ORDERS, given, deadline_s)

    return store.ask(asked)


def for_new(store: RealStore, of: Claim, wanted: Intent = WANTED) -> Mapping[Repo, Truth]:
    async def asked(stores: Stores) -> Mapping[Repo, Truth]:
        return await stores.for_new(wanted, of, GIVEN)

    return store.ask(asked)


def watched(store: RealStore, of: Claim, reading: Any = WANTED, *, a_mover_runs: bool = False) -> Told:
    async def asked(stores: Stores) -> Told:
        return await StoreWatch(stores).look(of, reading, (), GIVEN, a_mover_runs=a_mover_runs)

    return store.ask(asked)


def newest_of(truth: Truth) -> str:
    assert isinstance(truth, Exists), truth
    return truth.newest


def why(truth: Truth) -> str:
    assert isinstance(truth, Unknown), truth
    return truth.why


# --- what is there ---------------------------------------------------------------------------------------------------


def test_nothing_at_the_path_in_a_marked_store_is_absent(store: RealStore) -> None:
    assert look(store).truth == Absent()
    assert look(store).known is None


def test_restore_points_are_counted_and_the_newest_is_the_last_that_was_stored(store: RealStore) -> None:
    ids = [store.back_up(ORDERS, f"2026-01-10 0{hour}:00:00", f"content {hour}") for hour in (1, 2)]
    found = look(store).truth
    assert isinstance(found, Exists)
    assert (found.newest, found.count, found.points) == (ids[-1], 2, ())


def test_a_repository_without_restore_points_is_absent(store: RealStore) -> None:
    store.run(ORDERS, "init")
    assert look(store).truth == Absent()


def test_a_neighbour_whose_name_begins_alike_is_another_claim(store: RealStore) -> None:
    store.back_up(replace(ORDERS, name="orders2"), "2026-01-10 01:00:00", "of the neighbour")
    assert look(store).truth == Absent()


def test_more_restore_points_than_a_page_has_are_all_counted(store: RealStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.store.s3._PAGE", 2)
    for number in range(5):
        store.put(f"{store.path(ORDERS)}/snapshots/{number:064x}")
    found = look(store).truth
    assert isinstance(found, Exists)
    assert found.count == 5


def test_what_is_no_restore_point_among_them_makes_it_unknown(store: RealStore) -> None:
    store.put(f"{store.path(ORDERS)}/snapshots/notes.txt")
    assert "is none" in why(look(store).truth)
    store.empty()
    store.put(naming.marker_path(store.store.prefix))
    store.put(f"{store.path(ORDERS)}/snapshots/{'a' * 64}/part")
    assert "is none" in why(for_new(store, ORDERS)[Repo.LOCAL])


def test_the_repository_tells_times_and_sizes_of_its_restore_points(store: RealStore) -> None:
    ids = [store.back_up(ORDERS, f"2026-01-10 0{hour}:00:00", "x" * hour) for hour in (1, 2)]
    found = read(store)
    assert isinstance(found, Exists)
    assert [(point.id, point.size_bytes) for point in found.points] == [(ids[0], 1), (ids[1], 2)]
    assert found.points[0].at == datetime(2026, 1, 10, 1, tzinfo=UTC)


# --- the right store -------------------------------------------------------------------------------------------------


def test_a_store_without_a_marker_is_unknown_whatever_else_is_in_it(store: RealStore) -> None:
    store.empty()
    store.put("cluster-a/shop/another/config")
    assert "no marker" in why(look(store).truth)


def test_restore_points_that_were_known_and_are_gone_are_unknown_and_not_absent(store: RealStore) -> None:
    store.put(f"{naming.known_path(store.store.prefix, 'shop', 'orders')}1024")
    assert "lost or moved" in why(look(store).truth)
    assert look(store).known == Known(1024)


def test_backups_that_were_announced_and_never_came_are_absent_and_told(store: RealStore) -> None:
    store.put(naming.announcement_path(store.store.prefix, "shop", "orders"))
    assert look(store).truth == Absent(announced=True)
    assert look(store).known is None


def test_what_was_announced_hides_no_restore_points_that_were_known(store: RealStore) -> None:
    store.put(f"{naming.known_path(store.store.prefix, 'shop', 'orders')}9")
    store.put(naming.announcement_path(store.store.prefix, "shop", "orders"))
    assert "lost or moved" in why(look(store).truth)


def test_what_is_known_of_another_claim_tells_nothing_of_this_one(store: RealStore) -> None:
    for other in ("order", "orders2", "a", "z"):
        store.put(f"{naming.known_path(store.store.prefix, 'shop', other)}1024")
    assert look(store).truth == Absent()


@pytest.mark.parametrize("others", [("shop-1", "shop-2"), ("shop.x", "shop.y"), ("shop0", "shopping", "sho")])
def test_what_is_known_of_a_claim_is_found_whatever_other_namespaces_are_called(
    store: RealStore, others: tuple[str, ...]
) -> None:
    """MinIO left it out where `shop-1/` lay beside `shop/`: lost backups would have counted as none."""
    for place in itertools.product(("shop", *others), ("orders", "baskets", "carts")):
        store.put(f"{naming.known_path(store.store.prefix, *place)}1024")
        store.put(naming.announcement_path(store.store.prefix, *place))
    assert look(store).known == Known(1024)
    assert "lost or moved" in why(look(store).truth)


def test_a_store_is_marked_once_and_never_again(store: RealStore) -> None:
    store.empty()
    configuration = store.configuration()

    async def marked(stores: Stores) -> tuple[bool, str]:
        return await mark(stores, Repo.LOCAL, GIVEN, configuration)

    assert store.ask(marked)[0]
    first = store.s3.get_object(Bucket=BUCKET, Key="cluster-a/.firedrill/store")["Body"].read()
    again, told = store.ask(marked)
    assert not again
    assert "already" in told
    assert store.s3.get_object(Bucket=BUCKET, Key="cluster-a/.firedrill/store")["Body"].read() == first


# --- whose it is -----------------------------------------------------------------------------------------------------


def test_sc11_what_nothing_notes_as_its_own_holds_a_claim_that_knows_only_its_name(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "perhaps of another claim")
    assert "may be another claim's" in why(for_new(store, ORDERS)[Repo.LOCAL])
    waits = watched(store, waiting_for_its_restore())
    assert "may be another claim's" in why(waits.truths[Repo.LOCAL])
    assert waits.notes == ()


def test_a_settled_claim_knows_its_own_restore_points_and_has_them_noted(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "its own")
    told = watched(store, settled_claim())
    assert isinstance(told.truths[Repo.LOCAL], Exists)
    assert told.notes == (Note(Repo.LOCAL, Known(1 << 30, key_of(store)), None),)


def key_of(store: RealStore, of: Claim = ORDERS) -> str:
    """The key that is noted of a claim's repository."""
    [listed] = store.keys(f"{store.path(of)}/keys/")
    return known.shortened(listed.rpartition("/")[2])


def note(store: RealStore, noted: Known) -> None:
    store.put(f"{naming.known_path(store.store.prefix, 'shop', 'orders')}{noted}")


def test_sc11_another_repository_in_the_place_of_its_own_holds_a_claim_that_knows_only_its_name(
    store: RealStore,
) -> None:
    point = store.back_up(ORDERS, "2026-01-10 01:00:00", "its own")
    note(store, Known(1 << 30, key_of(store)))
    assert newest_of(for_new(store, ORDERS)[Repo.LOCAL]) == point
    store.back_up(OTHER, "2026-01-10 02:00:00", "of another claim")
    store.put_in_place(ORDERS, OTHER)
    assert "not in the repository that was noted as its own" in why(for_new(store, ORDERS)[Repo.LOCAL])
    waits = watched(store, waiting_for_its_restore())
    assert "may be another claim's" in why(waits.truths[Repo.LOCAL])
    assert waits.notes == ()


def test_what_was_noted_before_keys_were_holds_nobody(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "its own")
    note(store, Known(1 << 30))
    assert isinstance(for_new(store, ORDERS)[Repo.LOCAL], Exists)
    assert watched(store, waiting_for_its_restore()).notes == ()
    # Whoever lives, and is settled, knows its own.
    assert watched(store, settled_claim()).notes == (Note(Repo.LOCAL, Known(1 << 30, key_of(store)), Known(1 << 30)),)


def test_a_copy_of_a_repository_is_the_same(store: RealStore) -> None:
    point = store.back_up(OTHER, "2026-01-10 02:00:00", "it lay there once")
    note(store, Known(1 << 30, key_of(store, OTHER)))
    store.put_in_place(ORDERS, OTHER)
    assert newest_of(for_new(store, ORDERS)[Repo.LOCAL]) == point


def with_newest(point: str) -> Claim:
    seen = {Repo.LOCAL: newest.Newest(point, datetime(2026, 1, 10, 1, tzinfo=UTC), "then")}
    return settled_claim(newest.written("uid-1", seen))


def test_a_new_password_of_its_own_repository_is_noted_and_that_of_another_is_not(store: RealStore) -> None:
    point = store.back_up(ORDERS, "2026-01-10 01:00:00", "its own")
    before = Known(1 << 30, "0123456789abcdef")
    note(store, before)
    assert watched(store, with_newest(point)).notes == (Note(Repo.LOCAL, Known(1 << 30, key_of(store)), before),)
    assert watched(store, with_newest("f" * 64)).notes == ()
    assert watched(store, settled_claim()).notes == ()


def test_the_repository_that_a_claim_makes_in_the_place_of_a_lost_one_is_its_own(store: RealStore) -> None:
    before = Known(1 << 30, "0123456789abcdef")
    note(store, before)
    told = watched(store, settled_claim())
    assert told.notes == (Note(Repo.LOCAL, Known(1 << 30), before),)
    assert "lost or moved" in why(told.truths[Repo.LOCAL])
    store.empty(naming.known_path(store.store.prefix, "shop", "orders"))
    note(store, Known(1 << 30))
    point = store.back_up(ORDERS, "2026-01-10 01:00:00", "after the loss")
    [noted] = watched(store, settled_claim()).notes
    assert noted.now == Known(1 << 30, key_of(store))
    assert newest_of(for_new(store, ORDERS)[Repo.LOCAL]) == point


def test_a_settled_claim_over_another_repository_is_told_so_unless_it_has_seen_its_newest_point(
    store: RealStore,
) -> None:
    point = store.back_up(ORDERS, "2026-01-10 01:00:00", "whose?")
    note(store, Known(1 << 30, "0123456789abcdef"))
    assert watched(store, settled_claim()).replaced == {Repo.LOCAL}
    assert watched(store, with_newest("f" * 64)).replaced == {Repo.LOCAL}
    assert watched(store, with_newest(point)).replaced == frozenset()
    note(store, Known(1 << 29, key_of(store)))
    store.s3.delete_object(
        Bucket=BUCKET, Key=f"{naming.known_path(store.store.prefix, 'shop', 'orders')}{1 << 30}-0123456789abcdef"
    )
    assert watched(store, settled_claim()).replaced == frozenset()


def adopt(store: RealStore, *, agreed: bool) -> list[str]:
    """What is told of it."""
    told: list[str] = []
    api: Any = None
    secrets: Any = SimpleNamespace(current=AsyncMock(return_value=GIVEN))

    async def adopted(stores: Stores) -> None:
        site = Site(store.configuration(), api, stores, told.append)
        site.base = secrets
        await adopting.run(site, Name("shop", "orders"), agreed=agreed)

    store.ask(adopted)
    return told


def test_what_an_administrator_adopts_is_the_claims_own(store: RealStore) -> None:
    point = store.back_up(ORDERS, "2026-01-10 01:00:00", "its own, after all")
    told = adopt(store, agreed=False)
    assert any(point[:8] in line for line in told)
    assert "nothing was changed" in told[-1]
    assert isinstance(for_new(store, ORDERS)[Repo.LOCAL], Unknown)
    assert "noted as its own" in adopt(store, agreed=True)[-1]
    found = for_new(store, ORDERS)[Repo.LOCAL]
    assert isinstance(found, Exists)
    assert found.newest == point


def test_another_repository_that_an_administrator_adopts_is_the_claims_own(store: RealStore) -> None:
    point = store.back_up(ORDERS, "2026-01-10 01:00:00", "copied by restic, into a repository that was made for it")
    note(store, Known(1 << 30, "0123456789abcdef"))
    assert isinstance(for_new(store, ORDERS)[Repo.LOCAL], Unknown)
    adopt(store, agreed=False)
    assert isinstance(for_new(store, ORDERS)[Repo.LOCAL], Unknown)
    adopt(store, agreed=True)
    assert newest_of(for_new(store, ORDERS)[Repo.LOCAL]) == point
    assert look(store).known == Known(1 << 30, key_of(store))


def test_there_is_nothing_to_adopt_where_all_is_known_or_nothing_is_there(store: RealStore) -> None:
    with pytest.raises(Refused, match="no restore points that are not known to be its own"):
        adopt(store, agreed=True)
    store.back_up(ORDERS, "2026-01-10 01:00:00", "its own")
    store.put(naming.announcement_path(store.store.prefix, "shop", "orders"))
    with pytest.raises(Refused, match="no restore points that are not known to be its own"):
        adopt(store, agreed=True)


# --- no answer is never "nothing" ------------------------------------------------------------------------------------


def test_a_bucket_that_does_not_exist_is_unknown(store: RealStore) -> None:
    gone = Settings(stores={Repo.LOCAL: replace(store.store, bucket="no-such-bucket")})
    assert why(look(store, settings=gone).truth) == "the bucket no-such-bucket does not exist"


@pytest.mark.parametrize("key", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_a_refusal_is_unknown_and_says_whose_key_to_correct(store: RealStore, key: str) -> None:
    found = why(look(store, given={Repo.LOCAL: credentials(**{key: "another-key"})}).truth)
    assert "correct the base Secret" in found
    assert "another-key" not in found


def test_a_base_secret_that_is_missing_or_incomplete_is_unknown(store: RealStore) -> None:
    assert why(look(store, given={Repo.LOCAL: MissingCredentials("create it")}).truth) == "create it"
    assert "lacks RESTIC_PASSWORD" in why(look(store, given={Repo.LOCAL: credentials(RESTIC_PASSWORD="")}).truth)


def test_a_store_that_is_away_is_unknown_and_always_for_the_same_reason(store: RealStore) -> None:
    nobody = Settings(stores={Repo.LOCAL: Store(f"http://127.0.0.1:{free_port()}", BUCKET)})
    found = why(look(store, settings=nobody).truth)
    assert "could not be reached" in found
    assert why(look(store, settings=nobody).truth) == found


@contextmanager
def a_server_that_says(answer: bytes) -> Generator[Store]:
    """It accepts, and then says this for ever, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if answer:

            def serve() -> None:
                # It ends when the listener is closed; a client that has heard enough may hang up at any moment.
                for _ in range(4):
                    with suppress(OSError):
                        connection, _ = listener.accept()
                        with connection:
                            connection.recv(65536)
                            connection.sendall(answer)

            threading.Thread(target=serve, daemon=True).start()
        yield Store(f"http://127.0.0.1:{listener.getsockname()[1]}", BUCKET)


def test_a_store_that_never_answers_is_unknown_before_the_deadline(store: RealStore) -> None:
    with a_server_that_says(b"") as silent:
        began = datetime.now(UTC)
        settings = Settings(stores={Repo.LOCAL: silent})
        found = why(look(store, settings=settings, s3=S3Deadlines(connect_s=1, answer_s=1)).truth)
    assert found == "the store did not answer in time"
    assert datetime.now(UTC) - began < timedelta(seconds=15)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>a proxy's page</html>",
        b"",
        b"<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'></ListBucketResult>",
        b"<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><IsTruncated>fal",
    ],
)
def test_an_answer_that_is_no_complete_listing_is_unknown(store: RealStore, body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    with a_server_that_says(answer) as odd:
        assert "listing" in why(look(store, settings=Settings(stores={Repo.LOCAL: odd})).truth)


def test_a_wrong_password_is_unknown_and_told_apart(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    found = why(read(store, {Repo.LOCAL: credentials(RESTIC_PASSWORD="another")}))  # noqa: S106 - no secret
    assert "does not open the repository" in found


def test_a_repository_of_a_newer_format_is_unknown(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    store.age(ORDERS)
    assert "version" in why(read(store))


def test_a_repository_that_lost_its_config_is_unknown_although_restic_says_there_is_none(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    store.s3.delete_object(Bucket=BUCKET, Key=f"{store.path(ORDERS)}/config")
    assert "restic finds none" in why(read(store))


def test_restore_points_that_no_mover_made_are_unknown(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content", path="/home")
    assert "none that a mover made" in why(read(store))


def test_restic_is_ended_at_its_deadline(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    assert "in time" in why(read(store, deadline_s=0.01))


# --- as closely as a new claim needs ---------------------------------------------------------------------------------


def test_the_points_are_read_where_an_older_one_is_asked_for(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    store.put(f"{naming.known_path(store.store.prefix, 'shop', 'orders')}{1 << 30}")
    [newest] = for_new(store, ORDERS, Intent(HOURLY, "hourly", request=Latest())).values()
    [older] = for_new(store, ORDERS, Intent(HOURLY, "hourly", request=Earlier(previous=0))).values()
    assert isinstance(newest, Exists)
    assert isinstance(older, Exists)
    assert (len(newest.points), len(older.points)) == (0, 1)


def test_the_size_is_read_where_the_claim_is_smaller_than_its_volume_was(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "12345")
    store.put(f"{naming.known_path(store.store.prefix, 'shop', 'orders')}{1 << 30}")
    [found] = for_new(store, replace(ORDERS, request="512Mi")).values()
    assert isinstance(found, Exists)
    assert [point.size_bytes for point in found.points] == [5]


def test_no_store_is_asked_for_a_claim_that_brings_its_own_data(store: RealStore) -> None:
    assert for_new(store, ORDERS, Intent(HOURLY, "hourly", skip_reason="a new start")) == {}


# --- what is asked of stored claims ----------------------------------------------------------------------------------


def test_a_first_restore_point_is_to_be_noted_with_the_size_of_the_volume(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    key = key_of(store)
    assert watched(store, settled_claim()).notes == (Note(Repo.LOCAL, Known(1 << 30, key), None),)
    note(store, Known(1 << 30, key))
    assert watched(store, settled_claim()).notes == ()
    assert watched(store, settled_claim(request="2Gi")).notes == (
        Note(Repo.LOCAL, Known(1 << 31, key), Known(1 << 30, key)),
    )


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries with which buckets are listed."""
    asked: list[str] = []
    listed = Bucket._page

    async def noting(bucket: Bucket, prefix: str, **kwargs: Any) -> Any:
        asked.append(prefix)
        return await listed(bucket, prefix, **kwargs)

    monkeypatch.setattr(Bucket, "_page", noting)
    return asked


def test_the_first_looks_of_a_process_take_one_request_each_beside_one_for_all_notes(
    store: RealStore, requests: list[str]
) -> None:
    claims = [settled_claim(name=f"orders-{number}") for number in range(3)]
    for each in claims:
        store.put(f"{store.path(each)}/snapshots/{'a' * 64}")
        store.put(f"{naming.known_path(store.store.prefix, 'shop', each.name)}{1 << 30}")

    async def asked(stores: Stores) -> tuple[list[Told], list[str]]:
        watch = StoreWatch(stores)
        told = [await watch.look(each, WANTED, (), GIVEN, a_mover_runs=False) for each in claims]
        first = list(requests)
        watch.forget(claims[0].full_name)
        # What was noted since is not there: a second look asks the store itself.
        return [*told, await watch.look(claims[0], WANTED, (), GIVEN, a_mover_runs=False)], first

    told, first = store.ask(asked)
    assert all(isinstance(each.truths[Repo.LOCAL], Exists) and each.notes == () for each in told)
    assert (len(first), len(requests)) == (1 + len(claims), 1 + len(claims) + 2)


def test_what_was_noted_when_a_process_began_makes_no_absence_of_what_is_gone(store: RealStore) -> None:
    store.put(f"{naming.known_path(store.store.prefix, 'shop', 'orders')}1024")
    assert "lost or moved" in why(watched(store, settled_claim()).truths[Repo.LOCAL])


def waiting_for_its_restore() -> Claim:
    text = (
        '{"version": 1, "start": "restore", "life": "aaaaaaaa", "at": "2026-01-10T12:00:00Z", "why": "", '
        '"repository": "local", "point": "p", "pointAt": "2026-01-10T12:00:00Z"}'
    )
    return claim(phase=Phase.PENDING, annotations={contract.DECISION_ANNOTATION: text})


def test_a_restore_is_begun_only_after_the_repository_was_opened(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    store.put(naming.announcement_path(store.store.prefix, "shop", "orders"))
    found = watched(store, waiting_for_its_restore()).truths[Repo.LOCAL]
    assert isinstance(found, Exists)
    assert len(found.points) == 1


def test_no_store_is_asked_about_what_asks_for_nothing(store: RealStore) -> None:
    assert watched(store, settled_claim(), NotOurs()).truths == {}


def leave_a_lock(store: RealStore) -> str:
    """One as a killed mover leaves it; restic itself writes it, and is killed while it holds it."""
    environment = {
        "PATH": os.environ["PATH"],
        "RESTIC_REPOSITORY": f"s3:{store.endpoint}/{BUCKET}/{store.path(ORDERS)}",
        "RESTIC_PASSWORD": "a password",
        "AWS_ACCESS_KEY_ID": "an-access-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret-key",
    }
    command = [str(store.restic), "--no-cache", "backup", "--stdin"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as holder:
        locks = f"{store.path(ORDERS)}/locks/"
        found = eventually(lambda: store.keys(locks), bool, expected="a lock", wait=Waits.load().api)
        holder.kill()
    return found[0].rpartition("/")[2]


def test_a_lock_that_was_left_behind_is_read_with_its_owner_and_a_running_movers_is_not(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    lock = leave_a_lock(store)
    [found] = watched(store, settled_claim()).locks
    assert (found.repo, found.id, found.host, found.exclusive) == (Repo.LOCAL, lock, socket.gethostname(), False)
    assert abs(datetime.now(UTC) - found.refreshed_at) < timedelta(minutes=10)
    assert watched(store, settled_claim(), a_mover_runs=True).locks == ()


def test_a_lock_that_nobody_renewed_is_read_although_a_mover_runs(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "content")
    address = Minio("local", store.endpoint, store.endpoint, "an-access-key", "a-secret-key", BUCKET)
    repository = Repository.in_bucket(store.restic, address, store.path(ORDERS), "a password")
    name = locks.leave(repository, host="laptop", age=timedelta(minutes=20))
    [found] = watched(store, settled_claim(), a_mover_runs=True).locks
    assert (found.id, found.host) == (name, "laptop")


def test_a_store_refuses_keys_that_it_does_not_know_and_no_others(store: RealStore) -> None:
    async def refused(stores: Stores) -> list[bool]:
        return [
            await stores.refuses(Repo.LOCAL, ORDERS, credentials(**changes))
            for changes in ({}, {"AWS_ACCESS_KEY_ID": "of-last-year"}, {"AWS_SECRET_ACCESS_KEY": "of-last-year"})
        ]

    assert store.ask(refused) == [False, True, True]


def test_a_store_that_is_away_or_has_no_such_bucket_refuses_nobody(store: RealStore) -> None:
    async def refused(stores: Stores) -> bool:
        return await stores.refuses(Repo.LOCAL, ORDERS, credentials())

    for elsewhere in (
        replace(store.store, endpoint=f"http://127.0.0.1:{free_port()}"),
        replace(store.store, bucket="no"),
    ):
        assert not store.ask(refused, settings=Settings(stores={Repo.LOCAL: elsewhere}))


def with_sources(of: Claim, **status: str) -> tuple[Child, ...]:
    return tuple(replace(each, status=status) for each in protecting(of) if each.kind is Kind.SOURCE)


def compared(store: RealStore, of: Claim, *, a_mover_runs: bool = False, **status: str) -> Told:
    async def asked(stores: Stores) -> Told:
        found = with_sources(of, **status)
        return await StoreWatch(stores).look(of, WANTED, found, GIVEN, a_mover_runs=a_mover_runs)

    return store.ask(asked)


def noted_by(told: Told) -> Claim:
    return settled_claim(newest.written("uid-1", told.newest))


def test_the_newest_restore_point_is_noted_once_and_not_while_somebody_writes(store: RealStore) -> None:
    point = store.back_up(ORDERS, "2026-01-10 01:00:00", "one")
    told = compared(store, settled_claim(), lastSyncTime="one")
    assert (told.newest[Repo.LOCAL].point, told.newest[Repo.LOCAL].synced_at) == (point, "one")
    assert compared(store, settled_claim(), lastSyncTime="one", lastSyncStartTime="now").newest == {}
    assert compared(store, settled_claim(), lastSyncTime="one", a_mover_runs=True).newest == {}
    assert compared(store, noted_by(told), lastSyncTime="one").newest == {}


def test_a_newest_restore_point_that_is_gone_without_a_backup_is_lost(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "one")
    second = store.back_up(ORDERS, "2026-01-10 02:00:00", "two")
    told = compared(store, settled_claim(), lastSyncTime="two")
    store.run(ORDERS, "forget", second)
    after = compared(store, noted_by(told), lastSyncTime="two")
    assert (after.lost, after.newest) == (told.newest, {})
    assert compared(store, noted_by(told), lastSyncTime="two", lastSyncStartTime="now").lost == {}


def test_a_newest_restore_point_whose_repository_was_replaced_is_lost_whatever_the_rule_would_have_taken(
    store: RealStore,
) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "its own")
    note(store, Known(1 << 30, key_of(store)))
    told = compared(store, settled_claim(), lastSyncTime="one")
    store.back_up(OTHER, "2026-01-10 01:30:00", "later, in the same hour, of another claim")
    store.put_in_place(ORDERS, OTHER)
    after = compared(store, noted_by(told), lastSyncTime="two")
    assert (after.lost, after.newest, after.notes) == (told.newest, {}, ())
    # Nobody vouches for what is there either, where no restore point of its own was noted yet.
    assert compared(store, settled_claim(), lastSyncTime="two").newest == {}


def test_one_that_the_rule_took_is_not_missed_and_one_that_it_keeps_is(store: RealStore) -> None:
    now = datetime.now(UTC)
    earlier, this_hour = (f"{at:%Y-%m-%d %H:%M:%S}" for at in (now - timedelta(days=2), now))
    store.back_up(ORDERS, earlier, "one")
    second = store.back_up(ORDERS, this_hour, "two")
    told = compared(store, settled_claim(), lastSyncTime="two")
    store.run(ORDERS, "forget", second)
    # A mover has ended meanwhile, and has saved nothing: what is there is older.
    assert compared(store, noted_by(told), lastSyncTime="three").lost == told.newest
    third = store.back_up(ORDERS, this_hour, "three")
    after = compared(store, noted_by(told), lastSyncTime="three")
    assert (after.lost, after.newest[Repo.LOCAL].point) == ({}, third)


def test_a_repository_that_does_not_tell_its_times_leaves_it_open_whether_one_was_lost(store: RealStore) -> None:
    store.back_up(ORDERS, "2026-01-10 01:00:00", "one")
    second = store.back_up(ORDERS, "2026-01-10 02:00:00", "two")
    told = compared(store, settled_claim(), lastSyncTime="two")
    store.run(ORDERS, "forget", second)
    [config] = [key for key in store.keys(store.path(ORDERS)) if key.endswith("/config")]
    store.s3.delete_object(Bucket=BUCKET, Key=config)
    after = compared(store, noted_by(told), lastSyncTime="three")
    assert (after.lost, after.newest) == ({}, {})


# --- one bucket ------------------------------------------------------------------------------------------------------


def test_an_object_with_an_awkward_name_is_stored_listed_and_removed(store: RealStore) -> None:
    async def there_and_back(stores: Stores) -> list[str]:
        bucket = stores.bucket(Repo.LOCAL, credentials())
        await bucket.put("odd/a b+c=ü&d", b"x")
        with pytest.raises(AlreadyThere):
            await bucket.put_new("odd/a b+c=ü&d", b"y")
        found = [entry.key for entry in await bucket.all("odd/")]
        await bucket.delete(found[0])
        await bucket.delete(found[0])
        return [*found, *[entry.key for entry in await bucket.all("odd/")]]

    assert store.ask(there_and_back) == ["odd/a b+c=ü&d"]
