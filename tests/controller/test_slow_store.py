"""A store that is slow, as under load: what is asked of it at once, and what is waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from controller import newest
from controller.contract import Repo
from controller.intent import read
from controller.model import Exists, Unknown
from controller.newest import Newest
from controller.store.asking import Seen
from controller.store.hanging import Hanging
from controller.store.known import Known
from controller.store.s3 import LATE
from controller.store.watch import StoreWatch
from controller.truth import Failed, Looked
from tests.controller import odd_store
from tests.controller.scene import BASE, COUNTED, NOW, SETTINGS, TWO_STORES, claim, protecting, settled_claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.model import Truth
    from controller.store.truths import Stores
    from controller.store.watch import Told

GIVEN = {Repo.LOCAL: BASE, Repo.REMOTE: BASE}


def test_the_one_listing_of_all_notes_may_take_longer_than_a_request_about_one_claim() -> None:
    async def answer(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.6)
        return odd_store.listing(".firedrill/known/shop_/orders_/1024")

    noted = odd_store.ask(answer, lambda stores: stores.noted(Repo.LOCAL, GIVEN), answer_s=0.3)
    assert noted == {"shop/orders": Known(1024)}


class _Waiting:
    """Stores that answer when both of them were asked, and not before."""

    def __init__(self) -> None:
        self._both = asyncio.Barrier(2)

    async def look(self, *_: object) -> Seen:
        async with asyncio.timeout(2):
            await self._both.wait()
        return Seen(COUNTED, known=Known(1 << 30))

    async def noted(self, *_: object) -> Mapping[str, Known]:
        return {}


def test_both_stores_of_a_settled_claim_are_asked_at_once() -> None:
    of = settled_claim()
    reading = read(of, TWO_STORES)

    async def looked() -> set[Repo]:
        stores: Any = _Waiting()
        told = await StoreWatch(stores).look(of, reading, protecting(of, TWO_STORES), GIVEN, a_mover_runs=False)
        return {repo for repo, truth in told.truths.items() if truth == COUNTED}

    assert asyncio.run(looked()) == {Repo.LOCAL, Repo.REMOTE}


class _Stalling:
    """Looks through `Hanging`, at stores that answer or do not, by a clock of its own."""

    def __init__(self, *hanging: Repo) -> None:
        self.hanging = set(hanging)
        self.now_s = 1000.0
        self.asked: list[str] = []
        self._ask = Hanging(lambda: self.now_s).ask

    def look(self, name: str, repo: Repo = Repo.REMOTE) -> Truth:
        async def look() -> Seen:
            self.asked.append(name)
            return Seen(Unknown(LATE)) if repo in self.hanging else Seen(COUNTED)

        return asyncio.run(self._ask(repo, name, look)).truth


def test_a_store_that_hangs_is_tried_by_one_look_at_a_time_until_it_answers() -> None:
    stores = _Stalling(Repo.REMOTE)
    assert all(stores.look(name) == Unknown(LATE) for name in "abcdef")
    assert stores.asked == ["a", "b", "c"]
    stores.now_s += 5
    assert all(stores.look(name) == Unknown(LATE) for name in "def")
    assert stores.asked == ["a", "b", "c", "d"]
    stores.hanging.clear()
    assert stores.look("e") == Unknown(LATE)
    stores.now_s += 5
    assert all(stores.look(name) == COUNTED for name in "fg")
    assert stores.asked == ["a", "b", "c", "d", "f", "g"]


def test_while_a_try_is_under_way_nobody_else_waits_with_it() -> None:
    now_s = [0.0]
    hanging, tried = Hanging(lambda: now_s[0]), asyncio.Event()

    async def late() -> Seen:
        return Seen(Unknown(LATE))

    async def waits() -> Seen:
        tried.set()
        await asyncio.sleep(60)
        raise AssertionError("it was let go")

    async def looked() -> Seen:
        for name in "abc":
            await hanging.ask(Repo.LOCAL, name, late)
        now_s[0] = 5.0
        trying = asyncio.create_task(hanging.ask(Repo.LOCAL, "d", waits))
        await tried.wait()
        try:
            return await hanging.ask(Repo.LOCAL, "e", waits)
        finally:
            trying.cancel()

    assert asyncio.run(looked()).truth == Unknown(LATE)


def test_what_is_slow_about_one_claim_stops_no_other_and_one_store_not_the_other() -> None:
    stores = _Stalling(Repo.REMOTE)
    assert [stores.look("slow") for _ in range(9)] == [Unknown(LATE)] * 9
    assert len(stores.asked) == 9
    assert [stores.look(name) for name in "abc"] == [Unknown(LATE)] * 3
    assert stores.asked[9:] == ["a", "b"]
    assert stores.look("c", Repo.LOCAL) == COUNTED


def test_notes_that_did_not_come_in_time_are_a_store_that_hangs_too() -> None:
    async def half() -> Seen:
        return Seen(COUNTED, noted=Looked(Failed(LATE)))

    async def looked() -> Seen:
        hanging = Hanging(lambda: 0.0)
        for name in "abc":
            await hanging.ask(Repo.LOCAL, name, half)
        return await hanging.ask(Repo.LOCAL, "d", half)

    assert asyncio.run(looked()).truth == Unknown(LATE)


def test_an_answer_about_restore_points_alone_tells_of_no_loss_and_is_not_used_again() -> None:
    """Where the notes did not come, nobody knows whose points these are, and which were noted."""
    asked: list[str] = []
    path, before = "shop/orders", Newest("a" * 64, NOW, "then")
    of = settled_claim(newest.written("uid-1", {Repo.LOCAL: before}))

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.query["prefix"])
        if request.query["prefix"].startswith(".firedrill/"):
            return web.Response(status=503, text="<Error><Code>SlowDown</Code></Error>")
        return odd_store.listing(f"{path}/keys/{'1' * 64}", f"{path}/snapshots/{'b' * 64}")

    async def looked(stores: Stores) -> list[Told]:
        watch = StoreWatch(stores)
        sources = protecting(of, lastSyncTime="then")
        return [await watch.look(of, read(of, SETTINGS), sources, GIVEN, a_mover_runs=False) for _ in range(2)]

    for told in odd_store.ask(answer, looked):
        assert isinstance(told.truths[Repo.LOCAL], Exists)
        assert (told.lost, told.newest, told.notes, told.replaced) == ({}, {}, (), frozenset())
    assert asked.count(f"{path}/") == 2


def test_the_reconciler_asks_of_a_store_that_hangs_no_more_than_that() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.query["prefix"])
        await asyncio.sleep(60)
        return odd_store.listing()

    async def looked(stores: Stores) -> set[Truth]:
        watch = StoreWatch(stores)
        claims = [claim(name=f"orders-{number}") for number in range(8)]
        told = [await watch.look(each, read(each, SETTINGS), (), GIVEN, a_mover_runs=False) for each in claims]
        return {each.truths[Repo.LOCAL] for each in told}

    assert odd_store.ask(answer, looked, answer_s=0.2) == {Unknown(LATE)}
    assert len(asked) == 2 * 3
