"""What speaks to the API server keeps what the core relies on: the six sentences of docs/reference-controller.md."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from controller import children, contract, naming, stamp
from controller.branch import Branch
from controller.cluster.api import CHILDREN, CLAIMS, PODS, Api, ApiError
from controller.cluster.cache import Cache
from controller.cluster.claims import child_from, claim_from, mover_from, pod_state
from controller.cluster.fresh import Fresh
from controller.cluster.reader import Reader
from controller.cluster.watching import Watched, WentBack, follow
from controller.cluster.writer import Writer
from controller.contract import Reason, Repo
from controller.model import (
    Annotate,
    Child,
    Create,
    Credentials,
    Delete,
    Kind,
    Lock,
    Moment,
    Phase,
    PodState,
    RemoveLock,
    Replace,
    Unknown,
)
from controller.store.watch import Told
from tests.controller import scene
from tests.controller.api_server import ApiServer, serving
from tests.controller.scene import (
    ABSENT,
    ANNOUNCED,
    BASE,
    EXISTS,
    NOW,
    SETTINGS,
    STANDBY,
    admitted,
    decision,
    image_of,
    new_claim,
    protecting,
    restoring_claim,
    settled_claim,
    world,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from controller.model import Claim, Object, Truth, World

SHOP = CLAIMS.path("shop", "orders")
OLD_KEY = "b2xk"
SOURCE, DESTINATION, SECRET = CHILDREN[Kind.SOURCE], CHILDREN[Kind.DESTINATION], CHILDREN[Kind.SECRET]


def body_of(of: Claim) -> dict[str, Any]:
    """A claim as the API server shows it."""
    source = of.source and {"apiGroup": of.source.group, "kind": of.source.kind, "name": of.source.name}
    return {
        "metadata": {
            "namespace": of.namespace,
            "name": of.name,
            "uid": of.uid,
            "labels": dict(of.labels),
            "annotations": dict(of.annotations),
        },
        "spec": {
            "accessModes": list(of.access_modes),
            "resources": {"requests": {"storage": of.request}},
            "storageClassName": of.storage_class,
            "volumeName": of.volume_name,
            "dataSourceRef": source,
        },
        "status": {"phase": of.phase.value},
    }


def pod_of(job: str, phase: str = "Running", *, state: str = "running", terminating: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"namespace": "shop", "labels": {"job-name": job}}
    if terminating:
        metadata["deletionTimestamp"] = "2026-01-10T12:00:00Z"
    return {"metadata": metadata, "status": {"phase": phase, "containerStatuses": [{"state": {state: {}}}]}}


class Base:
    """Base Secrets that are there."""

    async def current(self) -> Mapping[Repo, Any]:
        return {Repo.LOCAL: BASE}


def _nothing() -> None:
    """What happens if nothing does."""


class Stores:
    """Stores that say this. `then` happens while they are asked."""

    def __init__(
        self, truth: Truth = ABSENT, locks: tuple[Lock, ...] = (), then: Callable[[], None] = _nothing
    ) -> None:
        self.truth, self.locks, self.then = truth, locks, then

    async def for_new(self, *_: object) -> Mapping[Repo, Truth]:
        return {Repo.LOCAL: self.truth}

    async def look(self, *_: object, **__: object) -> Told:
        self.then()
        return Told({Repo.LOCAL: self.truth}, self.locks)

    async def refuses(self, repo: Repo, claim: Claim, access: Credentials) -> bool:
        assert (repo, claim.full_name) == (Repo.LOCAL, "shop/orders")
        return access.data["AWS_ACCESS_KEY_ID"] == OLD_KEY


class Platform:
    """A cluster that lacks nothing."""

    async def lacking(self) -> tuple[str, ...]:
        return ()


def cached(server: ApiServer) -> Cache:
    """A cache that has seen everything there is now."""
    cache = Cache(lambda _: None)
    for path, body in server.objects.items():
        plural = path.split("/")[-2]
        shelves: dict[str, Any] = {CLAIMS.plural: cache.claims, PODS.plural: cache.movers}
        shelves |= {CHILDREN[kind].plural: shelf for kind, shelf in cache.children.items()}
        if plural in shelves:
            shelves[plural].put(body)
    return cache


def run(asked: Callable[[Api], Coroutine[Any, Any, Any]], server: ApiServer) -> Any:
    async def within() -> Any:
        async with serving(server) as api:
            return await asked(api)

    return asyncio.run(within())


def reader(api: Api, cache: Cache, stores: Any = None) -> Reader:
    base: Any = Base()
    platform: Any = Platform()
    asked: Any = stores or Stores()
    return Reader(SETTINGS, api, cache, base=base, stores=asked, platform=platform)


def write(server: ApiServer, each: Any, cache: Cache | None = None) -> Cache:
    """Carry out one write; the cache afterwards."""
    seen = cache or Cache(lambda _: None)

    async def asked(api: Api) -> None:
        base: Any = Base()
        stores: Any = Stores()
        await Writer(api, seen, base, stores, "us").write("shop", "orders", each)

    run(asked, server)
    return seen


# --- 1: at admission, what the decision rests on is read from the API server ------------------------------------------


def at_admission(server: ApiServer, stores: Stores, created: Claim | None = None) -> World:
    """What is seen around a claim that is being created."""

    async def asked(api: Api) -> World:
        configuration: Any = type("C", (), {"settings": SETTINGS})
        base: Any = Base()
        given: Any = stores
        return await Fresh(configuration, api, base, given).at_admission(
            created or new_claim(), Moment.ADMISSION, "request-1"
        )

    found: World = run(asked, server)
    return found


def test_at_admission_sources_and_movers_that_came_a_moment_ago_are_seen() -> None:
    server = ApiServer()
    [source] = [each for each in protecting() if each.kind is Kind.SOURCE]
    before = at_admission(server, Stores(ANNOUNCED))
    server.put(SOURCE.path("shop", source.name), bare(source))
    server.put(PODS.path("shop", "mover"), pod_of(naming.source_job(source.name), terminating=True))
    after = at_admission(server, Stores(ANNOUNCED))
    assert (before.children, before.movers) == ((), ())
    assert [child.name for child in after.children] == [source.name]
    assert [mover.owner for mover in after.movers] == [source.name]


@pytest.mark.parametrize("truth", [ABSENT, EXISTS, Unknown("connection refused")], ids=lambda each: type(each).__name__)
def test_at_admission_the_api_server_is_asked_nothing_where_no_decision_rests_on_it(truth: Truth) -> None:
    server = ApiServer()
    seen = at_admission(server, Stores(truth))
    assert (server.asked, seen.looked_back) == ([], False)


@pytest.mark.parametrize(
    "created",
    [
        new_claim({contract.SKIP_RESTORE_ANNOTATION: "a test data set"}),
        new_claim(volume_name="pv-1"),
        new_claim({contract.RESTORE_PREVIOUS_ANNOTATION: "1"}),
    ],
    ids=["skip", "own volume", "by number"],
)
def test_at_admission_whoever_starts_from_anything_else_is_looked_around_for(created: Claim) -> None:
    server = ApiServer()
    assert at_admission(server, Stores(EXISTS), created).looked_back
    assert len(server.asked) == 2


def test_at_admission_a_backup_that_ended_while_its_mover_was_looked_for_is_found() -> None:
    """The mover is in no list any more, and its restore point was not there yet when the store was asked first."""

    class Ending(Stores):
        async def for_new(self, *_: object) -> Mapping[Repo, Truth]:
            told, self.truth = self.truth, EXISTS
            return {Repo.LOCAL: told}

    assert at_admission(ApiServer(), Ending(ANNOUNCED)).truths == {Repo.LOCAL: EXISTS}


@pytest.mark.parametrize(("status", "is_told"), [(404, True), (403, False), (500, False)])
def test_at_admission_a_missing_volsync_holds_nothing_up_and_any_other_silence_does(
    status: int,
    is_told: bool,
) -> None:
    server = ApiServer()
    server.refuse[SOURCE.path("shop")].append(status)
    with nullcontext() if is_told else pytest.raises(ApiError):
        at_admission(server, Stores(ANNOUNCED))


def test_at_admission_of_a_claim_with_a_standby_the_stores_are_asked_last() -> None:
    """A backup that ends between two answers would make the image an old one, and nobody asks again."""
    server = ApiServer()
    standby = scene.standing_by()
    server.put(DESTINATION.path("shop", standby.name), {**labelled(standby), "status": dict(standby.status)})

    async def asked(api: Api) -> tuple[Any, Any]:
        configuration: Any = type("C", (), {"settings": SETTINGS})
        base: Any = Base()
        stores: Any = Stores(EXISTS)
        fresh = Fresh(configuration, api, base, stores)
        asked_before: list[str] = []

        async def for_new(*_: object) -> Mapping[Repo, Truth]:
            asked_before.extend(server.asked)
            return {Repo.LOCAL: EXISTS}

        stores.for_new = for_new
        plain = await fresh.at_admission(new_claim(), Moment.ADMISSION, "request-1")
        assert DESTINATION.path("shop") not in " ".join(server.asked)
        asked_before.clear()
        return plain, (await fresh.at_admission(new_claim(STANDBY), Moment.ADMISSION, "request-2"), asked_before)

    plain, (warm, before) = run(asked, server)
    assert plain.children == ()
    assert [child.name for child in warm.children] == [standby.name]
    assert decision(warm).branch is Branch.RESTORE_FROM_STANDBY
    for path in (SOURCE.path("shop"), DESTINATION.path("shop"), PODS.path("shop")):
        assert path in " ".join(before)


def test_the_image_of_a_settled_claim_is_not_taken_for_lost_where_the_cache_lags_behind() -> None:
    server = ApiServer()
    of, standby = settled_claim(STANDBY), scene.standing_by()
    server.put(SHOP, body_of(of))
    server.put(DESTINATION.path("shop", standby.name), {**labelled(standby), "status": dict(standby.status)})
    cache = cached(server)
    server.put(CHILDREN[Kind.SNAPSHOT].path("shop", image_of(standby)), {"metadata": {"namespace": "shop"}})

    async def asked(api: Api) -> Any:
        return (await reader(api, cache, Stores(EXISTS)).look(("shop", "orders"))).world

    assert run(asked, server).snapshots == (image_of(standby),)


def labelled(child: Child) -> dict[str, Any]:
    """A child with its marks, as it is stored."""
    of = settled_claim()
    labels = {contract.CLAIM_KEY_LABEL: contract.claim_key("shop", "orders")}
    labels[contract.MANAGED_BY_LABEL] = contract.MANAGED_BY
    annotations = {contract.CLAIM_ANNOTATION: of.full_name}
    metadata = {"namespace": "shop", "name": child.name, "labels": labels, "annotations": annotations}
    return {"metadata": metadata, "spec": dict(child.content)}


def bare(child: Child) -> dict[str, Any]:
    """A child whose marks somebody took off."""
    return {"metadata": {"namespace": "shop", "name": child.name}, "spec": dict(child.content)}


# --- 2: a source is made only for the claim that was meant -----------------------------------------------------------


def creation(of: Claim) -> Create:
    found = decision(world(of, ABSENT)).writes
    return next(each for each in found if isinstance(each, Create) and each.kind is Kind.SOURCE)


@pytest.mark.parametrize("successor", ["another uid", "none", "one that is being deleted"])
def test_a_source_is_not_made_for_a_claim_that_was_replaced_meanwhile(successor: str) -> None:
    server = ApiServer()
    cache = Cache(lambda _: None)
    server.put(SHOP, body_of(settled_claim()))
    cache.claims.put(server.objects[SHOP])
    if successor == "another uid":
        server.put(SHOP, body_of(settled_claim(uid="uid-2")))
    elif successor == "none":
        server.remove(SHOP)
    else:
        body = body_of(settled_claim())
        server.put(SHOP, {**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-01-10T12:00:00Z"}})
    write(server, creation(settled_claim()), cache)
    assert server.writes() == []


def test_a_source_is_made_for_the_claim_that_was_meant_and_seen_at_once() -> None:
    server = ApiServer()
    server.put(SHOP, body_of(settled_claim()))
    cache = write(server, creation(settled_claim()))
    [made] = cache.children_of("shop", "orders")
    assert children.is_made_as(made, creation(settled_claim()).body, settled_claim())


def test_what_exists_already_without_our_label_is_seen_from_then_on_and_put_right() -> None:
    server = ApiServer()
    server.put(SHOP, body_of(settled_claim()))
    secret = next(each for each in decision(world(settled_claim(), EXISTS)).writes if each.kind is Kind.SECRET)  # type: ignore[union-attr]
    assert isinstance(secret, Create)
    stripped = {**secret.body, "metadata": {**secret.body["metadata"], "labels": {}}}
    server.put(SECRET.path("shop", secret.name), stripped)
    cache = write(server, secret)

    async def asked(api: Api) -> Any:
        return (await reader(api, cache, Stores(EXISTS)).look(("shop", "orders"))).world

    seen = run(asked, server)
    again = [each for each in decision(seen).writes if each.kind is Kind.SECRET]  # type: ignore[union-attr]
    assert [type(each) for each in again] == [Replace]


# --- 3: preconditions ------------------------------------------------------------------------------------------------


def stored_source(server: ApiServer) -> Child:
    [source] = [each for each in protecting() if each.kind is Kind.SOURCE]
    made = creation(settled_claim()).body
    server.put(SOURCE.path("shop", source.name), {**made, "spec": {**made["spec"], "paused": True}})
    return child_from(Kind.SOURCE, server.objects[SOURCE.path("shop", source.name)])


def test_a_replacement_puts_the_whole_object_and_leaves_no_field_of_somebody_else() -> None:
    server = ApiServer()
    before = stored_source(server)
    body = creation(settled_claim()).body
    write(server, Replace(Kind.SOURCE, before.name, body, before.version))
    assert server.objects[SOURCE.path("shop", before.name)]["spec"] == body["spec"]


def test_a_replacement_of_what_has_changed_meanwhile_is_dropped() -> None:
    server = ApiServer()
    before = stored_source(server)
    changed = server.put(SOURCE.path("shop", before.name), {"metadata": {"namespace": "shop"}, "spec": {"theirs": 1}})
    write(server, Replace(Kind.SOURCE, before.name, creation(settled_claim()).body, before.version))
    assert server.objects[SOURCE.path("shop", before.name)] == changed


def test_annotations_and_deletions_are_for_the_uid_that_was_meant() -> None:
    server = ApiServer()
    server.put(SHOP, body_of(settled_claim(uid="uid-2")))
    before = stored_source(server)
    write(server, Annotate("uid-1", {"decided": "for the one before"}))
    write(server, Delete(Kind.SOURCE, before.name, "another uid"))
    assert "decided" not in server.objects[SHOP]["metadata"]["annotations"]
    assert SOURCE.path("shop", before.name) in server.objects
    write(server, Annotate("uid-2", {"decided": "for this one"}))
    write(server, Delete(Kind.SOURCE, before.name, before.uid))
    assert server.objects[SHOP]["metadata"]["annotations"]["decided"] == "for this one"
    assert SOURCE.path("shop", before.name) not in server.objects


def test_removing_a_lock_removes_this_one_object() -> None:
    removed: list[str] = []

    class Bucket:
        async def delete(self, key: str) -> None:
            removed.append(key)

    class WithBucket(Stores):
        def repository(self, *_: object) -> Any:
            return type("Repository", (), {"bucket": Bucket(), "path": "cluster-a/shop/orders/"})

    async def asked(api: Api) -> None:
        base: Any = Base()
        stores: Any = WithBucket()
        await Writer(api, Cache(lambda _: None), base, stores, "us").write(
            "shop", "orders", RemoveLock(Repo.LOCAL, "a" * 64)
        )

    run(asked, ApiServer())
    assert removed == [f"cluster-a/shop/orders/locks/{'a' * 64}"]


# --- 5: snapshots after children, pods after locks; what counts as a mover -------------------------------------------


def test_an_image_that_a_destination_names_is_looked_for_after_the_destination_was_read() -> None:
    server = ApiServer()
    of = restoring_claim()
    server.put(SHOP, body_of(of))
    found = [each for each in decision(world(of, EXISTS)).writes if isinstance(each, Create)]
    destination = next(each for each in found if each.kind is Kind.DESTINATION)
    server.put(DESTINATION.path("shop", destination.name), destination.body)
    cache = cached(server)
    server.asked.clear()
    image = image_of(child_from(Kind.DESTINATION, server.objects[DESTINATION.path("shop", destination.name)]))

    def comes_meanwhile() -> None:
        server.put(CHILDREN[Kind.SNAPSHOT].path("shop", image), {"metadata": {"namespace": "shop"}})

    async def asked(api: Api) -> Any:
        stores = Stores(EXISTS, then=comes_meanwhile)
        return (await reader(api, cache, stores).look(("shop", "orders"))).world

    assert run(asked, server).snapshots == (image,)


def test_pods_are_listed_after_the_locks_were_read_and_all_of_them() -> None:
    server = ApiServer()
    server.put(SHOP, body_of(settled_claim()))
    server.put("/api/v1/nodes/n1", {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})
    lock = Lock(Repo.LOCAL, "a" * 64, "mover", NOW, exclusive=True)

    def comes_meanwhile() -> None:
        for name in ("mover", "another", "third"):
            server.put(PODS.path("shop", name), {**pod_of("x"), "metadata": {"namespace": "shop"}})

    cache = cached(server)

    async def asked(api: Api) -> Any:
        stores = Stores(ABSENT, (lock,), comes_meanwhile)
        return (await reader(api, cache, stores).look(("shop", "orders"))).world

    pods = run(asked, server).pods
    assert dict(pods.states) == dict.fromkeys(("another", "mover", "third"), PodState.ALIVE)
    assert not pods.nodes_ready


def looked_at(server: ApiServer, cache: Cache, locks: tuple[Lock, ...] = ()) -> Any:
    """The world around the claim."""

    async def asked(api: Api) -> Any:
        return (await reader(api, cache, Stores(EXISTS, locks)).look(("shop", "orders"))).world

    return run(asked, server)


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (pod_of("volsync-src-a", "Failed", state="terminated", terminating=True), PodState.ENDED),
        (pod_of("volsync-src-a", terminating=True), None),  # deleted by force: nobody saw it end
        (pod_of("volsync-src-a", "Failed", state="running"), None),  # given up with its node
    ],
)
def test_of_a_mover_that_is_gone_it_is_known_that_it_was_seen_to_end(last: Any, state: PodState | None) -> None:
    server = ApiServer()
    server.put(SHOP, body_of(settled_claim()))
    cache = cached(server)
    for version, body in enumerate((pod_of("volsync-src-a"), last), start=1):
        cache.movers.put({**body, "metadata": {**body["metadata"], "name": "mover", "resourceVersion": str(version)}})
    cache.movers.drop({**last, "metadata": {**last["metadata"], "name": "mover", "resourceVersion": "3"}})
    lock = Lock(Repo.LOCAL, "a" * 64, "mover", NOW, exclusive=False)
    assert looked_at(server, cache, (lock,)).pods.states.get("mover") is state


def test_a_mover_whose_keys_were_renewed_is_locked_out_if_the_store_refuses_those_that_it_has() -> None:
    for key, locked_out in ((OLD_KEY, {Repo.LOCAL}), ("c3RpbGwgZ29vZA==", set())):
        server = ApiServer()
        server.put(SHOP, body_of(settled_claim()))
        for write_ in decision(world(settled_claim(), EXISTS)).writes:
            if isinstance(write_, Create):
                body = {**write_.body}
                if write_.kind is Kind.SECRET:
                    body["data"] = {**write_.body["data"], "AWS_ACCESS_KEY_ID": key}
                else:
                    server.put(PODS.path("shop", "mover"), pod_of(f"volsync-src-{write_.name}"))
                server.put(CHILDREN[write_.kind].path("shop", write_.name), body)
        assert looked_at(server, cached(server)).locked_out == locked_out


@pytest.mark.parametrize(
    ("pod", "writes"),
    [
        (pod_of("volsync-src-a"), True),
        (pod_of("volsync-src-a", terminating=True), True),
        (pod_of("volsync-src-a", "Pending", state="waiting"), True),
        (pod_of("volsync-src-a", "Succeeded", state="terminated"), False),
        (pod_of("volsync-dst-a", "Failed", state="terminated"), False),
        # The pod garbage collector says so of pods on lost nodes, whose containers may still run.
        (pod_of("volsync-src-a", "Failed", state="running"), True),
        (pod_of("a-job-of-somebody"), False),
    ],
)
def test_a_pod_is_a_mover_until_its_containers_are_known_to_have_ended(pod: Any, writes: bool) -> None:
    named = {**pod, "metadata": {**pod["metadata"], "name": "a-pod"}}
    assert (mover_from(named) is not None) is writes


def test_a_pod_without_a_word_of_its_containers_has_not_ended() -> None:
    assert pod_state({"metadata": {}, "status": {"phase": "Failed"}}) is PodState.ALIVE


def test_a_stored_claim_that_waits_too_long_is_seen_with_what_it_waits_for() -> None:
    server = ApiServer()
    of = restoring_claim()
    body = body_of(of)
    server.put(SHOP, {**body, "metadata": {**body["metadata"], "creationTimestamp": "2026-01-10T12:00:00Z"}})
    found = [each for each in decision(world(of, EXISTS)).writes if isinstance(each, Create)]
    destination = next(each for each in found if each.kind is Kind.DESTINATION)
    stored = server.put(DESTINATION.path("shop", destination.name), destination.body)
    image = image_of(child_from(Kind.DESTINATION, stored))
    server.put(CHILDREN[Kind.SNAPSHOT].path("shop", image), {"metadata": {"namespace": "shop"}})
    cache = cached(server)

    async def asked(api: Api) -> Any:
        return (await reader(api, cache, Stores(EXISTS)).look(("shop", "orders"))).world

    told = decision(run(asked, server), now=datetime.now(UTC)).outcome
    assert f"the volume snapshot {image} is not ready: the snapshot controller has not taken it up" in told.message
    assert told.reason is Reason.STORAGE


# --- reading objects -------------------------------------------------------------------------------------------------


def test_a_claim_is_read_as_it_is() -> None:
    for of in (settled_claim(), restoring_claim(phase=Phase.PENDING), admitted(ABSENT)):
        assert claim_from(body_of(of)) == of


def test_a_child_is_read_as_it_was_made_and_one_without_its_label_as_stripped() -> None:
    body = creation(settled_claim()).body
    server = ApiServer()
    found = child_from(Kind.SOURCE, server.put("/x/replicationsources/a", body))
    assert children.is_made_as(found, body, settled_claim())
    without = {**body, "metadata": {**body["metadata"], "labels": {contract.MANAGED_BY_LABEL: contract.MANAGED_BY}}}
    assert child_from(Kind.SOURCE, server.put("/x/replicationsources/a", without)).claim is None


def test_a_child_of_another_claim_under_our_name_is_told_as_the_others() -> None:
    body = creation(settled_claim()).body
    theirs = {**body["metadata"], "annotations": {contract.CLAIM_ANNOTATION: "shop/other"}}
    found = child_from(Kind.SOURCE, ApiServer().put("/x/replicationsources/a", {**body, "metadata": theirs}))
    assert found.claim == "shop/other"


# --- following -------------------------------------------------------------------------------------------------------


class Seen:
    """What a follower was told, by name."""

    def __init__(self) -> None:
        self.there: dict[str, Object] = {}
        self.told = asyncio.Event()

    def put(self, body: Object) -> None:
        self.there[body["metadata"]["name"]] = body
        self.told.set()

    def drop(self, body: Object) -> None:
        self.there.pop(body["metadata"]["name"], None)
        self.told.set()

    def keep_only(self, found: set[tuple[str, str]], _version: str) -> None:
        self.there = {name: body for name, body in self.there.items() if any(name == each for _, each in found)}
        self.told.set()


def followed(
    server: ApiServer,
    steps: Callable[[Seen, asyncio.Event], Awaitable[None]],
    watched: Watched = Watched(CLAIMS.path()),  # noqa: B008 - it is frozen
) -> Seen:
    """Follow what is watched while these steps are taken."""
    seen = Seen()

    async def asked(api: Api) -> None:
        listed = asyncio.Event()
        task = asyncio.create_task(follow(api, watched, seen, listed))
        async with asyncio.timeout(60):
            await steps(seen, listed)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    run(asked, server)
    return seen


async def until(seen: Seen, holds: Callable[[], bool]) -> None:
    while not holds():
        seen.told.clear()
        if not holds():
            with suppress(TimeoutError):
                await asyncio.wait_for(seen.told.wait(), 0.2)


def test_a_list_of_several_pages_is_seen_whole_and_then_followed() -> None:
    server = ApiServer()
    for name in ("a", "b", "c", "d", "e"):
        server.put(CLAIMS.path("shop", name), {"metadata": {"namespace": "shop"}})

    async def steps(seen: Seen, listed: asyncio.Event) -> None:
        await listed.wait()
        assert set(seen.there) == set("abcde")
        await until(seen, lambda: bool(server.watches))
        server.put(CLAIMS.path("shop", "f"), {"metadata": {"namespace": "shop"}})
        server.remove(CLAIMS.path("shop", "a"))
        await until(seen, lambda: set(seen.there) == set("bcdef"))

    followed(server, steps)


@pytest.mark.parametrize("how", ["in the stream", "as a status"])
def test_after_a_version_that_is_too_old_everything_is_listed_again(how: str) -> None:
    server = ApiServer()
    server.put(CLAIMS.path("shop", "a"), {"metadata": {"namespace": "shop"}})

    async def steps(seen: Seen, listed: asyncio.Event) -> None:
        await listed.wait()
        await until(seen, lambda: bool(server.watches))
        [events] = server.watches
        del server.objects[CLAIMS.path("shop", "a")]  # nobody is told
        if how == "in the stream":
            events.put_nowait({"type": "ERROR", "object": {"code": 410, "message": "too old"}})
        else:
            server.refuse[CLAIMS.path()].append(410)
        events.put_nowait(None)
        await until(seen, lambda: not seen.there)

    followed(server, steps)


@pytest.mark.parametrize("metadata_only", [False, True])
def test_what_changes_while_it_is_followed_is_seen_whether_whole_or_not(*, metadata_only: bool) -> None:
    server = ApiServer()
    watched = Watched(CHILDREN[Kind.SNAPSHOT].path(), metadata_only=metadata_only)

    async def steps(seen: Seen, listed: asyncio.Event) -> None:
        await listed.wait()
        await until(seen, lambda: bool(server.watches))
        server.put(CHILDREN[Kind.SNAPSHOT].path("shop", "a"), {"metadata": {"namespace": "shop"}}, "ADDED")
        await until(seen, lambda: set(seen.there) == {"a"})
        server.remove(CHILDREN[Kind.SNAPSHOT].path("shop", "a"))
        await until(seen, lambda: not seen.there)

    followed(server, steps, watched)


def test_a_watch_that_is_ended_at_once_is_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    server = ApiServer()

    async def steps(seen: Seen, listed: asyncio.Event) -> None:
        await listed.wait()
        await until(seen, lambda: bool(server.watches))
        server.watches[0].put_nowait(None)
        await until(seen, lambda: bool(caplog.messages))

    followed(server, steps)
    assert caplog.messages == [f"the watch of {CLAIMS.path()} was ended at once"]


def test_a_watch_that_breaks_off_goes_on_where_it_was() -> None:
    server = ApiServer()

    async def steps(seen: Seen, listed: asyncio.Event) -> None:
        await listed.wait()
        await until(seen, lambda: bool(server.watches))
        lists = server.asked.count(f"GET {CLAIMS.path()}")
        server.refuse[CLAIMS.path()].append(500)
        server.watches[0].put_nowait(None)
        await until(seen, lambda: server.asked.count(f"GET {CLAIMS.path()}") >= lists + 2 and bool(server.watches))
        server.put(CLAIMS.path("shop", "a"), {"metadata": {"namespace": "shop"}})
        await until(seen, lambda: set(seen.there) == {"a"})

    followed(server, steps)


@pytest.mark.parametrize("how", [500, 410])
def test_a_cluster_that_was_put_back_to_an_earlier_state_is_noticed_and_never_believed_to_be_as_it_was(
    how: int,
) -> None:
    server = ApiServer()
    server.put(CLAIMS.path("shop", "a"), {"metadata": {"namespace": "shop"}})

    async def asked(api: Api) -> None:
        seen, listed = Seen(), asyncio.Event()
        task = asyncio.create_task(follow(api, Watched(CLAIMS.path()), seen, listed))
        await listed.wait()
        await until(seen, lambda: bool(server.watches))
        server.put(CLAIMS.path("shop", "b"), {"metadata": {"namespace": "shop"}})
        await until(seen, lambda: set(seen.there) == {"a", "b"})
        # etcd is restored from a copy: versions begin again before those that were seen, and watches wait for them.
        server.version = 50
        server.refuse[CLAIMS.path()].append(how)
        server.watches[0].put_nowait(None)
        async with asyncio.timeout(10):
            with pytest.raises(WentBack, match="restored from an earlier copy"):
                await task

    run(asked, server)


def test_a_kind_that_the_server_does_not_know_holds_nothing_up() -> None:
    server = ApiServer()
    server.refuse[CLAIMS.path()] += [404] * 3

    async def steps(seen: Seen, listed: asyncio.Event) -> None:
        await listed.wait()
        server.put(CLAIMS.path("shop", "a"), {"metadata": {"namespace": "shop"}})
        await until(seen, lambda: set(seen.there) == {"a"})

    followed(server, steps)


# --- the cache -------------------------------------------------------------------------------------------------------


def test_news_that_is_older_than_what_is_known_changes_nothing() -> None:
    server, cache = ApiServer(), Cache(lambda _: None)
    old = server.put(SHOP, body_of(settled_claim()))
    new = server.put(SHOP, body_of(replace(settled_claim(), request="2Gi")))
    cache.claims.put(new)
    cache.claims.put(old)
    held = cache.claims.get(("shop", "orders"))
    assert held is not None
    assert held.claim.request == "2Gi"


def test_an_answer_to_a_write_does_not_bring_back_what_is_gone() -> None:
    server, cache = ApiServer(), Cache(lambda _: None)
    body = server.put(SHOP, body_of(settled_claim()))
    cache.claims.put(body)
    gone = {**body, "metadata": {**body["metadata"], "resourceVersion": "999"}}
    cache.claims.drop(gone)
    cache.claims.put(body)
    assert cache.claims.get(("shop", "orders")) is None


def test_a_change_of_any_child_mover_or_image_wakes_its_claim() -> None:
    woken: list[tuple[str, str]] = []
    server, cache = ApiServer(), Cache(woken.append)
    cache.claims.put(server.put(SHOP, body_of(settled_claim())))
    [source] = [each for each in protecting() if each.kind is Kind.SOURCE]
    destination = naming.destination("shop", "orders", "aaaaaaaa")
    woken.clear()
    cache.children[Kind.SOURCE].put(server.put("/x/replicationsources/" + source.name, bare(source)))
    pod = server.put(PODS.path("shop", "p"), pod_of(naming.source_job(source.name)))
    cache.movers.put(pod)
    cache.movers.drop(pod)
    image = f"{naming.image_prefix(destination)}20260110120000"
    cache.images.put(server.put(CHILDREN[Kind.SNAPSHOT].path("shop", image), {"metadata": {"namespace": "shop"}}))
    assert woken == [("shop", "orders")] * 4
    assert cache.images_of("shop", "orders") == (image,)


def test_of_a_claim_that_is_gone_for_good_not_even_its_name_is_kept() -> None:
    of, woken = settled_claim(), list[tuple[str, str]]()
    cache = Cache(woken.append)
    server = ApiServer()
    stored = server.put(SHOP, body_of(of))
    for _ in range(2):  # in whichever order a process learns that it is gone, and that another one is there
        cache.claims.put(stored)
        cache.forget(("shop", "orders"))
        assert len(cache._names) == 1
        cache.claims.drop(server.put(SHOP, body_of(of)))
        cache.forget(("shop", "orders"))
        assert len(cache._names) == 0
        stored = server.put(SHOP, body_of(of))
    before = len(woken)
    cache.claims.put(stored)
    assert len(woken) == before + 1


def test_what_concerns_no_claim_is_not_kept() -> None:
    server, cache = ApiServer(), Cache(lambda _: None)
    cache.children[Kind.SOURCE].put(
        server.put("/x/replicationsources/theirs", {"metadata": {"namespace": "shop"}, "spec": {}})
    )
    assert len(cache.children[Kind.SOURCE]) == 0


def test_a_claim_without_the_label_is_read_from_the_server() -> None:
    server = ApiServer()
    server.put(SHOP, body_of(settled_claim(labels={})))

    async def asked(api: Api) -> Any:
        look = reader(api, Cache(lambda _: None)).look
        there = await look(("shop", "orders"))
        server.remove(SHOP)
        return there.world.claim, (await look(("shop", "orders"))).world.claim

    there, gone = run(asked, server)
    assert stamp.is_settled(there.uid, there.annotations)
    assert gone is None


def test_where_the_server_does_not_answer_nothing_is_decided() -> None:
    server = ApiServer()
    server.refuse[SHOP].append(503)

    async def asked(api: Api) -> None:
        with pytest.raises(ApiError):
            await reader(api, Cache(lambda _: None)).look(("shop", "orders"))

    run(asked, server)


def test_a_truth_that_nobody_knows_is_passed_on() -> None:
    server = ApiServer()
    server.put(SHOP, body_of(settled_claim()))
    cache = cached(server)

    async def asked(api: Api) -> Any:
        return (await reader(api, cache, Stores(Unknown("away"))).look(("shop", "orders"))).world

    assert run(asked, server).truths == {Repo.LOCAL: Unknown("away")}
