"""The ledger of a drill in which all went well, event by event, for tests to damage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fixtures.history import (
    BackedUp,
    BackupState,
    Destroyed,
    Evidence,
    FirstRun,
    History,
    Manifest,
    Observed,
    Recorded,
    Request,
    Restored,
    RestorePoint,
    RunStarted,
    Wrote,
)
from fixtures.invariants.load import limits_of
from fixtures.invariants.rules import rule
from fixtures.kube.kinds import CLAIM, JOB, POD, REPLICATION_SOURCE, VOLUME, VOLUME_SNAPSHOT
from fixtures.sightings import (
    Counted,
    Kept,
    Known,
    Promised,
    Sighted,
    Stepped,
    StepState,
    StoreSeen,
    Turn,
    WatchEnded,
)
from fixtures.tree import Tree
from tests.scene import NONCE, generation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fixtures.history import Event
    from fixtures.invariants import Invariant, Ruling

START: Final = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
VOLUME_NAME: Final = "orders/data"
IMAGE: Final = "orders/volsync-data-dst-dest-20260101120000"
BESIDE: Final = "orders-beside/bystander"
POINTS: Final = {number: f"{number}" * 64 for number in (1, 2)}
TREES: Final = {
    "empty": Tree.of([]),
    **{str(number): generation(number).tree() for number in (0, 1, 2)},
    "foreign": generation(1, volume="other/data").tree(),
    **{f"mail {number}": generation(number, volume="orders/mail").tree() for number in (0, 1, 2)},
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def manifest(name: str) -> Manifest:
    return Manifest(name, name)


@dataclass
class Story:
    """Events by second of the drill. `but` replaces or adds; equal seconds keep the order in which they came."""

    events: list[tuple[float, Event]] = field(default_factory=list)

    @property
    def history(self) -> History:
        in_order = sorted(self.events, key=lambda each: each[0])
        return History(tuple(Recorded(at(when), event) for when, event in in_order), lambda kept: TREES[kept.file])

    def add(self, seconds: float, *events: Event) -> Story:
        self.events += [(seconds, event) for event in events]
        return self

    def drop(self, *kinds: type, where: Mapping[str, Any] | None = None) -> Story:
        """Without the events of these kinds that have all these values."""
        wanted = where or {}
        self.events = [
            (when, event)
            for when, event in self.events
            if not (isinstance(event, kinds) and all(getattr(event, key) == value for key, value in wanted.items()))
        ]
        return self

    def change(self, kind: type, where: Mapping[str, Any], **values: Any) -> Story:
        """The events of this kind that have all these values, with others in their place; there must be one."""
        hits = 0
        for number, (when, event) in enumerate(self.events):
            if isinstance(event, kind) and all(getattr(event, key) == value for key, value in where.items()):
                self.events[number] = (when, replace(event, **values))
                hits += 1
        assert hits, f"no {kind.__name__} with {where} to damage"
        return self

    def move(self, kind: type, where: Mapping[str, Any], to_s: float) -> Story:
        """The events of this kind that have all these values, at another time; there must be one."""
        hits = 0
        for number, (_, event) in enumerate(self.events):
            if isinstance(event, kind) and all(getattr(event, key) == value for key, value in where.items()):
                self.events[number] = (to_s, event)
                hits += 1
        assert hits, f"no {kind.__name__} with {where} to move"
        return self

    def ruling(self, invariant: Invariant) -> Ruling:
        return next(each for each in rule(self.history) if each.invariant is invariant)


def seen(kind: Any, name: str, uid: str, turn: Turn = Turn.APPEARED, **facts: Any) -> Sighted:
    return Sighted(kind.name, name, uid, turn, facts)


def step(act: str, state: StepState) -> Stepped:
    return Stepped(act, act, state)


def store(*numbers: int, locks: tuple[str, ...] = (), known: Known | None = None) -> StoreSeen:
    """The local store with the restore points of these generations."""
    paths = {POINTS[number]: len(TREES[str(number)].entries) for number in numbers}
    return StoreSeen(
        "local",
        known or (Known.POINTS if numbers else Known.ABSENT),
        {POINTS[number]: at(60 * number + 5) for number in numbers},
        paths,
        locks,
    )


def mover(number: int, start_s: float, end_s: float, *, name: str = "") -> list[tuple[float, Event]]:
    """The Job and the pod of a backup, which run between two seconds."""
    job, pod = f"orders/volsync-src-data-local{name}", f"orders/volsync-src-data-local{name}-{number}"
    facts: dict[str, Any] = {"mover": "backup", "repository": "data-repository", "claims": "data-cache"}
    started: dict[str, Any] = {"started_at": at(start_s).isoformat()}
    finished: dict[str, Any] = {"finished_at": at(end_s).isoformat()}
    return [
        (start_s, seen(JOB, job, f"job-{number}{name}", mover="backup")),
        (start_s, seen(POD, pod, f"pod-{number}{name}", **facts, **started)),
        (end_s, seen(POD, pod, f"pod-{number}{name}", Turn.CHANGED, **facts, **started, **finished)),
        (end_s, seen(JOB, job, f"job-{number}{name}", Turn.CHANGED, mover="backup", succeeded="yes")),
        (end_s + 1, seen(POD, pod, f"pod-{number}{name}", Turn.GONE)),
        (end_s + 1, seen(JOB, job, f"job-{number}{name}", Turn.GONE)),
    ]


def request(asked_s: float) -> Request:
    return Request(VOLUME_NAME, VOLUME_NAME, "local", RestorePoint(), "restic", at(asked_s))


def good() -> Story:
    """Declared, written and backed up twice, lost, declared again, found intact; nothing else moves at the end."""
    story = Story()
    story.add(0, RunStarted("run", 7, NONCE, {}))
    story.add(
        0,
        Promised(
            VOLUME_NAME, "static", "faithful",
            children=((CLAIM.name, "data"), (REPLICATION_SOURCE.name, "data-local")),
            retention={"local": Kept(24, 7)}, limits=limits_of("static"), bystander=BESIDE,
        ),
        store(),
    )  # fmt: skip
    beside: dict[str, Any] = {"phase": "Pending", "print": "as-made"}
    story.add(1, seen(CLAIM, BESIDE, "by", **beside), seen(POD, BESIDE, "by-pod", claims="bystander"))
    story.add(2, seen(CLAIM, BESIDE, "by", Turn.CHANGED, **{**beside, "phase": "Bound"}))
    _life(story, 10, "c1", "0", 0)
    for number in (1, 2):
        begin = 60 * number
        story.add(begin, step("Write", StepState.BEGINS))
        story.add(begin + 1, Wrote(VOLUME_NAME, number, manifest(str(number))), step("Write", StepState.ENDS))
        copy = f"copy-{number}"
        name = "orders/volsync-data-local-src"
        story.add(
            begin + 4, seen(VOLUME_SNAPSHOT, name, copy, source="data", cut_at=at(begin + 4).isoformat())
        )  # fmt: skip
        story.events += mover(number, begin + 5, begin + 10)
        story.add(begin + 11, seen(VOLUME_SNAPSHOT, name, copy, Turn.GONE))
        points = (1,) if number == 1 else (1, 2)
        story.add(begin + 8, store(*points))
        story.add(
            begin + 12,
            BackedUp(
                VOLUME_NAME, "local", number, BackupState.ACKNOWLEDGED, POINTS[number], at(begin + 5), at(begin + 4)
            ),
        )
    story.add(200, step("LoseNamespace", StepState.BEGINS))
    for kind, name, uid in (
        (CLAIM, VOLUME_NAME, "c1"),
        (REPLICATION_SOURCE, "orders/data-local", "rs-c1"),
        (POD, "orders/data-app", "app-c1"),
        (VOLUME, "pv-c1", "pv-c1"),
    ):
        story.add(205, seen(kind, name, uid, Turn.GONE))
    story.add(206, Destroyed("namespace orders", "PersistentVolume pv-c1 not found", VOLUME_NAME))
    story.add(206, step("LoseNamespace", StepState.ENDS))
    _life(story, 220, "c2", "2", 2)
    story.add(290, Counted({"Pod": 20}, 15.0))
    story.add(300, WatchEnded(settled=True, looks={"Pod": 3, "local store": 9}))
    return story


def _life(story: Story, begin: float, uid: str, holds: str, restored: int) -> None:
    """A claim from its declaration until its app has read it."""
    evidence = Evidence(IMAGE, IMAGE, at(begin + 5), POINTS[restored][:8]) if restored else Evidence()
    name = "r2" if restored else "r1"
    claim: dict[str, Any] = {"phase": "Pending"}
    story.add(begin, step("Declare", StepState.BEGINS))
    story.add(
        begin + 1, seen(CLAIM, VOLUME_NAME, uid, **claim), seen(REPLICATION_SOURCE, "orders/data-local", f"rs-{uid}")
    )
    story.add(begin + 2, step("Declare", StepState.ENDS))
    story.add(begin + 8, seen(CLAIM, VOLUME_NAME, uid, Turn.CHANGED, phase="Bound", volume=f"pv-{uid}"))
    story.add(begin + 8, seen(VOLUME, f"pv-{uid}", f"pv-{uid}", phase="Bound", claim=VOLUME_NAME))
    pod: dict[str, Any] = {"claims": "data", "started_at": at(begin + 9).isoformat()}
    story.add(begin + 9, seen(POD, "orders/data-app", f"app-{uid}", **pod))
    story.add(begin + 12, Restored(name, request(begin), evidence))
    story.add(begin + 13, Observed(name, manifest(holds if restored else "empty")))
    if not restored:
        story.add(begin + 14, FirstRun(VOLUME_NAME, manifest("0")))
