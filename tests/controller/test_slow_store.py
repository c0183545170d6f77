"""A store that is slow, as under load: what is asked of it at once, and what is waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from controller.contract import Repo
from controller.intent import read
from controller.store.asking import Seen
from controller.store.known import Known
from controller.store.watch import StoreWatch
from tests.controller import odd_store
from tests.controller.scene import BASE, COUNTED, TWO_STORES, protecting, settled_claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

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
