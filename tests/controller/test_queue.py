"""The work queue: each key once, one worker at a time, later if asked, and never stopped by one bad key."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from controller.cluster.watching import Backoff
from controller.loop.queue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def work(
    begin: Callable[[WorkQueue[str]], Awaitable[None]],
    look: Callable[[str], Awaitable[float | None]],
    failed: Callable[[str, Exception], None] = lambda _key, _error: None,
    workers: int = 3,
) -> None:
    """Let several workers look at what the steps add, until these end."""

    async def run() -> None:
        queue: WorkQueue[str] = WorkQueue()
        tasks = [asyncio.create_task(queue.work(look, failed)) for _ in range(workers)]
        async with asyncio.timeout(60):
            await begin(queue)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())


async def turns(count: int = 20) -> None:
    """Let everybody else go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_key_that_is_woken_many_times_is_looked_at_once() -> None:
    seen: list[str] = []

    async def look(key: str) -> float | None:
        seen.append(key)
        return None

    async def begin(queue: WorkQueue[str]) -> None:
        for _ in range(5):
            queue.add("a")
        await turns()

    work(begin, look)
    assert seen == ["a"]


def test_a_key_that_is_woken_while_it_is_worked_on_is_looked_at_once_more_and_never_by_two() -> None:
    running: list[int] = [0]
    most: list[int] = []
    go = asyncio.Event()

    async def look(_key: str) -> float | None:
        running[0] += 1
        most.append(running[0])
        await go.wait()
        running[0] -= 1
        return None

    async def begin(queue: WorkQueue[str]) -> None:
        queue.add("a")
        await turns()
        queue.add("a")
        queue.add("a")
        await turns()
        assert len(queue) == 1
        go.set()
        await turns()

    work(begin, look)
    assert most == [1, 1]


def test_a_key_comes_back_when_its_look_says_so_and_earlier_if_something_happens() -> None:
    seen: list[str] = []

    async def look(key: str) -> float | None:
        seen.append(key)
        return 0.01 if len(seen) == 1 else 1000

    async def begin(queue: WorkQueue[str]) -> None:
        queue.add("a")
        while len(seen) < 2:
            await asyncio.sleep(0.01)
        queue.add("a")
        await turns()

    work(begin, look)
    assert seen == ["a"] * 3


def test_a_key_that_always_fails_stops_no_other_and_is_tried_again_after_growing_pauses() -> None:
    seen: list[str] = []
    errors: list[str] = []

    async def look(key: str) -> float | None:
        seen.append(key)
        if key == "bad":
            raise ValueError("bad")
        return None

    async def begin(queue: WorkQueue[str]) -> None:
        queue.add("bad")
        for number in range(50):
            queue.add(f"good {number}")
        while seen.count("bad") < 2:
            await asyncio.sleep(0.01)

    work(begin, look, lambda key, error: errors.append(f"{key}: {error}"), workers=1)
    assert len([key for key in seen if key.startswith("good")]) == 50
    assert errors[:2] == ["bad: bad"] * 2


def test_pauses_grow_to_a_limit_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(0.2, 5.0)
    pauses_s = [backoff.next_s() for _ in range(50)]
    assert 0.16 <= pauses_s[0] <= 0.24
    assert all(4.0 <= pause_s <= 6.0 for pause_s in pauses_s[5:])
    backoff.reset()
    assert backoff.next_s() <= 0.24
