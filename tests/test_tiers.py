"""The order in which drills reach workers; the workers are stand-ins that keep xdist's rule of when a test begins."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.tiers import Tiers

if TYPE_CHECKING:
    from collections.abc import Sequence


class Worker:
    """Begins a test when it knows the next one, or that there is none."""

    def __init__(self) -> None:
        self.gateway = SimpleNamespace(id="gw")
        self.queue: list[int] = []
        self.running: int | None = None
        self.shutting_down = False

    def send_runtest_some(self, tests: Sequence[int]) -> None:
        self.queue += tests

    def shutdown(self) -> None:
        self.shutting_down = True

    def begin(self) -> int | None:
        """The test that begins now; None if none can."""
        if self.running is None and (len(self.queue) > 1 or (self.queue and self.shutting_down)):
            self.running = self.queue.pop(0)
            return self.running
        return None


def ran(parallel: int, serial: int, *, workers: int, seed: int) -> list[tuple[int, int]]:
    """Worker and test, for each test as it began; tests end in an order of chance."""
    tests = [f"test {number}" for number in range(parallel + serial)]
    config: Any = SimpleNamespace(getoption=lambda _: None, getvalue={"tx": ["popen"] * workers}.get)
    scheduler = Tiers(config, serial=lambda: tests[parallel:])
    nodes: list[Any] = [Worker() for _ in range(workers)]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, tests)
    scheduler.schedule()
    chance, begun = random.Random(seed), []  # noqa: S311 - chance for a test
    while True:
        for number, node in enumerate(nodes):
            if (test := node.begin()) is not None:
                begun.append((number, test))
        busy = [node for node in nodes if node.running is not None]
        if not busy:
            return begun
        node = chance.choice(busy)
        ended, node.running = node.running, None
        scheduler.mark_test_complete(node, ended)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("parallel", [0, 1, 2, 3, 5, 9])
@pytest.mark.parametrize("serial", [0, 1, 3])
def test_every_test_begins_once_and_the_serial_tier_behind_all_others_in_one_worker(
    parallel: int, serial: int, workers: int
) -> None:
    for seed in range(20):
        begun = ran(parallel, serial, workers=workers, seed=seed)
        assert sorted(test for _, test in begun) == list(range(parallel + serial))
        assert [test for _, test in begun][parallel:] == list(range(parallel, parallel + serial))
        assert len({worker for worker, test in begun if test >= parallel}) <= 1


def test_the_first_tests_are_dealt_out_one_to_each_worker() -> None:
    begun = ran(9, 0, workers=3, seed=1)
    assert [test for _, test in begun[:3]] == [0, 1, 2]
