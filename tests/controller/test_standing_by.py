"""C3: an image of the newest restore point stands by, outlives its claim, and is never taken for a newer one."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from controller import children, contract, intent, naming, stamp, standing_by
from controller.branch import Branch
from controller.contract import Repo
from controller.model import (
    Annotate,
    Child,
    Claim,
    Create,
    DataSource,
    Delete,
    Exists,
    Kind,
    Moment,
    Mover,
    Phase,
    Replace,
    RestorePoint,
    World,
)
from controller.stalls import AwaitedVolume, Complaint, Stall
from tests.controller import scene
from tests.controller.scene import (
    COUNTED,
    EXISTS,
    HOUR,
    NOW,
    POINTS,
    SETTINGS,
    STANDBY,
    TWO_STORES,
    decision,
    finished,
    image_of,
    new_claim,
    protecting,
    restore_log,
    settled_claim,
    standby,
    stored,
    world,
)

if TYPE_CHECKING:
    from controller.model import Decision

WARM = settled_claim(STANDBY)
READY, OLDER = scene.standing_by(), scene.standing_by(POINTS[0])
OF_BEFORE = scene.standing_by(made_with="orders-of-the-life-before-local")


def seen(*standbys: Child, of: Claim = WARM, truth: Exists = COUNTED, movers: tuple[Mover, ...] = ()) -> World:
    """A settled claim, its children, and these standbys with their images."""
    images = tuple(image_of(each) for each in standbys if each.status.get("latestImage"))
    return world(of, truth, children=(*protecting(of), *standbys), snapshots=images, movers=movers)


def promised(*standbys: Child, truth: Exists = COUNTED, created: Claim | None = None) -> Decision:
    return decision(world(created or new_claim(STANDBY), truth, children=standbys))


def filled(**changes: object) -> tuple[Claim, World]:
    """A claim that was promised an image, bound, and what is seen then."""
    created = new_claim(STANDBY)
    claim = stored(created, promised(OF_BEFORE).mutation, uid="uid-2", phase=Phase.BOUND)
    around = world(
        claim, COUNTED, children=(OF_BEFORE,), snapshots=(image_of(OF_BEFORE),),
        populated_from=f"shop/{image_of(OF_BEFORE)}",
    )  # fmt: skip
    return claim, replace(around, **changes)  # type: ignore[arg-type]


# --- names -----------------------------------------------------------------------------------------------------------


def test_every_restore_point_of_every_repository_has_a_standby_of_its_own_name() -> None:
    keys = {naming.standby_key(repo.value, point.id) for repo in Repo for point in POINTS}
    assert len(keys) == len(Repo) * len(POINTS)
    names = {naming.standby("shop", "orders", key) for key in keys}
    assert all(naming.is_standby("shop", "orders", name) for name in names)
    assert not any(naming.is_destination("shop", "orders", name) for name in names)
    assert not any(naming.is_standby("shop", "order", name) for name in names)
    assert all(len(name) <= naming.CHILD_NAME_CHARACTERS_MAX for name in names)


def test_a_claim_that_was_copied_with_its_standby_as_source_is_decided_anew() -> None:
    copied = replace(new_claim(STANDBY), source=DataSource("volsync.backube", Kind.DESTINATION.value, OLDER.name))
    assert promised(created=copied).branch is Branch.RESTORE


# --- making it -------------------------------------------------------------------------------------------------------


def test_a_standby_is_restored_into_a_volume_of_its_own_that_nothing_older_was_in_and_nobody_owns_it() -> None:
    [write] = decision(seen()).writes
    assert isinstance(write, Create)
    assert "ownerReferences" not in write.body["metadata"]
    restic = write.body["spec"]["restic"]
    assert restic["enableFileDeletion"]
    assert "destinationPVC" not in restic
    assert write.body["spec"]["trigger"] == {"manual": f"restore-{naming.standby_key('local', COUNTED.newest)}"}
    [after_next] = decision(seen(READY, truth=replace(COUNTED, newest="a" * 64))).writes
    assert isinstance(after_next, Create)
    assert after_next.name != READY.name


def test_nothing_is_kept_ready_for_a_claim_that_does_not_ask() -> None:
    assert decision(seen(of=settled_claim())).branch is Branch.PROTECTED


def test_an_installation_may_ask_for_all_claims_and_a_claim_may_decline() -> None:
    for_all = replace(SETTINGS, standby=True)
    plain, declined = settled_claim(), settled_claim({contract.STANDBY_ANNOTATION: "false"})
    assert decision(seen(of=plain), for_all).branch is Branch.MAKE_STANDBY
    assert decision(seen(of=declined), for_all).branch is Branch.PROTECTED


def test_an_odd_wish_is_a_problem_that_says_what_to_write() -> None:
    reading = intent.read(new_claim({contract.STANDBY_ANNOTATION: "perhaps"}), SETTINGS)
    assert 'write "true" or "false"' in str(reading)


def test_a_standby_is_not_begun_beside_a_backup_whose_forget_it_would_lock_out() -> None:
    source = next(each for each in protecting(WARM) if each.kind is Kind.SOURCE)
    busy = Mover(f"{naming.source_job(source.name)}-x7k2p", source.name)
    assert decision(seen(movers=(busy,))).branch is Branch.PROTECTED
    syncing = protecting(WARM, lastSyncStartTime="2026-01-10T11:59:00Z")
    assert decision(world(WARM, COUNTED, children=syncing)).branch is Branch.PROTECTED


def test_a_backup_on_request_waits_until_nothing_is_restored_to_stand_by() -> None:
    asked = settled_claim({**STANDBY, contract.BACK_UP_NOW_ANNOTATION: "now-1"})
    making = standby()
    mover = Mover(f"{naming.destination_job(making.name)}-x7k2p", making.name)
    assert decision(seen(making, of=asked, movers=(mover,))).branch is Branch.CHANGE_WAITS
    assert decision(seen(making, of=asked)).branch is Branch.HEAL_CHILDREN


def test_one_standby_is_made_at_a_time_and_one_that_does_not_get_on_makes_way() -> None:
    slow = standby(POINTS[0])
    at_work = Mover(f"{naming.destination_job(slow.name)}-x7k2p", slow.name)
    assert decision(seen(slow, movers=(at_work,))).branch is Branch.PROTECTED
    stuck = decision(seen(slow))
    assert stuck.branch is Branch.CLEAR_STANDBY
    assert stuck.writes == (Delete(Kind.DESTINATION, slow.name, slow.uid),)


def test_where_backups_outrun_restores_one_older_image_stays_and_no_more() -> None:
    newest = RestorePoint(NOW, "e" * 64)
    behind = decision(seen(OLDER, READY, truth=Exists(newest.id, newest.at, 4)))
    assert behind.branch is Branch.CLEAR_STANDBY
    assert behind.writes == (Delete(Kind.DESTINATION, OLDER.name, OLDER.uid),)


def test_the_older_image_stays_until_the_newer_one_is_ready() -> None:
    making = decision(seen(OLDER, standby()))
    assert (making.branch, making.writes) == (Branch.PROTECTED, ())
    assert decision(seen(OLDER, READY)).writes == (Delete(Kind.DESTINATION, OLDER.name, OLDER.uid),)


@pytest.mark.parametrize("request_now", ["2Gi", "512Mi"])
def test_an_image_of_another_size_than_the_claim_is_made_anew(request_now: str) -> None:
    grown = settled_claim(STANDBY, request=request_now)
    assert decision(seen(READY, of=grown)).branch is Branch.STANDBY_SPOILED


def test_a_standby_that_lost_its_marks_gets_them_back_without_another_sync() -> None:
    [write] = decision(seen(replace(READY, claim=None))).writes
    assert isinstance(write, Replace)
    assert write.body["spec"] == READY.content
    assert write.body["metadata"]["annotations"][contract.CLAIM_ANNOTATION] == "shop/orders"


def test_a_mover_that_restored_something_else_is_told_and_its_image_is_never_promised() -> None:
    [other] = finished((standby(),), restore_log(POINTS[0].id, POINTS[0].at))
    found = decision(seen(other))
    assert (found.branch, found.writes) == (Branch.PROTECTED, ())
    assert "older than the newest, and is not used" in found.outcome.message
    assert promised(other).branch is Branch.RESTORE


def test_a_standby_that_restored_nothing_is_no_image() -> None:
    [nothing] = finished((standby(),), "No eligible snapshots found\n")
    assert "no standby image is ready" in decision(seen(nothing)).outcome.message
    assert promised(nothing).branch is Branch.RESTORE


# --- how fresh it is -------------------------------------------------------------------------------------------------


def behind_s(around: World) -> float | None:
    assert around.claim is not None
    return standing_by.behind_s(intent.read(around.claim, SETTINGS), around)


def test_how_fresh_the_image_is_stands_on_the_claim_and_is_measured() -> None:
    fresh, stale, none = seen(READY), seen(OLDER, standby()), seen(standby())
    assert f"of {POINTS[-1].id[:8]} of 2026-01-10T11:00:00+00:00, the newest" in decision(fresh).outcome.message
    assert "8:00:00 older than the newest, and is not used" in decision(stale).outcome.message
    assert [behind_s(each) for each in (fresh, stale, none)] == [0.0, 8 * 3600.0, math.inf]
    assert behind_s(seen(of=settled_claim())) is None
    assert behind_s(world(WARM, scene.ABSENT)) is None


def test_an_image_of_a_sync_that_is_not_the_one_asked_for_counts_as_none() -> None:
    synced = replace(READY, status={**READY.status, "lastManualSync": "by hand"})
    assert behind_s(seen(synced)) == math.inf


def test_what_holds_up_the_making_of_an_image_is_told_and_the_claim_is_protected_all_the_same() -> None:
    making = standby()
    stall = Stall(making.name, volumes=(AwaitedVolume("dest", NOW - HOUR, Complaint("ProvisioningFailed", "full")),))
    found = decision(replace(seen(making), stalls=(stall,)))
    assert found.outcome.reason is contract.Reason.PROTECTED
    assert "no standby image is ready (the claim dest is not bound: ProvisioningFailed: " in found.outcome.message


def test_what_is_said_of_an_image_does_not_change_with_the_hour() -> None:
    around = seen(OLDER, standby())
    later = decision(around, now=NOW + HOUR / 2)
    assert later.outcome == decision(around).outcome


# --- being filled from it --------------------------------------------------------------------------------------------


def test_an_image_of_the_newest_point_is_promised_whichever_life_made_it() -> None:
    found = promised(OLDER, OF_BEFORE)
    assert found.branch is Branch.RESTORE_FROM_STANDBY
    assert found.mutation is not None
    assert found.mutation.source == DataSource("volsync.backube", Kind.DESTINATION.value, OF_BEFORE.name)
    claim = stored(new_claim(STANDBY), found.mutation)
    decided = stamp.read(claim.annotations)
    assert decided is not None
    assert decided.restore is not None
    assert decided.restore.standby == naming.standby_key("local", POINTS[-1].id)
    assert decision(world(claim, moment=Moment.VALIDATION)).branch is Branch.STORED_AS_DECIDED


@pytest.mark.parametrize(
    "image",
    [
        OLDER,
        standby(),
        replace(READY, terminating=True),
        replace(READY, content={**READY.content, "paused": True}),
        replace(READY, status={**READY.status, "lastManualSync": "by hand"}),
        replace(READY, status={**READY.status, "latestMoverStatus": {"result": "Successful", "logs": ""}}),
        replace(READY, status={name: each for name, each in READY.status.items() if name != "latestImage"}),
        scene.standing_by(of=settled_claim(STANDBY, request="2Gi")),
        scene.standing_by(of=settled_claim(STANDBY, storage_class="other")),
    ],
)
def test_whatever_is_not_certainly_the_newest_point_in_a_like_volume_is_restored_afresh(image: Child) -> None:
    found = promised(image)
    assert found.branch is Branch.RESTORE
    assert found.mutation is not None
    assert isinstance(found.mutation.source, DataSource)
    assert naming.is_destination("shop", "orders", found.mutation.source.name)
    assert "standby image" in found.outcome.message


def test_an_older_restore_point_or_the_far_repository_is_never_met_by_an_image() -> None:
    earlier = new_claim({**STANDBY, contract.RESTORE_PREVIOUS_ANNOTATION: "0"})
    assert promised(READY, truth=EXISTS, created=earlier).branch is Branch.RESTORE
    truths = {Repo.LOCAL: scene.ABSENT, Repo.REMOTE: EXISTS}
    far = world(new_claim(STANDBY), truths=truths, children=(READY,))
    assert decision(far, TWO_STORES).branch is Branch.RESTORE


def test_a_claim_that_does_not_ask_is_restored_as_ever_beside_an_image() -> None:
    assert promised(READY, created=new_claim()).branch is Branch.RESTORE


def test_the_mover_of_a_standby_holds_up_no_new_claim() -> None:
    mover = Mover(f"{naming.destination_job(OLDER.name)}-x7k2p", OLDER.name)
    created = world(new_claim(STANDBY), COUNTED, children=(OF_BEFORE,), movers=(mover,))
    assert decision(created).branch is Branch.RESTORE_FROM_STANDBY
    _, around = filled(movers=(mover,))
    assert decision(around).branch is Branch.RESTORED


def test_a_claim_that_was_filled_from_the_promised_image_is_settled_by_the_same_proof_as_any_other() -> None:
    _, around = filled()
    assert decision(around).branch is Branch.RESTORED


@pytest.mark.parametrize(
    "changes",
    [
        {"populated_from": None},
        {"populated_from": f"shop/{image_of(OLDER)}"},
        {"children": ()},
        {"children": (replace(OF_BEFORE, status={**OF_BEFORE.status, "lastManualSync": "again"}),)},
        {"children": finished((OF_BEFORE,), restore_log(POINTS[0].id))},
    ],
)
def test_a_bound_claim_is_backed_up_only_if_the_promised_point_is_proven(changes: dict[str, object]) -> None:
    _, around = filled(**changes)
    assert decision(around).branch is Branch.BOUND_WITHOUT_PROOF


def test_a_promised_image_that_is_lost_before_the_volume_is_filled_is_restored_under_the_same_name() -> None:
    claim, around = filled()
    waiting = replace(around, claim=replace(claim, phase=Phase.PENDING), populated_from=None)
    assert decision(waiting).branch is Branch.POPULATING
    lost = decision(replace(waiting, snapshots=()))
    assert (lost.branch, [type(write) for write in lost.writes]) == (Branch.IMAGE_VANISHED, [Delete])
    again = decision(replace(waiting, snapshots=(), children=()))
    assert again.branch is Branch.START_RESTORE
    made = [write for write in again.writes if isinstance(write, Create) and write.kind is Kind.DESTINATION]
    assert [write.name for write in made] == [OF_BEFORE.name]
    assert made[0].body["spec"]["restic"]["repository"] == children.source_name(claim, Repo.LOCAL)


def test_a_lost_image_is_replaced_by_the_newest_point_there_is_then() -> None:
    claim, around = filled()
    newer = RestorePoint(NOW, "e" * 64)
    waiting = replace(
        around, claim=replace(claim, phase=Phase.PENDING), children=(), snapshots=(), populated_from=None,
        truths={Repo.LOCAL: Exists(newer.id, newer.at, 4)},
    )  # fmt: skip
    found = decision(waiting)
    assert found.branch is Branch.START_RESTORE
    [renewed] = [write for write in found.writes if isinstance(write, Annotate)]
    decided = stamp.read(renewed.annotations)
    assert decided is not None
    assert decided.restore is not None
    assert (decided.restore.point, decided.restore.standby) == (newer.id, naming.standby_key("local", POINTS[-1].id))


# --- outliving its claim ---------------------------------------------------------------------------------------------


def test_of_several_images_the_newest_outlives_the_claim_and_what_is_not_done_goes() -> None:
    unfinished = standby(RestorePoint(NOW, "e" * 64))
    images = (image_of(READY), image_of(OLDER), "volsync-" + OLDER.name.replace(OLDER.name[-12:-4], "22222222") + "x")
    gone = decision(world(None, children=(*protecting(), READY, OLDER, unfinished), snapshots=images))
    deleted = {write.name for write in gone.writes if isinstance(write, Delete)}
    assert {OLDER.name, unfinished.name, image_of(OLDER), images[-1]} <= deleted
    assert not {READY.name, image_of(READY)} & deleted


def test_an_image_of_a_sync_that_somebody_asked_for_by_hand_does_not_outlive_the_claim() -> None:
    content = {**READY.content, "trigger": {"manual": "by hand"}}
    again = replace(READY, content=content, status={**READY.status, "lastManualSync": "by hand"})
    gone = decision(world(None, children=(again,), snapshots=(image_of(again),)))
    assert again.name in {write.name for write in gone.writes if isinstance(write, Delete)}


def test_an_image_that_is_lost_does_not_outlive_the_claim_as_if_it_were_there() -> None:
    gone = decision(world(None, children=(READY,)))
    assert [write.name for write in gone.writes if isinstance(write, Delete)] == [READY.name]


def test_a_claim_that_is_being_deleted_keeps_its_image() -> None:
    leaving = decision(seen(READY, of=replace(WARM, terminating=True)))
    assert leaving.branch is Branch.LEAVING
    assert READY.name not in {write.name for write in leaving.writes if isinstance(write, Delete)}


def test_when_all_but_the_image_is_gone_nothing_is_left_to_do() -> None:
    gone = decision(world(None, children=(READY,), snapshots=(image_of(READY),)))
    assert (gone.branch, gone.writes, gone.look_again_s) == (Branch.GONE, (), decision(world(None)).look_again_s)
    assert "so does its standby image" in gone.outcome.message


def test_an_image_that_the_next_life_does_not_ask_for_goes_once_that_is_settled() -> None:
    plain = settled_claim()
    around = world(plain, COUNTED, children=(*protecting(plain), OF_BEFORE), snapshots=(image_of(OF_BEFORE),))
    assert decision(around).branch is Branch.CLEAR_RESTORE


def test_a_restore_point_that_is_dated_otherwise_than_by_a_log_gives_no_image() -> None:
    [undated] = finished((standby(),), f"restoring snapshot {POINTS[-1].id[:8]} of [/data] to .\n")
    assert standing_by.images(seen(undated)) == ()
    [odd] = finished((standby(),), restore_log().replace("2026-01-10", "2026-13-10"))
    assert standing_by.images(seen(odd)) == ()
    [eastern] = finished((standby(),), restore_log().replace("+0000 UTC", "+0200 CEST"))
    [image] = standing_by.images(seen(eastern))
    assert image.at == POINTS[-1].at - timedelta(hours=2)
