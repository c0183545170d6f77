"""What is done about one claim: deeds before words, words only when they are new, and what is counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import generate_latest

from controller.cluster import saying
from controller.cluster.api import ApiError
from controller.cluster.reader import Looked
from controller.contract import Repo
from controller.intent import NotOurs, read
from controller.loop import reconciler as reconciler_module
from controller.loop.measures import Measures
from controller.loop.reconciler import Reconciler
from controller.model import Announce, Kind, Unknown
from controller.operating import Operations
from controller.stalls import AwaitedSnapshot, FailedMover, Stall
from controller.store.known import Known
from controller.store.noting import Note
from controller.store.s3 import StoreError
from tests.controller import scene
from tests.controller.scene import (
    ABSENT,
    EXISTS,
    HOUR,
    NOW,
    POINTS,
    SETTINGS,
    STANDBY,
    TWO_STORES,
    claim,
    decision,
    protecting,
    restoring,
    restoring_claim,
    settled_claim,
    world,
)

if TYPE_CHECKING:
    from controller.cluster.saying import Said
    from controller.model import World
    from controller.settings import Settings

KEY = ("shop", "orders")


class Writes:
    """A writer that notes what it was asked for; from `fails_at` on it fails."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.done: list[str] = []
        self._fails_at = fails_at

    def _note(self, what: str) -> None:
        if self._fails_at is not None and len(self.done) >= self._fails_at:
            raise StoreError("no answer")
        self.done.append(what)

    async def write(self, _namespace: str, _name: str, write: Any) -> None:
        self._note(type(write).__name__)

    async def note(self, _claim: Any, _note: Note) -> None:
        self._note("note")

    async def tell(self, _claim: Any, said: Said, _answer: Any) -> None:
        self._note(f"event {said.reason}")

    async def set_condition(self, _claim: Any, said: Said) -> None:
        self._note(f"condition {said.reason}")


def look(
    seen: World,
    writes: Writes,
    *,
    said: Said | None = None,
    notes: tuple[Note, ...] = (),
    times: int = 1,
    settings: Settings = SETTINGS,
) -> tuple[float | None, Measures, list[tuple[str, str]]]:
    """Look at a claim some times."""
    reading = NotOurs() if seen.claim is None else read(seen.claim, settings)

    class Reader:
        async def look(self, _key: object) -> Looked:
            return Looked(seen, reading, said, notes)

    measures = Measures(lambda: 7)
    gone: list[tuple[str, str]] = []
    reader: Any = Reader()
    writer: Any = writes
    reconciler = Reconciler(settings, reader, writer, measures, gone.append)

    async def run() -> float | None:
        again_s = None
        for _ in range(times):
            again_s = await reconciler.look(KEY)
        return again_s

    return asyncio.run(run()), measures, gone


def at_rest() -> World:
    of = settled_claim()
    # Its newest restore point is older than real time allows: what is told of that is one thing, and stays the same.
    return world(of, EXISTS, children=protecting(of))


def told(seen: World) -> Said:
    return saying.of_decision(decision(seen))


def test_what_is_done_comes_before_what_is_told() -> None:
    writes = Writes()
    look(world(claim(), ABSENT), writes)
    assert writes.done == ["Annotate", "event Converging"]


def test_what_lasts_is_told_by_a_condition_and_then_by_an_event() -> None:
    writes = Writes()
    look(world(claim(), Unknown("away")), writes)
    assert writes.done == ["condition BackupTruthUnknown", "event BackupTruthUnknown"]


def test_what_the_claim_already_says_is_not_written_again() -> None:
    seen = world(claim(), Unknown("away"))
    writes = Writes()
    look(seen, writes, said=told(seen), times=3)
    assert writes.done == []


def test_what_passes_by_is_told_once_however_often_it_is_tried() -> None:
    writes = Writes()
    look(world(claim(), ABSENT), writes, times=3)
    assert writes.done == ["Annotate", "event Converging", "Annotate", "Annotate"]


def test_a_claim_that_asks_for_nothing_is_told_nothing() -> None:
    writes = Writes()
    look(world(claim(labels={}), ABSENT), writes)
    assert writes.done == []


def test_a_store_that_cannot_be_noted_in_stops_nothing() -> None:
    seen = world(claim(), Unknown("away"))
    writes = Writes(fails_at=0)
    again_s, _, _ = look(seen, writes, said=told(seen), notes=(Note(Repo.LOCAL, Known(1), None),))
    assert (writes.done, again_s) == ([], decision(seen).look_again_s)


def test_claims_at_rest_that_were_looked_at_together_are_not_looked_at_together_again() -> None:
    latest_s = decision(at_rest()).look_again_s
    assert latest_s is not None
    found_s = [look(at_rest(), Writes(), said=told(at_rest()))[0] for _ in range(20)]
    assert len(set(found_s)) == 20
    assert all(again_s is not None and latest_s / 2 <= again_s <= latest_s for again_s in found_s)


def test_what_cannot_be_told_in_a_namespace_that_is_being_deleted_stops_no_deed_and_is_no_failure() -> None:
    class NobodyListens(Writes):
        async def tell(self, _claim: Any, _said: Said, _answer: Any) -> None:
            raise ApiError(403, "POST events", "the namespace is being terminated")

    writes = NobodyListens()
    of = settled_claim(terminating=True)
    again_s, measures, _ = look(world(of, EXISTS, children=protecting()), writes)
    assert writes.done == ["Delete", "Delete"]
    assert again_s is not None
    assert "firedrill_reconcile_errors_total 0.0" in generate_latest(measures.registry).decode()


def test_a_write_that_is_forbidden_is_told_on_the_claim_once_and_tried_again() -> None:
    class Forbidden(Writes):
        async def write(self, _namespace: str, _name: str, _write: Any) -> None:
            raise ApiError(403, "POST secrets", "exceeded quota")

    writes, seen = Forbidden(), world(claim(), ABSENT)
    with pytest.raises(ApiError):
        look(seen, writes)
    assert writes.done == ["condition Waiting", "event Waiting"]
    told_before = saying.Said("False", "Waiting", '[34] the API server forbids it: "POST secrets: 403 exceeded quota"')
    with pytest.raises(ApiError):
        look(seen, writes, said=told_before)
    assert len(writes.done) == 2


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ApiError(422, "POST secrets", "is invalid"), "the API server refuses it"),
        (ApiError(500, "POST secrets", "failed calling webhook"), "the API server refuses it"),
        (StoreError("the store did not answer in time"), "the remote store cannot be written to"),
    ],
)
def test_a_write_that_is_refused_is_told_on_a_claim_that_says_it_is_protected(error: Exception, why: str) -> None:
    class Refusing(Writes):
        async def write(self, _namespace: str, _name: str, write: Any) -> None:
            if isinstance(write, Announce) or isinstance(error, ApiError):
                raise error

        async def set_condition(self, _claim: Any, said: Said) -> None:
            self.done.append(f"{said.status} {said.message}")

    # A remote store was added to the installation: of it nothing is there yet, and it does not answer.
    of = settled_claim()
    truths = {Repo.LOCAL: EXISTS, Repo.REMOTE: Unknown("the store did not answer in time")}
    seen = world(of, children=protecting(of), truths=truths)
    writes = Refusing()
    with pytest.raises(type(error)):
        look(seen, writes, said=saying.Said("True", "Protected", "[74] backed up"), settings=TWO_STORES)
    assert [each for each in writes.done if each.startswith("False") and why in each]


def edited() -> World:
    """A claim whose source somebody has changed: it is put right."""
    of = settled_claim()
    found = [
        replace(each, content={**each.content, "paused": True}) if each.kind is Kind.SOURCE else each
        for each in protecting(of)
    ]
    return world(of, EXISTS, children=tuple(found))


def look_for(seen: list[World], seconds: int, writes: Writes, monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Look again whenever it is asked for, for so many seconds; the pauses. Of what is seen, the last stays so."""
    at_s, pauses_s = 0.0, list[float | None]()
    monkeypatch.setattr(reconciler_module, "time", SimpleNamespace(monotonic=lambda: at_s))

    class Reader:
        async def look(self, _key: object) -> Looked:
            now = seen.pop(0) if len(seen) > 1 else seen[0]
            return Looked(now, read(settled_claim(), SETTINGS), None)

    reader: Any = Reader()
    writer: Any = writes
    reconciler = Reconciler(SETTINGS, reader, writer, Measures(lambda: 0), lambda _key: None)
    while at_s < seconds:
        pauses_s.append(asyncio.run(reconciler.look(KEY)))
        at_s += pauses_s[-1] or 0
    return pauses_s


def test_what_is_put_right_and_never_stays_so_is_written_ever_more_seldom_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As under a webhook that changes each source back: no write fails, and no event tells of any.
    writes = Writes()
    pauses_s = look_for([edited()], 3600, writes, monkeypatch)
    assert pauses_s[:2] == [2, 2]
    assert max(each or 0 for each in pauses_s) == 300
    assert writes.done.count("Replace") < 30
    assert [each for each in writes.done if "condition" in each][:1] == ["condition NeedsAttention"]


def test_what_is_put_right_once_more_is_looked_at_as_soon_as_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [edited()] * 12 + [at_rest(), edited()]
    pauses_s = look_for(seen, 1200, Writes(), monkeypatch)
    assert (pauses_s[11] or 0) > 10
    assert pauses_s[13] == 2


@pytest.mark.parametrize("status", [0, 404, 409, 429, 503])
def test_a_write_that_passes_another_time_is_told_nobody(status: int) -> None:
    class Busy(Writes):
        async def write(self, _namespace: str, _name: str, _write: Any) -> None:
            raise ApiError(status, "POST secrets", "later")

    writes = Busy()
    with pytest.raises(ApiError):
        look(world(claim(), ABSENT), writes)
    assert writes.done == []


def held_up(words: str) -> World:
    """A claim whose backup waits for a snapshot; `words` are the driver's."""
    of = settled_claim()
    children = protecting(of, lastSyncStartTime="2026-01-10T11:00:00Z")
    [source] = [each for each in children if each.kind is Kind.SOURCE]
    snapshot = AwaitedSnapshot("copy", NOW - HOUR, "orders", error=words)
    return world(of, EXISTS, children=children, stalls=(Stall(source.name, (snapshot,)),))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("0/3 nodes have room", "0/12 nodes have room"),
        ("timed out after 3.5s (request 7f3a-11)", "timed out after 120s (request 0)"),
        ("pool full " * 40 + "1", "pool full " * 40 + "1000000"),
        ("9 bytes left, " * 40, "1000000000 bytes left, " * 40),
    ],
)
def test_a_fault_is_told_once_while_only_numbers_in_the_words_of_others_change(first: str, then: str) -> None:
    writes = Writes()
    look(held_up(then), writes, said=told(held_up(first)), times=3)
    assert writes.done == []


@pytest.mark.parametrize("then", ["access denied", "0/3 nodes have room and 2 are cordoned", "0/3 nodes have"])
def test_a_fault_whose_words_change_is_told_again(then: str) -> None:
    writes = Writes()
    look(held_up(then), writes, said=told(held_up("0/3 nodes have room")))
    assert writes.done == ["condition StorageFault", "event StorageFault"]


def test_numbers_of_our_own_are_told_when_they_change() -> None:
    writes = Writes()
    of = settled_claim()
    earlier = world(of, replace(EXISTS, newest="a" * 64, at=EXISTS.at - HOUR), children=protecting(of))
    look(at_rest(), writes, said=told(earlier))
    assert writes.done == ["condition NeedsAttention", "event NeedsAttention"]


def test_a_mover_that_is_made_anew_and_fails_again_is_told_once() -> None:
    of = restoring_claim()
    begun = restoring(of)
    [destination] = [each for each in begun if each.kind is Kind.DESTINATION]

    def failed(pod: str) -> World:
        stall = Stall(destination.name, failed=(FailedMover(pod, 1, "Error"),))
        return world(of, EXISTS, children=begun, stalls=(stall,))

    writes = Writes()
    look(failed("mover-b7x2k"), writes, said=told(failed("mover-kkkkk")))
    assert writes.done == []


def test_a_write_that_fails_is_for_the_queue_to_try_again() -> None:
    with pytest.raises(StoreError):
        look(world(claim(), ABSENT), Writes(fails_at=0))


def test_a_claim_that_is_gone_with_all_its_children_is_forgotten() -> None:
    again_s, measures, gone = look(world(None), Writes())
    assert (again_s, gone) == (None, [KEY])
    assert "shop" not in generate_latest(measures.registry).decode()


def test_metrics_name_each_claim_that_is_not_simply_protected_and_count_all() -> None:
    _, measures, _ = look(world(claim(), Unknown("away")), Writes())
    found = generate_latest(measures.registry).decode()
    labels = 'branch="31",claim="orders",namespace="shop",reason="BackupTruthUnknown"'
    assert f"firedrill_claim_reason{{{labels}}} 1.0" in found
    assert 'firedrill_claims{stage="unsettled"} 1.0' in found
    assert 'firedrill_truth_unknown{repository="local"} 1.0' in found
    assert "firedrill_queue_depth 7.0" in found


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name[]=firedrill_claims&name[]=firedrill_writes_total", {"firedrill_claims", "firedrill_writes_total"}),
        ("name%5B%5D=firedrill_queue_depth", {"firedrill_queue_depth"}),
        ("name[]=nobody_knows_it", set()),
    ],
)
def test_single_metrics_can_be_asked_for(query: str, names: set[str]) -> None:
    _, measures, _ = look(at_rest(), Writes())
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        operations = Operations(measures.registry, why_not_ready=lambda: None)
        scope = {"type": "http", "path": "/metrics", "query_string": query.encode()}
        await operations(scope, None, send)

    measures.wrote("note")
    asyncio.run(ask())
    lines = sent[1]["body"].decode().splitlines()
    assert {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")} == names


def test_metrics_tell_how_old_the_newest_restore_point_is() -> None:
    _, measures, _ = look(at_rest(), Writes())
    found = generate_latest(measures.registry).decode()
    name = "firedrill_newest_restore_point_timestamp_seconds{"
    assert [float(line.split()[-1]) for line in found.splitlines() if line.startswith(name)] == [EXISTS.at.timestamp()]


def test_metrics_tell_how_far_an_image_that_stands_by_is_behind_the_newest_restore_point() -> None:
    of = settled_claim(STANDBY)
    fresh, stale = scene.standing_by(), scene.standing_by(POINTS[0])
    for images, behind in (((fresh,), "0.0"), ((stale, scene.standby()), "28800.0"), ((scene.standby(),), "+Inf")):
        snapshots = tuple(scene.image_of(each) for each in images if each.status)
        seen = world(of, EXISTS, children=(*protecting(of), *images), snapshots=snapshots)
        _, measures, _ = look(seen, Writes())
        found = generate_latest(measures.registry).decode()
        assert f'firedrill_standby_behind_seconds{{claim="orders",namespace="shop"}} {behind}\n' in found
    _, measures, _ = look(at_rest(), Writes())
    assert "firedrill_standby_behind_seconds{" not in generate_latest(measures.registry).decode()


def test_a_condition_and_an_event_name_the_branch_and_the_claim() -> None:
    of = restoring_claim()
    said = told(world(of, Unknown("away")))
    condition = saying.condition(of, said, EXISTS.at)
    assert condition["metadata"]["uid"] == of.uid
    [first] = condition["status"]["conditions"]
    assert first["message"].startswith("[51] ")
    body = {"metadata": {}, "status": condition["status"]}
    assert saying.said_on(body) == said
    event = saying.event(replace(of, name="n" * 253), said, decision(world(of, EXISTS)).outcome.answer, EXISTS.at, "us")
    assert len(event["metadata"]["name"]) <= 253
    assert event["regarding"]["uid"] == of.uid
