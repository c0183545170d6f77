"""What went wrong on a real cluster, each with the guard against it. Take a guard out and its test fails."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

import controller
from controller import contract, naming, stamp, truth
from controller.branch import Branch
from controller.contract import Repo
from controller.lifecycle import Stage
from controller.model import (
    Absent,
    Annotate,
    Answer,
    Child,
    Create,
    DataSource,
    Decision,
    Delete,
    Exists,
    Kind,
    Lock,
    Mover,
    Phase,
    Pods,
    PodState,
    RemoveLock,
    Replace,
    Unknown,
)
from controller.truth import Listed, Looked
from tests.controller import odd_store
from tests.controller.scene import (
    ABSENT,
    ANNOUNCED,
    BASE,
    EXISTS,
    HOUR,
    NOW,
    POINTS,
    admitted,
    claim,
    created_by,
    decision,
    destination_of,
    finished,
    image_of,
    new_claim,
    protecting,
    restore_log,
    restoring,
    restoring_claim,
    settled_claim,
    stored,
    world,
)

if TYPE_CHECKING:
    from controller.model import Truth

RESTORING = restoring_claim()
BEGUN = restoring(RESTORING)
IMAGE = image_of(destination_of(RESTORING))


def source_in(children: tuple[Child, ...]) -> Child:
    return next(child for child in children if child.kind is Kind.SOURCE)


def writes_of(found: Decision, kind: Kind) -> list[str]:
    return [type(write).__name__ for write in found.writes if getattr(write, "kind", None) is kind]


def test_no_source_is_ever_written_without_retention() -> None:
    """A rebuild with `retain` unset turned six good restore points into one of 15 bytes."""
    (source,) = [write for write in decision(world(settled_claim(), EXISTS)).writes if write.__class__ is Create][1:]
    assert isinstance(source, Create)
    assert source.body["spec"]["restic"]["retain"] == {"hourly": 24, "daily": 7}
    emptied = source_in(protecting())
    restic = {**emptied.content["restic"], "retain": {}}
    stripped = replace(emptied, content={**emptied.content, "restic": restic})
    others = tuple(child for child in protecting() if child.kind is not Kind.SOURCE)
    healed = decision(world(settled_claim(), EXISTS, children=(*others, stripped)))
    (write,) = healed.writes
    assert isinstance(write, Replace)
    assert write.body["spec"]["restic"]["retain"] == {"hourly": 24, "daily": 7}


@pytest.mark.parametrize(
    "log", ["No eligible snapshots found\n=== No data will be restored ===\n", "", restore_log("9" * 64)]
)
def test_a_valid_looking_image_without_the_restore_point_in_the_log_is_removed_and_never_settled(log: str) -> None:
    """A destination synced against a repository that never existed gave one, and reported success."""
    pending = decision(world(RESTORING, EXISTS, children=finished(BEGUN, log), snapshots=(IMAGE,)))
    assert pending.writes == (Delete(Kind.SNAPSHOT, IMAGE, None),)
    bound = replace(RESTORING, phase=Phase.BOUND)
    seen = world(bound, EXISTS, children=finished(BEGUN, log), populated_from=f"shop/{IMAGE}")
    assert decision(seen).branch is Branch.BOUND_WITHOUT_PROOF
    assert decision(seen).writes == ()


def test_a_repository_without_restore_points_is_never_restored_from() -> None:
    """The same trap a step earlier: no destination is made where there is nothing to restore."""
    nothing = truth.truth_of(Listed((), times_are_exact=True), marker=Looked(present=True), known=Looked(present=False))
    found = decision(world(new_claim(), nothing))
    assert (found.branch, found.outcome.answer) == (Branch.FRESH, Answer.ALLOW)
    assert writes_of(decision(world(RESTORING, nothing)), Kind.DESTINATION) == []


def test_a_destination_that_was_used_before_is_replaced_and_never_synced_again() -> None:
    """A destination used twice merged old files into the new volume."""
    for change in ({"trigger": {"manual": "again"}}, {"trigger": {"schedule": "* * * * *"}}, {"paused": True}):
        used = tuple(
            replace(each, content={**each.content, **change}) if each.kind is Kind.DESTINATION else each
            for each in finished(BEGUN)
        )
        found = decision(world(RESTORING, EXISTS, children=used, snapshots=(IMAGE,)))
        assert writes_of(found, Kind.DESTINATION) == ["Delete"], change
    synced_by_another = tuple(
        replace(each, status={"lastManualSync": "an older one"}) if each.kind is Kind.DESTINATION else each
        for each in BEGUN
    )
    assert writes_of(decision(world(RESTORING, EXISTS, children=synced_by_another)), Kind.DESTINATION) == ["Delete"]


def test_two_lives_of_a_claim_never_share_a_destination() -> None:
    first = admitted(EXISTS, nonce="request-1")
    second = admitted(EXISTS, nonce="request-2")
    assert first.source != second.source


def truth_where(status: int | None, about: str) -> Truth:
    """What is made of a store without restore points that answers so about one of two things; None breaks off."""

    async def answer(request: web.Request) -> web.Response:
        prefix = request.query["prefix"]
        asked = "notes" if prefix.endswith(".firedrill/") else "points"
        if asked != about:
            return odd_store.listing() if asked == "points" else odd_store.listing(".firedrill/store")
        if status is None and request.transport is not None:
            request.transport.close()
        # Words that a store has for one object that is not there: of a listing they say nothing.
        return web.Response(status=status or 200, text="<Error><Code>NoSuchKey</Code></Error>")

    given = {Repo.LOCAL: BASE}
    return odd_store.ask(answer, lambda stores: stores.look(Repo.LOCAL, new_claim(), given)).truth


def test_a_store_that_answers_all_of_it_and_has_nothing_is_absence() -> None:
    assert truth_where(200, "nothing else") == ABSENT


@pytest.mark.parametrize("about", ["points", "notes"])
@pytest.mark.parametrize("status", [None, 200, 204, 301, 307, 400, 401, 403, 404, 409, 412, 429, 500, 503, 507])
def test_no_answer_is_ever_no_backup(status: int | None, about: str) -> None:
    """A lookup with a default took 403, 500 and "refused" for "no backup"."""
    seen = truth_where(status, about)
    assert isinstance(seen, Unknown)
    assert decision(world(new_claim(), seen)).outcome.answer is Answer.REFUSE
    for unsettled in (claim(), replace(admitted(ABSENT), phase=Phase.BOUND)):
        found = decision(world(unsettled, seen))
        assert (found.writes, found.outcome.answer) == ((), Answer.WAIT)
    assert decision(world(RESTORING, seen)).writes == ()


def test_a_claim_that_was_born_unmutated_is_not_backed_up_over_its_history() -> None:
    """With the policy engine scaled to zero claims were born unmutated."""
    unmutated = stored(new_claim(), None, phase=Phase.BOUND)
    for seen in (EXISTS, Unknown("down")):
        assert decision(world(unmutated, seen)).writes == ()
    assert decision(world(unmutated, EXISTS)).stage is Stage.BLOCKED


def test_a_claim_that_was_born_with_the_marks_of_an_earlier_life_is_not_believed() -> None:
    earlier = settled_claim({contract.DECISION_ANNOTATION: admitted(ABSENT).annotations[contract.DECISION_ANNOTATION]})
    copy = replace(earlier, uid="uid-2")
    assert decision(world(copy, EXISTS)).branch is Branch.FRESH_OVER_BACKUPS
    vouched = replace(copy, annotations={**copy.annotations, contract.ACCEPT_VOLUME_ANNOTATION: "uid-1 looked"})
    assert decision(world(vouched, EXISTS)).branch is Branch.FRESH_OVER_BACKUPS
    skipped = admitted(EXISTS, new_claim({contract.SKIP_RESTORE_ANNOTATION: "moved"}))
    only_stamp = {contract.DECISION_ANNOTATION: skipped.annotations[contract.DECISION_ANNOTATION]}
    assert decision(world(claim(annotations=only_stamp), EXISTS)).branch is Branch.UNDECIDED_OVER_BACKUPS


def test_at_creation_copied_marks_are_taken_off_and_a_copied_destination_is_replaced() -> None:
    earlier = restoring_claim()
    copied = {**earlier.annotations, **stamp.settled("uid-1", "restored"), contract.ACCEPT_VOLUME_ANNOTATION: "uid-1 x"}
    again = new_claim(copied, source=earlier.source)
    found = decision(world(again, EXISTS, nonce="request-2"))
    kept = stored(again, found.mutation, uid="uid-2")
    assert found.branch is Branch.RESTORE
    assert kept.source is not None
    assert kept.source.name == naming.destination("shop", "orders", naming.incarnation("request-2"))
    assert not {contract.SETTLED_ANNOTATION, contract.ACCEPT_VOLUME_ANNOTATION} & kept.annotations.keys()
    fresh = decision(world(again, ABSENT, nonce="request-2"))
    assert stored(again, fresh.mutation).source is None


def test_a_destination_of_an_earlier_life_proves_nothing() -> None:
    """The volume was filled from it, by its name, and yet it belongs to another uid."""
    filled = f"shop/{IMAGE}"
    other = tuple(replace(each, owner_uid="uid-0") for each in finished(BEGUN))
    found = decision(world(replace(RESTORING, phase=Phase.BOUND), EXISTS, children=other, populated_from=filled))
    assert found.branch is Branch.PREDECESSORS_CHILDREN
    assert decision(world(replace(RESTORING, phase=Phase.BOUND), EXISTS, populated_from=filled)).writes == ()


def test_no_source_is_made_before_the_claim_is_bound_and_all_go_when_it_is_deleted() -> None:
    """A claim deleted before it was bound hung on the snapshot finalizer of its source."""
    for pending in (RESTORING, admitted(ABSENT), claim(phase=Phase.PENDING)):
        for seen in (EXISTS, ABSENT):
            assert writes_of(decision(world(pending, seen)), Kind.SOURCE) == []
    leaving = replace(settled_claim(), phase=Phase.PENDING, terminating=True)
    found = decision(world(leaving, EXISTS, children=protecting()))
    first = found.writes[0]
    assert isinstance(first, Delete)
    assert first.kind is Kind.SOURCE


def test_a_manual_trigger_is_set_only_between_syncs_and_taken_away_only_after_its_own() -> None:
    """A trigger changed in mid-sync was acknowledged without a backup; one left set silences the schedule."""
    asked = settled_claim({contract.BACK_UP_NOW_ANNOTATION: "now-1"})
    idle = protecting()
    (write,) = decision(world(asked, EXISTS, children=idle)).writes
    assert isinstance(write, Replace)
    assert write.version == source_in(idle).version, "a sync that begins meanwhile makes the write fail"
    schedule = source_in(idle).content["trigger"]["schedule"]
    assert write.body["spec"]["trigger"] == {"schedule": schedule, "manual": "now-1"}

    syncing = protecting(lastSyncStartTime="2026-01-10T11:59:00Z")
    assert decision(world(asked, EXISTS, children=syncing)).writes == ()
    with_old = with_trigger(syncing, {"schedule": schedule, "manual": "now-0"})
    assert decision(world(asked, EXISTS, children=with_old)).writes == ()
    assert decision(world(settled_claim(), EXISTS, children=with_old)).writes == ()

    acknowledged = with_trigger(protecting(lastManualSync="now-1"), {"schedule": schedule, "manual": "now-1"})
    (write,) = decision(world(asked, EXISTS, children=acknowledged)).writes
    assert isinstance(write, Replace)
    assert write.body["spec"]["trigger"] == {"schedule": schedule}
    assert decision(world(asked, EXISTS, children=protecting(lastManualSync="now-1"))).branch is Branch.PROTECTED


EMPTY_SO_FAR = Absent(announced=True)


@pytest.mark.parametrize(
    ("synced_at", "is_due"),
    [("11:00:20", True), ("11:29:00", True), ("11:31:00", False), ("11:59:50", False)],
    ids=["20 s after it was made", "when it was 29 min old", "when it was 31 min old", "just now"],
)
def test_a_volume_that_was_empty_when_it_was_backed_up_is_backed_up_again_before_its_schedule(
    synced_at: str, is_due: bool
) -> None:
    """The mover of an empty volume ends well and makes nothing: an app that writes late had no backup for a day."""
    at = f"2026-01-10T{synced_at}Z"
    found = decision(world(settled_claim(), EMPTY_SO_FAR, children=protecting(lastSyncTime=at)))
    if not is_due:
        assert (found.branch, found.writes) == (Branch.PROTECTED, ())
        assert "was empty" in found.outcome.message
        assert found.look_again_s is not None
        assert 0 < found.look_again_s < HOUR.total_seconds()
        return
    (write,) = found.writes
    assert isinstance(write, Replace)
    schedule = source_in(protecting()).content["trigger"]["schedule"]
    assert write.body["spec"]["trigger"] == {"schedule": schedule, "manual": f"first-{at}"}


def test_the_backup_of_a_volume_that_was_empty_is_asked_for_once_at_a_time_and_never_where_there_is_one() -> None:
    at = "2026-01-10T11:00:20Z"
    schedule = source_in(protecting()).content["trigger"]["schedule"]
    asked = {"schedule": schedule, "manual": f"first-{at}"}
    under_way = with_trigger(protecting(lastSyncTime=at, lastSyncStartTime="2026-01-10T11:59:00Z"), asked)
    assert decision(world(settled_claim(), EMPTY_SO_FAR, children=under_way)).writes == ()
    done = {"lastSyncTime": "2026-01-10T11:59:10Z", "lastManualSync": asked["manual"]}
    for seen in (EMPTY_SO_FAR, EXISTS):
        (write,) = decision(world(settled_claim(), seen, children=with_trigger(protecting(**done), asked))).writes
        assert isinstance(write, Replace)
        assert write.body["spec"]["trigger"] == {"schedule": schedule}
    for known in (EXISTS, Unknown("away")):
        assert decision(world(settled_claim(), known, children=protecting(lastSyncTime=at))).writes == ()
    # Not while the first sync has not ended.
    assert decision(world(settled_claim(), EMPTY_SO_FAR, children=protecting())).writes == ()


def test_a_backup_that_somebody_asked_for_while_the_volume_was_empty_ends_no_tries() -> None:
    at = "2026-01-10T11:00:20Z"
    by_hand = settled_claim({contract.BACK_UP_NOW_ANNOTATION: "now-1"})
    ended = protecting(lastSyncTime=at, lastManualSync="now-1")
    (write,) = decision(world(by_hand, EMPTY_SO_FAR, children=ended)).writes
    assert isinstance(write, Replace)
    assert write.body["spec"]["trigger"]["manual"] == f"first-{at}"
    assert decision(world(by_hand, EXISTS, children=ended)).writes == ()


def with_trigger(children: tuple[Child, ...], trigger: dict[str, Any]) -> tuple[Child, ...]:
    return tuple(
        replace(each, content={**each.content, "trigger": trigger}) if each.kind is Kind.SOURCE else each
        for each in children
    )


def test_what_is_not_the_trigger_is_healed_during_a_sync_that_fails_for_ever() -> None:
    """A failing mover says that it syncs, for ever: a cure must reach it all the same."""
    failing = protecting(lastSyncStartTime="2026-01-10T09:00:00Z")
    cured = settled_claim({contract.RUN_AS_USER_ANNOTATION: "1001", contract.BACK_UP_NOW_ANNOTATION: "now-1"})
    (write,) = decision(world(cured, EXISTS, children=failing)).writes
    assert isinstance(write, Replace)
    assert write.body["spec"]["restic"]["moverSecurityContext"]["runAsUser"] == 1001
    assert "manual" not in write.body["spec"]["trigger"]


def test_two_movers_never_write_because_of_us() -> None:
    """After a controller upgrade in mid-sync two movers wrote at once: a changed Job is deleted and begun anew."""
    found = protecting()
    busy = Mover(f"{naming.source_job(source_in(found).name)}-x7k2p", source_in(found).name)
    relabelled = settled_claim(labels={contract.TIER_LABEL: "daily"})
    assert decision(world(relabelled, EXISTS, children=found, movers=(busy,))).branch is Branch.CHANGE_WAITS
    recreated = replace(admitted(ABSENT), uid="uid-2", phase=Phase.BOUND)
    assert decision(world(recreated, ABSENT, movers=(busy,))).branch is Branch.PREDECESSORS_MOVER
    assert decision(world(new_claim(), EXISTS, movers=(busy,))).outcome.answer is Answer.REFUSE
    assert decision(world(new_claim(), EXISTS, children=found)).outcome.answer is Answer.REFUSE


def test_a_backup_that_fails_under_a_lock_is_noticed_although_the_status_says_successful() -> None:
    """Every backup failed at `forget`, and `latestMoverStatus` kept the success of the one before."""
    status: dict[str, Any] = {
        "lastSyncTime": NOW.isoformat(),
        "latestMoverStatus": {"result": "Successful", "logs": "snapshot 12345678 saved\n"},
    }
    old = tuple(replace(each, created_at=NOW - 99 * HOUR) for each in protecting(**status))
    overdue = decision(world(settled_claim(), Exists("a" * 64, NOW - 9 * HOUR, 3), children=old))
    assert (overdue.branch, overdue.outcome.answer) == (Branch.OVERDUE, Answer.ATTENTION)
    never = decision(world(settled_claim(), ANNOUNCED, children=old))
    assert never.branch is Branch.NEVER_BACKED_UP


def test_a_lock_left_behind_is_removed_by_its_id_and_only_with_proof() -> None:
    """A killed mover leaves its lock, and VolSync's own unlock does nothing for 30 minutes."""
    host = f"{naming.source_job(source_in(protecting()).name)}-x7k2p"
    lock = Lock(Repo.LOCAL, "22fc71ad", host, NOW - HOUR / 4, exclusive=False)
    gone = world(settled_claim(), EXISTS, children=protecting(), locks=(lock,), pods=Pods({}, nodes_ready=True))
    assert decision(gone).writes == (RemoveLock(Repo.LOCAL, "22fc71ad"),)
    for doubtful in (replace(gone, pods=None), replace(gone, pods=Pods({}, nodes_ready=False))):
        found = decision(doubtful)
        assert (found.branch, found.writes) == (Branch.LOCK_IN_DOUBT, ())
        assert "22fc71ad" in found.outcome.message


def test_all_locks_whose_owners_are_gone_are_removed_at_once_and_no_other() -> None:
    """A mover that begins after the first removal would hide the second: a young lock may be its own."""
    host = f"{naming.source_job(source_in(protecting()).name)}-x7k2p"
    held = [
        Lock(Repo.LOCAL, name, owner, NOW - HOUR / 4, exclusive=False)
        for name, owner in (("of-a-laptop", "laptop"), ("own", host), ("own-of-before", host))
    ]
    ended = Pods({host: PodState.ENDED}, nodes_ready=True)
    seen = world(settled_claim(), EXISTS, children=protecting(), locks=tuple(held), pods=ended)
    assert decision(seen).writes == (RemoveLock(Repo.LOCAL, "own"), RemoveLock(Repo.LOCAL, "own-of-before"))


def test_a_lock_left_behind_is_removed_although_a_change_waits_for_the_sync_that_it_stops() -> None:
    """Found by the model: the change waited for the sync, the sync for the lock, and nobody looked at the lock."""
    host = f"{naming.source_job(source_in(protecting()).name)}-x7k2p"
    lock = Lock(Repo.LOCAL, "22fc71ad", host, NOW - HOUR / 4, exclusive=False)
    asked = settled_claim({contract.BACK_UP_NOW_ANNOTATION: "now-1"})
    failing = protecting(lastSyncStartTime="2026-01-10T09:00:00Z")
    seen = world(asked, EXISTS, children=failing, locks=(lock,), pods=Pods({}, nodes_ready=True))
    assert decision(seen).branch is Branch.LOCK_ABANDONED


def test_sources_that_the_api_server_drops_in_silence_are_refused_at_creation() -> None:
    """`dataSource` without Ref, or a Ref with a namespace, and the claim was born empty."""
    destination = DataSource("volsync.backube", "ReplicationDestination", "theirs")
    for created in (
        new_claim(source_without_ref=destination),
        new_claim(source=replace(destination, namespace="shop")),
        new_claim(source=replace(destination, namespace="elsewhere")),
    ):
        assert stored(created, None).source is None, "this is what would be stored"
        assert decision(world(created, EXISTS)).outcome.answer is Answer.REFUSE


def test_a_restore_is_stored_as_the_api_server_keeps_it() -> None:
    kept = admitted(EXISTS)
    assert kept.source == DataSource(
        "volsync.backube",
        "ReplicationDestination",
        naming.destination("shop", "orders", naming.incarnation("request-1")),
    )


def test_the_mark_comes_before_the_first_source_so_that_a_crash_between_them_loses_nothing() -> None:
    fresh = replace(admitted(ABSENT), phase=Phase.BOUND)
    settling = decision(world(fresh, ABSENT))
    assert writes_of(settling, Kind.SOURCE) == []
    (mark,) = settling.writes
    marked = replace(fresh, annotations={**fresh.annotations, **getattr(mark, "annotations", {})})
    # Its own first backup exists by now: without the mark it would be taken for another volume's.
    assert decision(world(fresh, EXISTS)).stage is Stage.BLOCKED
    made = decision(world(marked, EXISTS))
    assert made.branch is Branch.MAKE_CHILDREN
    assert decision(world(marked, EXISTS, children=created_by(made.writes))).writes == ()


def test_a_newer_point_than_decided_is_written_down_and_an_older_one_is_not_restored() -> None:
    newer = decision(world(RESTORING, Exists("f" * 64, NOW, 4)))
    assert newer.branch is Branch.START_RESTORE
    rolled_back = decision(world(RESTORING, Exists(POINTS[0].id, POINTS[0].at, 1)))
    assert (rolled_back.branch, rolled_back.writes) == (Branch.POINT_VANISHED, ())


def test_in_a_store_that_was_copied_the_newest_is_restored_although_another_one_was_stored_last() -> None:
    # A copy gives every object the time at which it was copied: the oldest point may well be the last.
    waiting = admitted(Exists(POINTS[0].id, NOW, len(POINTS)))
    found = decision(world(waiting, EXISTS))
    assert found.branch is Branch.START_RESTORE
    (renewed,) = (write for write in found.writes if isinstance(write, Annotate))
    decided = stamp.read(renewed.annotations)
    assert decided is not None
    assert decided.restore is not None
    assert decided.restore.point == POINTS[-1].id


ALLOWED = {
    "base64",
    "collections",
    "controller",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "json",
    "re",
    "typing",
}


# What surrounds the core: it knows the core, and never the other way round.
AROUND = {"__main__", "admission", "cluster", "configuration", "loop", "operating", "reconciling", "store"}


def test_the_core_imports_nothing_that_reads_a_clock_a_network_or_an_environment() -> None:
    files = sorted(file for file in Path(controller.__path__[0]).glob("*.py") if file.stem not in AROUND)
    assert len(files) > 15
    for file in files:
        tree = ast.parse(file.read_text())
        nodes = list(ast.walk(tree))
        found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        found |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        roots = {name.partition(".")[0] for name in found} - {"__future__"}
        assert roots <= ALLOWED, file
        ours = {name for name in found if name.startswith("controller.")}
        ours |= {
            f"controller.{alias.name}"
            for node in nodes
            if isinstance(node, ast.ImportFrom) and node.module == "controller"
            for alias in node.names
        }
        assert not {name.split(".")[1] for name in ours} & AROUND, file
        calls = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        assert not calls & {"now", "today", "utcnow"}, file
