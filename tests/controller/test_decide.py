"""One row for each numbered branch, named by the promises that it keeps (A1 to E36, I1 to I12, P1 to P27, SC, F)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from controller import contract, naming, newest, stamp
from controller.branch import Branch
from controller.contract import Repo
from controller.lifecycle import Stage
from controller.model import (
    Annotate,
    Announce,
    Answer,
    Create,
    DataSource,
    Delete,
    Exists,
    Kind,
    Lock,
    MissingCredentials,
    Moment,
    Mover,
    Phase,
    Pods,
    PodState,
    RemoveLock,
    Replace,
    RestorePoint,
    Unknown,
)
from controller.newest import Newest
from controller.settings import HOURLY
from controller.stalls import AwaitedSnapshot, AwaitedVolume, Complaint, FailedMover, Stall
from tests.controller.scene import (
    ABSENT,
    ANNOUNCED,
    COUNTED,
    EXISTS,
    HOUR,
    NOW,
    POINTS,
    SETTINGS,
    STANDBY,
    TWO_STORES,
    admitted,
    claim,
    decision,
    finished,
    image_of,
    new_claim,
    protecting,
    restoring,
    restoring_claim,
    settled_claim,
    standing_by,
    stored,
    world,
)

if TYPE_CHECKING:
    from controller.model import Child, Decision, World, Write
    from controller.settings import Settings

DOWN = Unknown("connection refused")
OWN = DataSource("snapshot.storage.k8s.io", "VolumeSnapshot", "yesterday")
OLD_DESTINATION = naming.destination("shop", "orders", naming.incarnation("an earlier request"))


def of_kind(found: tuple[Child, ...], kind: Kind) -> Child:
    return next(each for each in found if each.kind is kind)


def without(found: tuple[Child, ...], kind: Kind) -> tuple[Child, ...]:
    return tuple(each for each in found if each.kind is not kind)


def edited(found: tuple[Child, ...], kind: Kind, content: dict[str, object]) -> tuple[Child, ...]:
    return tuple(replace(each, content={**each.content, **content}) if each.kind is kind else each for each in found)


def earlier_life() -> tuple[Child, ...]:
    """What was made for a claim of the same name that is gone."""
    return protecting(settled_claim())


RESTORING = restoring_claim()
BEGUN = restoring(RESTORING)
FINISHED = finished(BEGUN)
IMAGE = image_of(of_kind(BEGUN, Kind.DESTINATION))
FILLED = f"shop/{IMAGE}"
BOUND_AGAIN = replace(RESTORING, phase=Phase.BOUND)
FRESH = replace(admitted(ABSENT), phase=Phase.BOUND)
PROTECTED = protecting()
SYNCING = protecting(lastSyncStartTime="2026-01-10T11:00:00Z")
SOURCE, DESTINATION = of_kind(PROTECTED, Kind.SOURCE), of_kind(BEGUN, Kind.DESTINATION)
UNREADY = AwaitedSnapshot("volsync-x-src", NOW - HOUR, "orders", taken_up=False)
UNBOUND = AwaitedVolume("orders", NOW - HOUR, Complaint("ProvisioningFailed", "the pool is full"))
FULL = {"result": "Failed", "logs": "Fatal: write /cache/x: no space left on device"}
RENEWED: dict[str, object] = {"AWS_SECRET_ACCESS_KEY": "b2xk"}
WARM = settled_claim(STANDBY)
WARM_CHILDREN, READY, OLDER = protecting(WARM), standing_by(), standing_by(POINTS[0])
TOKEN = settled_claim({contract.BACK_UP_NOW_ANNOTATION: "now-1"})
GONE = Newest("f" * 64, NOW, "then")
NOTED = settled_claim(newest.written("uid-1", {Repo.LOCAL: GONE}))
POD = f"volsync-src-{of_kind(PROTECTED, Kind.SOURCE).name}-x7k2p"


def lock(host: str = POD, minutes: int = 20, *, exclusive: bool = False) -> Lock:
    return Lock(Repo.LOCAL, "22fc71ad", host, NOW - HOUR * minutes / 60, exclusive=exclusive)


@dataclass(frozen=True)
class Row:
    """What is seen, and what has to be decided. `writes` are verb and kind, in order."""

    ids: str
    branch: Branch
    seen: World
    answer: Answer
    stage: Stage
    writes: tuple[str, ...] = ()
    settings: Settings = SETTINGS

    def __str__(self) -> str:
        return f"{self.branch.value}-{self.branch.name}-{self.ids.replace(' ', '-')}"


def verb(write: Write) -> str:
    match write:
        case Annotate():
            return "annotate"
        case RemoveLock():
            return "remove lock"
        case Announce():
            return "announce"
        case Create() | Replace() | Delete():
            return f"{type(write).__name__.lower()} {write.kind.value}"


ALLOW, REFUSE, AGAIN, WAIT, ATTENTION, DONE = (
    Answer.ALLOW,
    Answer.REFUSE,
    Answer.AGAIN,
    Answer.WAIT,
    Answer.ATTENTION,
    Answer.DONE,
)
SKIP = {contract.SKIP_RESTORE_ANNOTATION: "a test data set"}
AS_OF = {contract.RESTORE_AS_OF_ANNOTATION: "2026-01-10T08:00:00Z"}
BIG = Exists(POINTS[-1].id, NOW, 1, (RestorePoint(NOW, POINTS[-1].id, 2**31),))
VALIDATED = {"moment": Moment.VALIDATION}
ALL_GONE = ("delete ReplicationSource", "delete Secret")

ROWS = (
    # --- a claim is being created
    Row("B5 B22 I8 D14", Branch.NOT_OURS, world(new_claim(labels={}), DOWN), ALLOW, Stage.OUTSIDE),
    Row("B26", Branch.UNREADABLE, world(new_claim(labels={contract.TIER_LABEL: "weekly"})), REFUSE, Stage.OUTSIDE),
    Row("P1", Branch.UNREADABLE, world(new_claim({contract.SKIP_RESTORE_ANNOTATION: ""})), REFUSE, Stage.OUTSIDE),
    Row(
        "I5 I6 SC-23",
        Branch.PREDECESSOR_REMAINS,
        world(new_claim(), EXISTS, children=earlier_life()),
        REFUSE,
        Stage.OUTSIDE,
    ),
    Row(
        "I1 I6 a first backup may be under way, and nobody looked",
        Branch.TRUTH_UNKNOWN,
        world(new_claim(), ANNOUNCED, looked_back=False),
        REFUSE,
        Stage.OUTSIDE,
    ),
    Row(
        "I5 a source of its own, and nobody looked",
        Branch.TRUTH_UNKNOWN,
        world(new_claim(source=OWN), EXISTS, looked_back=False),
        REFUSE,
        Stage.OUTSIDE,
    ),
    Row("I3 never announced", Branch.FRESH, world(new_claim(), ABSENT, looked_back=False), ALLOW, Stage.UNSETTLED),
    Row("SC-23 announced, and nothing left", Branch.FRESH, world(new_claim(), ANNOUNCED), ALLOW, Stage.UNSETTLED),
    Row(
        "SC-23 its destination waits",
        Branch.RESTORE,
        world(new_claim(), EXISTS, looked_back=False),
        ALLOW,
        Stage.RESTORING,
    ),
    Row(
        "E14 by number, and nobody looked",
        Branch.TRUTH_UNKNOWN,
        world(new_claim({contract.RESTORE_PREVIOUS_ANNOTATION: "1"}), EXISTS, looked_back=False),
        REFUSE,
        Stage.OUTSIDE,
    ),
    Row(
        "I6 mover of an earlier source",
        Branch.PREDECESSOR_REMAINS,
        world(new_claim(), ANNOUNCED, movers=(Mover(POD, of_kind(PROTECTED, Kind.SOURCE).name),)),
        REFUSE,
        Stage.OUTSIDE,
    ),
    Row("B18", Branch.OWN_SOURCE, world(new_claim(source=OWN), EXISTS), ALLOW, Stage.UNSETTLED),
    Row("B18 named volume", Branch.OWN_SOURCE, world(new_claim(volume_name="pv-1"), DOWN), ALLOW, Stage.UNSETTLED),
    Row("I1 skip", Branch.RESTORE_SKIPPED, world(new_claim(SKIP), EXISTS), ALLOW, Stage.UNSETTLED),
    Row("I2 D13", Branch.TRUTH_UNKNOWN, world(new_claim(), DOWN), REFUSE, Stage.OUTSIDE),
    Row("I2 nobody asked", Branch.TRUTH_UNKNOWN, world(new_claim(), truths={}), REFUSE, Stage.OUTSIDE),
    Row(
        "A20 I2 remote does not answer",
        Branch.TRUTH_UNKNOWN,
        world(new_claim(), truths={Repo.LOCAL: ABSENT, Repo.REMOTE: DOWN}),
        REFUSE,
        Stage.OUTSIDE,
        settings=TWO_STORES,
    ),
    Row("E15 times not read", Branch.TRUTH_UNKNOWN, world(new_claim(AS_OF), COUNTED), REFUSE, Stage.OUTSIDE),
    Row(
        "E14 P17",
        Branch.RESTORE_UNMEETABLE,
        world(new_claim({contract.RESTORE_PREVIOUS_ANNOTATION: "3"}), EXISTS),
        REFUSE,
        Stage.OUTSIDE,
    ),
    Row("SC-10 nothing there", Branch.RESTORE_UNMEETABLE, world(new_claim(AS_OF), ABSENT), REFUSE, Stage.OUTSIDE),
    Row("E21 C31 SC-14", Branch.TOO_SMALL, world(new_claim(), BIG), REFUSE, Stage.OUTSIDE),
    Row("I1 B14 C10 C13 D5 D8 D16 E9", Branch.RESTORE, world(new_claim(), COUNTED), ALLOW, Stage.RESTORING),
    Row("E36", Branch.RESTORE, world(new_claim(AS_OF), EXISTS), ALLOW, Stage.RESTORING),
    Row(
        "A20 SC-19",
        Branch.RESTORE,
        world(new_claim(), truths={Repo.LOCAL: ABSENT, Repo.REMOTE: EXISTS}),
        ALLOW,
        Stage.RESTORING,
        settings=TWO_STORES,
    ),
    Row(
        "E10 A21 copied destination",
        Branch.RESTORE,
        world(new_claim(source=DataSource("volsync.backube", "ReplicationDestination", OLD_DESTINATION)), EXISTS),
        ALLOW,
        Stage.RESTORING,
    ),
    Row("I3 B6 C11 C12 C14 C16 D4 D15 E8", Branch.FRESH, world(new_claim(), ABSENT), ALLOW, Stage.UNSETTLED),
    # --- a claim is about to be stored
    Row("2.2", Branch.STORED_AS_DECIDED, world(RESTORING, EXISTS, **VALIDATED), ALLOW, Stage.RESTORING),
    Row("B5", Branch.STORED_AS_DECIDED, world(claim(labels={}), EXISTS, **VALIDATED), ALLOW, Stage.OUTSIDE),
    Row(
        "2.2 D5",
        Branch.STORED_OTHERWISE,
        world(replace(RESTORING, source=None), EXISTS, **VALIDATED),
        REFUSE,
        Stage.OUTSIDE,
    ),
    Row("SC-16", Branch.STORED_OTHERWISE, world(claim(phase=Phase.PENDING), **VALIDATED), REFUSE, Stage.OUTSIDE),
    # --- what comes before everything else
    Row("B12 E11 I7", Branch.GONE, world(None, children=PROTECTED), AGAIN, Stage.OUTSIDE, ALL_GONE),
    Row("I9 I11", Branch.GONE, world(None), DONE, Stage.OUTSIDE),
    Row(
        "finalizer trap",
        Branch.LEAVING,
        world(settled_claim(terminating=True), children=PROTECTED),
        AGAIN,
        Stage.LEAVING,
        ALL_GONE,
    ),
    Row("I9", Branch.LEAVING, world(claim(terminating=True)), WAIT, Stage.LEAVING),
    Row(
        "B9 K9 SC-11",
        Branch.NAME_TAKEN,
        world(settled_claim(), children=tuple(replace(each, claim="shop/other") for each in PROTECTED)),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "I7 SC-23",
        Branch.PREDECESSORS_CHILDREN,
        world(replace(RESTORING, uid="uid-2"), EXISTS, children=earlier_life()),
        WAIT,
        Stage.RESTORING,
        ALL_GONE,
    ),
    Row(
        "I5 I7 a source that lost its owner",
        Branch.PREDECESSORS_CHILDREN,
        world(
            replace(RESTORING, uid="uid-2"),
            EXISTS,
            children=tuple(replace(each, claim=None, owner_uid=None) for each in earlier_life()),
        ),
        WAIT,
        Stage.RESTORING,
        ("delete ReplicationSource",),
    ),
    Row(
        "I6",
        Branch.PREDECESSORS_MOVER,
        world(replace(FRESH, uid="uid-2"), movers=(Mover(POD, of_kind(PROTECTED, Kind.SOURCE).name),)),
        WAIT,
        Stage.UNSETTLED,
    ),
    Row(
        "B26 bad edit",
        Branch.MISREAD,
        world(settled_claim(labels={contract.TIER_LABEL: "hurly"}), children=PROTECTED),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "B33 E35 SC-20",
        Branch.RELEASED,
        world(settled_claim(labels={}), children=PROTECTED),
        AGAIN,
        Stage.RELEASED,
        ALL_GONE,
    ),
    Row("B5 I9", Branch.RELEASED, world(claim(labels={})), DONE, Stage.OUTSIDE),
    Row("SC-05", Branch.LOST, world(settled_claim(phase=Phase.LOST)), ATTENTION, Stage.PROTECTED),
    # --- not settled
    Row(
        "I10",
        Branch.ACCEPTED,
        world(claim(annotations={contract.ACCEPT_VOLUME_ANNOTATION: "uid-1 looked at it"}), EXISTS),
        AGAIN,
        Stage.PROTECTED,
        ("annotate",),
    ),
    Row("SC-18 I2", Branch.UNDECIDED_UNKNOWN, world(claim(), DOWN), WAIT, Stage.UNSETTLED),
    Row("SC-16 I5", Branch.UNDECIDED_OVER_BACKUPS, world(claim(), EXISTS), ATTENTION, Stage.BLOCKED),
    Row("I5 C16", Branch.BINDING, world(admitted(ABSENT)), WAIT, Stage.UNSETTLED),
    Row(
        "I1 skipped, not bound", Branch.BINDING, world(admitted(EXISTS, new_claim(SKIP)), EXISTS), WAIT, Stage.UNSETTLED
    ),
    Row("SC-18 labelled late", Branch.ADOPTED, world(claim()), AGAIN, Stage.PROTECTED, ("annotate",)),
    Row("I2 second look", Branch.FRESH_UNKNOWN, world(FRESH, DOWN), WAIT, Stage.UNSETTLED),
    Row("I5 SC-25 K8", Branch.FRESH_OVER_BACKUPS, world(FRESH, EXISTS), ATTENTION, Stage.BLOCKED),
    Row("D4 I3", Branch.FRESH_SETTLED, world(FRESH), AGAIN, Stage.PROTECTED, ("annotate",)),
    Row(
        "B18 I1",
        Branch.CHOSEN_SETTLED,
        world(replace(admitted(EXISTS, new_claim(SKIP)), phase=Phase.BOUND), EXISTS),
        AGAIN,
        Stage.PROTECTED,
        ("annotate",),
    ),
    # --- restoring
    Row("2.2 P1", Branch.SOURCE_NOT_STORED, world(replace(RESTORING, source=None), EXISTS), ATTENTION, Stage.BLOCKED),
    Row(
        "I4 D7 B28",
        Branch.RESTORED,
        world(BOUND_AGAIN, EXISTS, children=FINISHED, populated_from=FILLED),
        AGAIN,
        Stage.PROTECTED,
        ("annotate",),
    ),
    Row(
        "P5 I5 restored nothing",
        Branch.BOUND_WITHOUT_PROOF,
        world(BOUND_AGAIN, EXISTS, children=finished(BEGUN, "No eligible snapshots found\n"), populated_from=FILLED),
        ATTENTION,
        Stage.BLOCKED,
    ),
    Row(
        "I4 never populated",
        Branch.BOUND_WITHOUT_PROOF,
        world(BOUND_AGAIN, EXISTS, children=FINISHED),
        ATTENTION,
        Stage.BLOCKED,
    ),
    Row(
        "I4 another image than the log's",
        Branch.BOUND_WITHOUT_PROOF,
        world(BOUND_AGAIN, EXISTS, children=FINISHED, populated_from=f"{FILLED[:-1]}9"),
        ATTENTION,
        Stage.BLOCKED,
    ),
    Row(
        "F40 destination deleted",
        Branch.BOUND_WITHOUT_PROOF,
        world(BOUND_AGAIN, EXISTS, populated_from=FILLED),
        ATTENTION,
        Stage.BLOCKED,
    ),
    Row(
        "I10",
        Branch.RESTORE_PLATFORM_MISSING,
        world(RESTORING, EXISTS, platform=("VolSync's CRDs are not installed",)),
        WAIT,
        Stage.RESTORING,
    ),
    Row(
        "P9 K4",
        Branch.DESTINATION_SPOILED,
        world(RESTORING, EXISTS, children=edited(FINISHED, Kind.DESTINATION, {"trigger": {"manual": "again"}})),
        WAIT,
        Stage.RESTORING,
        ("delete ReplicationDestination",),
    ),
    Row(
        "P5 D11 B29",
        Branch.RESTORED_NOTHING,
        world(RESTORING, EXISTS, children=finished(BEGUN, "No eligible snapshots found\n"), snapshots=(IMAGE,)),
        ATTENTION,
        Stage.BLOCKED,
        ("delete VolumeSnapshot",),
    ),
    Row(
        "P5 I9 quiet afterwards",
        Branch.RESTORED_NOTHING,
        world(RESTORING, EXISTS, children=finished(BEGUN, "")),
        ATTENTION,
        Stage.BLOCKED,
    ),
    Row(
        "P12 F40",
        Branch.IMAGE_VANISHED,
        world(RESTORING, EXISTS, children=FINISHED),
        WAIT,
        Stage.RESTORING,
        ("delete ReplicationDestination",),
    ),
    Row(
        "D6 A10 A12",
        Branch.POPULATING,
        world(RESTORING, EXISTS, children=FINISHED, snapshots=(IMAGE,)),
        WAIT,
        Stage.RESTORING,
    ),
    Row(
        "F27 SC-24 keys renewed while a restore runs",
        Branch.RESTORE_KEYS_RENEWED,
        world(RESTORING, EXISTS, children=edited(BEGUN, Kind.SECRET, RENEWED)),
        AGAIN,
        Stage.RESTORING,
        ("replace Secret",),
    ),
    Row(
        "F23 SC-08",
        Branch.RESTORE_LOCK_ABANDONED,
        world(RESTORING, EXISTS, children=BEGUN, locks=(lock(exclusive=True),), pods=Pods({}, nodes_ready=True)),
        WAIT,
        Stage.RESTORING,
        ("remove lock",),
    ),
    Row(
        "F23 I10",
        Branch.RESTORE_LOCK_IN_DOUBT,
        world(RESTORING, EXISTS, children=BEGUN, locks=(lock("laptop", exclusive=True),)),
        ATTENTION,
        Stage.RESTORING,
    ),
    Row(
        "A22 snapshot controller away",
        Branch.RESTORE_RUNNING,
        world(RESTORING, EXISTS, children=BEGUN, stalls=(Stall(DESTINATION.name, (UNREADY,)),)),
        ATTENTION,
        Stage.RESTORING,
    ),
    Row(
        "A23 provisioner",
        Branch.POPULATING,
        world(
            RESTORING, EXISTS, children=FINISHED, snapshots=(IMAGE,), stalls=(Stall(DESTINATION.name, (), (UNBOUND,)),)
        ),
        ATTENTION,
        Stage.RESTORING,
    ),
    Row(
        "A23 empty",
        Branch.BINDING,
        world(admitted(ABSENT), stalls=(Stall("orders", (), (UNBOUND,)),)),
        ATTENTION,
        Stage.UNSETTLED,
    ),
    Row(
        "A24",
        Branch.RESTORE_RUNNING,
        world(
            RESTORING, EXISTS, children=BEGUN, stalls=(Stall(DESTINATION.name, failed=(FailedMover("p", 3, "Error"),)),)
        ),
        ATTENTION,
        Stage.RESTORING,
    ),
    Row("D7 I5", Branch.RESTORE_RUNNING, world(RESTORING, EXISTS, children=BEGUN), WAIT, Stage.RESTORING),
    Row(
        "restore goes on unlabelled",
        Branch.RESTORE_RUNNING,
        world(replace(RESTORING, labels={}), EXISTS, children=BEGUN),
        WAIT,
        Stage.RESTORING,
    ),
    Row("I2 D18", Branch.RESTORE_TRUTH_UNKNOWN, world(RESTORING, DOWN), WAIT, Stage.RESTORING),
    Row("D18 F17", Branch.POINT_VANISHED, world(RESTORING, ABSENT), ATTENTION, Stage.RESTORING),
    Row(
        "F17 rolled back",
        Branch.POINT_VANISHED,
        world(RESTORING, Exists(POINTS[0].id, POINTS[0].at, 1)),
        ATTENTION,
        Stage.RESTORING,
    ),
    Row(
        "E3 F27 B21",
        Branch.RESTORE_CREDENTIALS_MISSING,
        world(RESTORING, EXISTS, credentials={Repo.LOCAL: MissingCredentials("the base Secret is missing")}),
        WAIT,
        Stage.RESTORING,
    ),
    Row(
        "B2 B4 D5",
        Branch.START_RESTORE,
        world(RESTORING, EXISTS),
        AGAIN,
        Stage.RESTORING,
        ("create Secret", "create ReplicationDestination"),
    ),
    Row(
        "I4 a newer point",
        Branch.START_RESTORE,
        world(RESTORING, Exists("f" * 64, NOW, 4)),
        AGAIN,
        Stage.RESTORING,
        ("annotate", "create Secret", "create ReplicationDestination"),
    ),
    # --- settled
    Row(
        "A9 I11",
        Branch.CLEAR_RESTORE,
        world(replace(settled_claim(), source=RESTORING.source), EXISTS, children=FINISHED, snapshots=(IMAGE,)),
        AGAIN,
        Stage.PROTECTED,
        ("delete ReplicationDestination", "delete VolumeSnapshot"),
    ),
    Row(
        "I10 CRDs missing",
        Branch.PLATFORM_MISSING,
        world(settled_claim(), platform=("VolSync's CRDs are not installed",)),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "I7 remote not wanted",
        Branch.REMOVE_SOURCE,
        world(settled_claim(), EXISTS, children=protecting(settings=TWO_STORES)),
        AGAIN,
        Stage.PROTECTED,
        ALL_GONE,
    ),
    Row(
        "B2 B3 C9 D7",
        Branch.MAKE_CHILDREN,
        world(settled_claim(), EXISTS),
        AGAIN,
        Stage.PROTECTED,
        ("create Secret", "create ReplicationSource"),
    ),
    Row(
        "A14 A15",
        Branch.MAKE_CHILDREN,
        world(settled_claim(), EXISTS),
        AGAIN,
        Stage.PROTECTED,
        # Of the remote store nobody has said anything.
        ("create Secret", "create ReplicationSource", "create Secret", "announce", "create ReplicationSource"),
        settings=TWO_STORES,
    ),
    Row(
        "I1 announced before there is a source",
        Branch.MAKE_CHILDREN,
        world(settled_claim(), ABSENT),
        AGAIN,
        Stage.PROTECTED,
        ("create Secret", "announce", "create ReplicationSource"),
    ),
    Row(
        "I1 an announcement that was lost",
        Branch.HEAL_CHILDREN,
        world(settled_claim(), ABSENT, children=PROTECTED),
        AGAIN,
        Stage.PROTECTED,
        ("announce",),
    ),
    Row(
        "B23 deleted",
        Branch.MAKE_CHILDREN,
        world(settled_claim(), EXISTS, children=without(PROTECTED, Kind.SOURCE)),
        AGAIN,
        Stage.PROTECTED,
        ("create ReplicationSource",),
    ),
    Row(
        "A15 one repository without credentials",
        Branch.MAKE_CHILDREN,
        world(settled_claim(), EXISTS, credentials={Repo.LOCAL: world(None).credentials[Repo.LOCAL]}),
        AGAIN,
        Stage.PROTECTED,
        ("create Secret", "create ReplicationSource"),
        settings=TWO_STORES,
    ),
    Row(
        "B23 edited F41 paused",
        Branch.HEAL_CHILDREN,
        world(settled_claim(), EXISTS, children=edited(PROTECTED, Kind.SOURCE, {"paused": True})),
        AGAIN,
        Stage.PROTECTED,
        ("replace ReplicationSource",),
    ),
    Row(
        "B33 tier changed",
        Branch.HEAL_CHILDREN,
        world(settled_claim(labels={contract.TIER_LABEL: "daily"}), EXISTS, children=PROTECTED),
        AGAIN,
        Stage.PROTECTED,
        ("replace ReplicationSource",),
    ),
    Row(
        "F27 SC-24 a mover with keys that the store refuses",
        Branch.MOVER_LOCKED_OUT,
        world(
            settled_claim(),
            EXISTS,
            children=edited(SYNCING, Kind.SECRET, RENEWED),
            movers=(Mover(POD, SOURCE.name),),
            locked_out=frozenset({Repo.LOCAL}),
        ),
        WAIT,
        Stage.PROTECTED,
        ("replace ReplicationSource",),
    ),
    Row(
        "F27 SC-24 I6 it is being stopped",
        Branch.MOVER_LOCKED_OUT,
        world(
            settled_claim(),
            EXISTS,
            children=edited(edited(SYNCING, Kind.SECRET, RENEWED), Kind.SOURCE, {"paused": True}),
            movers=(Mover(POD, SOURCE.name),),
            locked_out=frozenset({Repo.LOCAL}),
        ),
        WAIT,
        Stage.PROTECTED,
    ),
    Row(
        "F27 SC-24 it has ended",
        Branch.HEAL_CHILDREN,
        world(
            settled_claim(),
            EXISTS,
            children=edited(edited(SYNCING, Kind.SECRET, RENEWED), Kind.SOURCE, {"paused": True}),
        ),
        AGAIN,
        Stage.PROTECTED,
        ("replace Secret", "replace ReplicationSource"),
    ),
    Row(
        "F27 SC-24 its lock goes before the next one begins",
        Branch.LOCK_ABANDONED,
        world(
            settled_claim(),
            EXISTS,
            children=edited(edited(SYNCING, Kind.SECRET, RENEWED), Kind.SOURCE, {"paused": True}),
            locks=(lock(minutes=1),),
            pods=Pods({POD: PodState.ENDED}, nodes_ready=True),
        ),
        WAIT,
        Stage.PROTECTED,
        ("remove lock",),
    ),
    Row(
        "F27 SC-24 its keys still open the store",
        Branch.HEAL_CHILDREN,
        world(
            settled_claim(),
            EXISTS,
            children=edited(SYNCING, Kind.SECRET, RENEWED),
            movers=(Mover(POD, SOURCE.name),),
        ),
        AGAIN,
        Stage.PROTECTED,
        ("replace Secret",),
    ),
    Row(
        "F27 SC-24 credentials rotated",
        Branch.HEAL_CHILDREN,
        world(settled_claim(), EXISTS, children=edited(PROTECTED, Kind.SECRET, {"RESTIC_PASSWORD": "b2xk"})),
        AGAIN,
        Stage.PROTECTED,
        ("replace Secret",),
    ),
    Row(
        "E29 backup on request",
        Branch.HEAL_CHILDREN,
        world(TOKEN, EXISTS, children=PROTECTED),
        AGAIN,
        Stage.PROTECTED,
        ("replace ReplicationSource",),
    ),
    Row(
        "B30 F27",
        Branch.CREDENTIALS_MISSING,
        world(settled_claim(), EXISTS, credentials={Repo.LOCAL: MissingCredentials("gone")}, children=PROTECTED),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "A22 C25",
        Branch.STORAGE_FAULT,
        world(settled_claim(), EXISTS, children=SYNCING, stalls=(Stall(SOURCE.name, (UNREADY,)),)),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "C25 F48 a full volume",
        Branch.STORAGE_FAULT,
        world(settled_claim(), EXISTS, children=protecting(latestMoverStatus=FULL)),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "F41 E29 not in mid-sync",
        Branch.CHANGE_WAITS,
        world(TOKEN, EXISTS, children=protecting(lastSyncStartTime="2026-01-10T11:59:00Z")),
        WAIT,
        Stage.PROTECTED,
    ),
    Row(
        "F23 SC-08",
        Branch.LOCK_ABANDONED,
        world(
            settled_claim(),
            EXISTS,
            children=PROTECTED,
            locks=(lock(minutes=1),),
            pods=Pods({POD: PodState.ENDED}, nodes_ready=False),
        ),
        WAIT,
        Stage.PROTECTED,
        ("remove lock",),
    ),
    Row(
        "F03 F23",
        Branch.LOCK_IN_DOUBT,
        world(settled_claim(), EXISTS, children=PROTECTED, locks=(lock(),), pods=Pods({}, nodes_ready=False)),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "E29 P8",
        Branch.BACKUP_ON_REQUEST,
        world(
            TOKEN,
            EXISTS,
            children=edited(
                PROTECTED,
                Kind.SOURCE,
                {"trigger": {**of_kind(PROTECTED, Kind.SOURCE).content["trigger"], "manual": "now-1"}},
            ),
        ),
        WAIT,
        Stage.PROTECTED,
    ),
    Row("I10", Branch.TRUTH_NOT_SEEN, world(settled_claim(), DOWN, children=PROTECTED), ATTENTION, Stage.PROTECTED),
    Row(
        "P6 C28",
        Branch.NEVER_BACKED_UP,
        world(
            settled_claim(),
            ANNOUNCED,
            children=tuple(replace(each, created_at=NOW - 5 * HOUR) for each in protecting(lastSyncTime="now")),
        ),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "P11 B31",
        Branch.OVERDUE,
        world(
            settled_claim(),
            Exists("a" * 64, NOW - HOURLY.overdue_after - HOUR, 4),
            children=tuple(replace(each, created_at=NOW - 9 * HOUR) for each in PROTECTED),
        ),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "F17 SC-25 rolled back",
        Branch.POINTS_LOST,
        world(NOTED, EXISTS, children=PROTECTED, lost={Repo.LOCAL: GONE}),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "SC-11 replaced while it lives",
        Branch.REPOSITORY_REPLACED,
        world(NOTED, EXISTS, children=PROTECTED, lost={Repo.LOCAL: GONE}, replaced=frozenset({Repo.LOCAL})),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "F17 more than that nothing is there",
        Branch.POINTS_LOST,
        world(
            NOTED,
            ANNOUNCED,
            children=tuple(replace(each, created_at=NOW - 5 * HOUR) for each in PROTECTED),
            lost={Repo.LOCAL: GONE},
        ),
        ATTENTION,
        Stage.PROTECTED,
    ),
    Row(
        "F17 somebody has looked",
        Branch.PROTECTED,
        world(settled_claim(), EXISTS, children=PROTECTED, lost={Repo.LOCAL: GONE}),
        DONE,
        Stage.PROTECTED,
    ),
    Row(
        "F17 the newest is noted",
        Branch.PROTECTED,
        world(settled_claim(), EXISTS, children=PROTECTED, newest={Repo.LOCAL: GONE}),
        DONE,
        Stage.PROTECTED,
        ("annotate",),
    ),
    Row(
        "F17 the newest is noted whatever else is to be done",
        Branch.HEAL_CHILDREN,
        world(TOKEN, EXISTS, children=PROTECTED, newest={Repo.LOCAL: GONE}),
        AGAIN,
        Stage.PROTECTED,
        ("replace ReplicationSource", "annotate"),
    ),
    Row("I7 I9 A18 B23", Branch.PROTECTED, world(settled_claim(), EXISTS, children=PROTECTED), DONE, Stage.PROTECTED),
    Row(
        "C3 older image",
        Branch.CLEAR_STANDBY,
        world(WARM, EXISTS, children=(*WARM_CHILDREN, READY, OLDER), snapshots=(image_of(READY), image_of(OLDER))),
        AGAIN,
        Stage.PROTECTED,
        ("delete ReplicationDestination",),
    ),
    Row(
        "C3 C32 image lost",
        Branch.STANDBY_SPOILED,
        world(WARM, EXISTS, children=(*WARM_CHILDREN, READY)),
        AGAIN,
        Stage.PROTECTED,
        ("delete ReplicationDestination",),
    ),
    Row(
        "C3 C7 C8",
        Branch.MAKE_STANDBY,
        world(WARM, EXISTS, children=(*WARM_CHILDREN, OLDER), snapshots=(image_of(OLDER),)),
        AGAIN,
        Stage.PROTECTED,
        ("create ReplicationDestination",),
    ),
    Row(
        "C3 fresh image",
        Branch.PROTECTED,
        world(WARM, EXISTS, children=(*WARM_CHILDREN, READY), snapshots=(image_of(READY),)),
        DONE,
        Stage.PROTECTED,
    ),
    Row(
        "C3 not asked for any more",
        Branch.CLEAR_RESTORE,
        world(settled_claim(), EXISTS, children=(*PROTECTED, READY), snapshots=(image_of(READY),)),
        AGAIN,
        Stage.PROTECTED,
        ("delete ReplicationDestination", "delete VolumeSnapshot"),
    ),
    Row(
        "C3 C13 C15",
        Branch.RESTORE_FROM_STANDBY,
        world(new_claim(STANDBY), COUNTED, children=(standing_by(made_with="of-the-life-before"),)),
        ALLOW,
        Stage.RESTORING,
    ),
    Row("C3 E10 stale", Branch.RESTORE, world(new_claim(STANDBY), COUNTED, children=(OLDER,)), ALLOW, Stage.RESTORING),
    Row(
        "C15 B13 the image outlives",
        Branch.GONE,
        world(None, children=(*PROTECTED, READY), snapshots=(image_of(READY),)),
        AGAIN,
        Stage.OUTSIDE,
        ALL_GONE,
    ),
    Row(
        "B33 E11 decommission takes the image",
        Branch.RELEASED,
        world(settled_claim(STANDBY, labels={}), children=(READY,), snapshots=(image_of(READY),)),
        AGAIN,
        Stage.RELEASED,
        ("delete ReplicationDestination", "delete VolumeSnapshot"),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_seen_leads_to_this_branch_and_these_writes(row: Row) -> None:
    found: Decision = decision(row.seen, row.settings)
    assert found.branch is row.branch, found.outcome
    assert (found.outcome.answer, found.stage) == (row.answer, row.stage)
    assert tuple(verb(write) for write in found.writes) == row.writes
    assert found.outcome.message


def test_every_branch_has_a_row() -> None:
    assert {row.branch for row in ROWS} == set(Branch)


def test_branches_are_numbered_in_the_order_in_which_they_are_written() -> None:
    assert [branch.value for branch in Branch] == sorted({branch.value for branch in Branch})


def test_admission_changes_a_claim_only_when_it_allows_it() -> None:
    for row in ROWS:
        found = decision(row.seen, row.settings)
        wanted = row.seen.moment is Moment.ADMISSION and row.answer is ALLOW and row.branch is not Branch.NOT_OURS
        assert (found.mutation is not None) == wanted, row
        assert not (found.mutation and found.writes), row


def test_a_refusal_says_what_to_do() -> None:
    told = {row.branch: decision(row.seen, row.settings).outcome.message for row in ROWS if row.answer is REFUSE}
    assert "apply the claim again" in told[Branch.TRUTH_UNKNOWN]
    assert contract.SKIP_RESTORE_ANNOTATION in told[Branch.TRUTH_UNKNOWN]
    assert "apply it again" in told[Branch.PREDECESSOR_REMAINS]
    assert "ask for more" in told[Branch.TOO_SMALL]


def test_whoever_is_blocked_is_told_what_to_type() -> None:
    blocked = [row for row in ROWS if row.stage is Stage.BLOCKED]
    assert len(blocked) >= 6
    for row in blocked:
        message = decision(row.seen, row.settings).outcome.message
        assert f"kubectl -n shop annotate pvc orders '{contract.ACCEPT_VOLUME_ANNOTATION}=uid-1 <why>'" in message


def test_whoever_has_lost_restore_points_is_told_which_and_what_to_type() -> None:
    message = decision(world(NOTED, EXISTS, children=PROTECTED, lost={Repo.LOCAL: GONE})).outcome.message
    assert GONE.point in message
    assert f"kubectl -n shop annotate pvc orders {contract.NEWEST_SEEN_ANNOTATION}-" in message


def test_whoever_has_another_repository_than_its_own_is_told_what_to_type() -> None:
    seen = world(settled_claim(), EXISTS, children=PROTECTED, replaced=frozenset({Repo.LOCAL}))
    message = decision(seen).outcome.message
    assert "adopt shop/orders --yes" in message


def test_an_image_of_a_point_that_was_stored_long_after_it_was_taken_is_not_used() -> None:
    """In a store that was copied an older point can be listed as the newest."""
    copied = Exists(POINTS[0].id, NOW, len(POINTS))
    assert decision(world(new_claim(STANDBY), copied, children=(OLDER,))).branch is Branch.RESTORE
    alone = Exists(POINTS[0].id, POINTS[0].at + HOUR * 0.9, 1)
    assert decision(world(new_claim(STANDBY), alone, children=(OLDER,))).branch is Branch.RESTORE_FROM_STANDBY


def test_what_is_noted_of_one_store_leaves_what_is_noted_of_the_other() -> None:
    far = Newest("e" * 64, NOW, "then")
    [write] = decision(world(NOTED, EXISTS, children=PROTECTED, newest={Repo.REMOTE: far})).writes
    assert isinstance(write, Annotate)
    assert newest.read("uid-1", write.annotations) == {Repo.LOCAL: GONE, Repo.REMOTE: far}


def test_a_restore_writes_down_its_point_and_its_repository() -> None:
    found = decision(world(new_claim(), truths={Repo.LOCAL: ABSENT, Repo.REMOTE: EXISTS}), TWO_STORES)
    assert found.mutation is not None
    decided = stamp.read({name: value or "" for name, value in found.mutation.annotations.items()})
    assert decided is not None
    assert decided.restore is not None
    assert (decided.restore.point, decided.restore.repo) == (EXISTS.newest, Repo.REMOTE)
    assert decided.life == naming.incarnation("request-1")


def test_what_an_api_server_stores_of_an_admitted_claim_is_what_was_decided() -> None:
    for created in (new_claim(), new_claim(SKIP), new_claim(source=OWN), new_claim(source_without_ref=OWN)):
        admitted_now = decision(world(created, EXISTS))
        seen = world(stored(created, admitted_now.mutation), EXISTS, **VALIDATED)
        assert decision(seen).branch is Branch.STORED_AS_DECIDED
