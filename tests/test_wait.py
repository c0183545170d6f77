"""Waiting, on a clock that is told the time: these tests take none."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import pytest

from clusters.problem import Problem
from fixtures.wait import WAITS_FILE, Expired, NotKeptError, SystemClock, Wait, Waiting, Waits, consistently, eventually

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class ToldClock:
    """Time passes only while somebody sleeps, or a look takes it."""

    time_s: float = 1000.0
    slept_s: list[float] = field(default_factory=list)

    def now_s(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.time_s += seconds


@dataclass
class Count:
    """Looks that see 1, 2, 3, …; each takes `takes_s`."""

    clock: ToldClock
    takes_s: float = 0.0
    looks: int = 0

    def __call__(self) -> int:
        self.looks += 1
        self.clock.time_s += self.takes_s
        return self.looks


@pytest.fixture
def clock() -> ToldClock:
    return ToldClock()


@pytest.fixture
def wait(clock: ToldClock) -> Wait:
    return Wait("bind", deadline_s=10, interval_s=4, look_at="the events of the claim", clock=clock)


def test_the_first_observation_that_is_ok_is_returned(clock: ToldClock, wait: Wait) -> None:
    assert eventually(Count(clock), lambda seen: seen >= 3, expected="3 or more", wait=wait) == 3
    assert clock.slept_s == [4, 4]


def test_what_holds_already_is_not_waited_for(clock: ToldClock, wait: Wait) -> None:
    assert eventually(Count(clock), lambda _: True, expected="anything", wait=wait) == 1
    assert clock.slept_s == []


def test_expiry_says_what_was_expected_and_seen_and_where_to_look(clock: ToldClock, wait: Wait) -> None:
    with pytest.raises(Expired) as expired:
        eventually(Count(clock), lambda _: False, expected="bound", wait=wait)
    assert (expired.value.expected, expired.value.seen, expired.value.waited_s) == ("bound", 4, 10)
    assert expired.value.look_at == "the events of the claim"
    assert str(expired.value) == (
        "expected bound; seen 4 after 10 s;\n"
        "  look at the events of the claim; for more time, [bind] in fixtures/waits.toml"
    )


def test_there_is_a_last_look_exactly_at_the_deadline(clock: ToldClock, wait: Wait) -> None:
    count = Count(clock)
    assert eventually(count, lambda seen: seen == 4, expected="the fourth", wait=wait) == 4
    assert clock.slept_s == [4, 4, 2]


def test_a_look_that_takes_longer_than_the_deadline_still_counts(clock: ToldClock, wait: Wait) -> None:
    assert eventually(Count(clock, takes_s=99), lambda seen: seen == 1, expected="one", wait=wait) == 1
    with pytest.raises(Expired):
        eventually(Count(clock, takes_s=99), lambda seen: seen == 2, expected="two", wait=wait)


def test_an_error_ends_the_wait_unless_it_is_tolerated(clock: ToldClock, wait: Wait) -> None:
    count = Count(clock)

    def starting() -> int:
        if count() < 3:
            raise ConnectionRefusedError("no answer")
        return count.looks

    assert eventually(starting, bool, expected="an answer", wait=wait, tolerate=(OSError,)) == 3
    count.looks = 0
    with pytest.raises(ConnectionRefusedError):
        eventually(starting, bool, expected="an answer", wait=wait)


def test_a_tolerated_error_is_shown_when_it_is_all_that_was_seen(wait: Wait) -> None:
    def refused() -> int:
        raise ConnectionRefusedError("no answer")

    with pytest.raises(Expired, match="seen ConnectionRefusedError: no answer after 10 s"):
        eventually(refused, bool, expected="an answer", wait=wait, tolerate=(OSError,))


def test_what_holds_all_the_time_is_returned_at_the_end(clock: ToldClock, wait: Wait) -> None:
    assert consistently(Count(clock), lambda _: True, expected="anything", wait=wait) == 4
    assert sum(clock.slept_s) == wait.deadline_s


def test_what_holds_no_longer_is_reported_at_once(clock: ToldClock, wait: Wait) -> None:
    with pytest.raises(NotKeptError, match="expected less than 3 all the time; seen 3 after 8 s") as found:
        consistently(Count(clock), lambda seen: seen < 3, expected="less than 3", wait=wait)
    assert (found.value.seen, found.value.waited_s) == (3, 8)


def test_progress_is_shown_at_every_look_and_once_that_it_is_over(clock: ToldClock) -> None:
    shown: list[Waiting] = []
    wait = Wait("bind", 10, 4, "the events", clock=clock, progress=shown.append)
    eventually(Count(clock), lambda seen: seen == 2, expected="bound", wait=wait)
    assert [(step.seen, step.waited_s, step.is_over) for step in shown] == [(1, 0, False), (2, 4, True)]
    shown.clear()
    with pytest.raises(Expired):
        eventually(Count(clock), lambda _: False, expected="bound", wait=wait)
    with pytest.raises(NotKeptError):
        consistently(Count(clock), lambda seen: seen < 2, expected="unbound", wait=wait)
    assert [step.is_over for step in shown] == [False, False, False, True, False, True]


def test_a_wait_can_have_a_deadline_of_its_own(wait: Wait) -> None:
    assert (wait.within(99).deadline_s, wait.within(99).look_at) == (99, wait.look_at)


def test_the_clock_of_this_machine_moves_forward_and_sleeps() -> None:
    clock = SystemClock()
    before = clock.now_s()
    clock.sleep(0.001)
    assert clock.now_s() - before >= 0.001


def test_every_wait_has_numbers_and_a_place_to_look(clock: ToldClock) -> None:
    waits = Waits.load(clock=clock)
    for name in (known.name for known in fields(Waits)):
        wait = getattr(waits, name)
        assert (wait.name, wait.clock) == (name, clock)
        assert 0 < wait.interval_s < wait.deadline_s
        assert wait.look_at


def test_all_mistakes_in_the_waits_are_named_at_once(tmp_path: Path) -> None:
    text = WAITS_FILE.read_text()
    for sound, mistaken in (
        ("[pod]", "[pods]"),
        ("deadline_s = 60", "deadline_s = 0"),
        ("interval_s = 0.25", 'interval_s = "often"'),
        ("[cluster]", "[cluster]\nfactor = 2"),
    ):
        assert sound in text
        text = text.replace(sound, mistaken, 1)
    tomllib.loads(text)
    path = tmp_path / "waits.toml"
    path.write_text(text)
    with pytest.raises(Problem) as found:
        Waits.load(path)
    for mistake in (
        "[pod] is missing",
        "[pods] is no wait that anything uses",
        "[api] deadline_s is 0",
        "[api] interval_s is 'often'",
        "[cluster] factor is not known",
    ):
        assert mistake in found.value.why


@pytest.mark.parametrize("text", ["[api", None])
def test_waits_that_cannot_be_read_are_one_clear_message(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "waits.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Problem, match="cannot be read"):
        Waits.load(path)
