"""Each monitor passes the drill in which all went well, and names what is wrong in each that was damaged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_controls import BAD_COMPANY, BAD_WAITS, WRONG_DATA
from fixtures.history import BackedUp, BackupState, Destroyed, Evidence, Observed, Restored, Wrote
from fixtures.invariants import TITLES, Invariant, Standing
from fixtures.invariants.load import limits_of
from fixtures.invariants.rules import RULES, breaches, not_shown, rule
from fixtures.kube.kinds import (
    CLAIM,
    EVENT,
    JOB,
    POD,
    REPLICATION_DESTINATION,
    REPLICATION_SOURCE,
    SECRET,
    SNAPSHOT_CONTENT,
    VOLUME,
    VOLUME_SNAPSHOT,
)
from fixtures.sightings import (
    Blind,
    Cleaned,
    Counted,
    Helped,
    Known,
    Leaked,
    Promised,
    Sighted,
    StepState,
    StoreSeen,
    Turn,
    WatchEnded,
)
from tests.invariants.story import (
    BESIDE,
    IMAGE,
    POINTS,
    VOLUME_NAME,
    Story,
    at,
    good,
    manifest,
    mover,
    seen,
    step,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Callable

I = Invariant  # noqa: E741 - the ids read as they are written
BOUND: dict[str, Any] = {"uid": "c2", "kind": CLAIM.name, "turn": Turn.CHANGED}


def test_every_invariant_has_a_title_and_a_rule() -> None:
    assert list(RULES) == list(TITLES) == list(Invariant)


def test_a_drill_in_which_all_went_well_breaks_nothing() -> None:
    standings = {each.invariant: each for each in rule(good().history)}
    assert standings.pop(I.I2).standing is Standing.NOT_APPLICABLE
    for each in standings.values():
        assert each.standing is Standing.HELD, str(each)


def holds(name: str) -> Callable[[Story], object]:
    """Something else came back than what was due."""
    return lambda story: story.change(Observed, {"restore": "r2"}, manifest=manifest(name))


def evidence(**values: Any) -> Callable[[Story], object]:
    whole = Evidence(IMAGE, IMAGE, at(225), POINTS[2][:8])
    return lambda story: story.change(Restored, {"restore": "r2"}, evidence=replace(whole, **values))


def an_older_generation(story: Story) -> None:
    holds("1")(story)
    evidence(restored_point=POINTS[1][:8])(story)


def bound_in_the_dark(story: Story) -> None:
    story.add(221, store(known=Known.UNKNOWN))
    story.add(260, store(1, 2))
    holds("empty")(story)


def bound_in_the_dark_and_never_read(story: Story) -> None:
    bound_in_the_dark(story)
    story.drop(Restored, Observed, where={"restore": "r2"})


def never_bound_after_the_dark(story: Story) -> None:
    story.add(221, store(known=Known.UNKNOWN)).add(230, store(1, 2))
    story.drop(Sighted, where=BOUND)
    story.drop(Restored, Observed, where={"restore": "r2"})
    story.move(WatchEnded, {}, 2000)


def slow_to_bind(story: Story) -> None:
    story.move(Sighted, {"uid": "c1", "kind": CLAIM.name, "turn": Turn.CHANGED}, 199)


def another_pod_reads_first(story: Story) -> None:
    story.drop(Restored, Observed, where={"restore": "r2"})


def a_second_mover(story: Story) -> None:
    story.events += mover(3, 127, 129, name="-too")


def a_job_made_anew(story: Story) -> None:
    job = "orders/volsync-src-data-local"
    story.add(150, seen(JOB, job, "j7", mover="backup")).add(152, seen(JOB, job, "j7", Turn.GONE))
    story.add(153, seen(JOB, job, "j8", mover="backup", succeeded="yes")).add(155, seen(JOB, job, "j8", Turn.GONE))


def a_child_made_anew(story: Story) -> None:
    story.add(250, seen(REPLICATION_SOURCE, "orders/data-local", "rs-c2", Turn.GONE))
    story.add(251, seen(REPLICATION_SOURCE, "orders/data-local", "rs-anew"))


def a_copy_before_the_bind(story: Story) -> None:
    cut = at(221).isoformat()
    story.add(222, seen(VOLUME_SNAPSHOT, "orders/volsync-data-local-src", "x", source="data", cut_at=cut))
    story.add(229, seen(VOLUME_SNAPSHOT, "orders/volsync-data-local-src", "x", Turn.GONE))
    story.move(Sighted, BOUND, 228)


def a_backup_of_what_was_lost(story: Story) -> None:
    holds("empty")(story)
    story.add(250, StoreSeen("local", Known.POINTS, {**store(1, 2).points, "9" * 64: at(245)}, {"9" * 64: 1}))


def a_backup_of_no_generation(story: Story) -> None:
    points = {**store(1, 2).points, "9" * 64: at(245)}
    story.add(250, StoreSeen("local", Known.POINTS, points, {"9" * 64: 3}))


def a_backup_of_no_generation_that_is_counted_late(story: Story) -> None:
    points = {**store(1, 2).points, "9" * 64: at(245)}
    story.add(250, StoreSeen("local", Known.POINTS, points))
    story.add(252, StoreSeen("local", Known.POINTS, points, {"9" * 64: 3}))


def waits_in_silence(story: Story) -> None:
    story.drop(Sighted, where=BOUND)
    story.drop(Restored, Observed, where={"restore": "r2"})
    story.move(WatchEnded, {}, 450)


DAMAGES: list[tuple[Invariant, str, Callable[[Story], object], str]] = [
    (I.I1, "nothing comes back", holds("empty"), "began empty-through-loss"),
    (I.I1, "an older generation comes back", an_older_generation, "began stale"),
    (I.I1, "another volume's data come back", holds("foreign"), "began foreign"),
    (I.I2, "a claim is bound empty in the dark", bound_in_the_dark, "while its store could not be read"),
    (I.I2, "a claim is never bound after the dark", never_bound_after_the_dark, "600 s after its store"),
    (I.I3, "a new claim waits for nothing", slow_to_bind, "was bound after 188 s; its budget is 180 s"),
    (I.I4, "an unknown restore point", evidence(restored_point="deadbeef"), "deadbeef, which no backup"),
    (I.I4, "another restore point than what is here", evidence(restored_point=POINTS[1][:8]), "but holds 2"),
    (I.I4, "an image older than its point", evidence(image_created_at=at(20)), "older than its restore point"),
    (I.I4, "another image", evidence(populated_from="orders/other"), "and not from the image"),
    (I.I5, "a restore point vanishes", lambda story: story.add(150, store(1)), "22222222 in the local store"),
    (I.I5, "all restore points vanish", lambda story: story.add(150, store()), "although the rule of 24 hours"),
    (I.I5, "a copy before the claim is bound", a_copy_before_the_bind, "before orders/data was bound"),
    (I.I5, "a backup of a lost volume", a_backup_of_what_was_lost, "which had come up empty-through-loss"),
    (I.I5, "a backup that is no generation", a_backup_of_no_generation, "holds 3 paths"),
    (I.I5, "and that is counted late", a_backup_of_no_generation_that_is_counted_late, "holds 3 paths"),
    (
        I.I5, "an acknowledged backup that never was",
        lambda story: story.change(BackedUp, {"generation": 2}, restore_point="e" * 64), "was never in the store",
    ),
    (I.I6, "two movers write at once", a_second_mover, "volsync-src-data-local-2 still did"),
    (I.I6, "a Job is made anew", a_job_made_anew, "was deleted unfinished"),
    (I.I7, "a child is made anew", a_child_made_anew, "ReplicationSource orders/data-local was gone by"),
    (
        I.I7, "a child is missing",
        lambda story: story.add(250, seen(REPLICATION_SOURCE, "orders/data-local", "rs-c2", Turn.GONE)),
        "0 times ReplicationSource data-local",
    ),
    (
        I.I7, "a child too many", lambda story: story.add(250, seen(REPLICATION_SOURCE, "orders/data-b", "b")),
        "ReplicationSource orders/data-b is there",
    ),
    (
        I.I8, "a claim without a label is changed",
        lambda story: story.add(50, seen(CLAIM, BESIDE, "by", Turn.CHANGED, phase="Bound", print="touched")),
        "was changed by somebody at 12:00:50 UTC",
    ),
    (
        I.I8, "a claim without a label is deleted", lambda story: story.add(50, seen(CLAIM, BESIDE, "by", Turn.GONE)),
        "was deleted at 12:00:50 UTC",
    ),
    (
        I.I8, "its pod is deleted", lambda story: story.add(50, seen(POD, BESIDE, "by-pod", Turn.GONE)),
        "which uses the claim without a label",
    ),
    (
        I.I8, "it is backed up", lambda story: story.add(50, seen(REPLICATION_SOURCE, "orders-beside/b", "b")),
        "beside a claim that bears no label",
    ),
    (
        I.I8, "it waits", lambda story: story.move(Sighted, {"uid": "by", "turn": Turn.CHANGED}, 199), "waited 198 s",
    ),
    (
        I.I9, "a storm of writes", lambda story: story.add(280, Counted({"Pod": 9000}, 15.0)),
        "most to Pod; the limit for 1 volumes is 1200",
    ),
    (
        I.I9, "a storm of Jobs",
        lambda story: [
            story.add(240 + n, seen(JOB, f"orders/volsync-src-{n}", f"s{n}", mover="backup")) for n in range(14)
        ],
        "14 mover Jobs in one minute",
    ),
    (I.I10, "a late return", lambda story: story.move(Observed, {"restore": "r2"}, 899), "after 679 s"),
    (I.I10, "a claim that waits in silence", waits_in_silence, "no event says why"),
    (I.I11, "a lock", lambda story: story.add(280, store(1, 2, locks=("f" * 64,))), "the lock ffffffff"),
    (
        I.I11, "a mover Job",
        lambda story: story.add(280, seen(JOB, "orders/volsync-dst-x", "x", mover="restore")), "dst-x",
    ),
    (I.I11, "a helper claim", lambda story: story.add(280, seen(CLAIM, "orders/vs-prime-1", "p")), "vs-prime-1"),
    (
        I.I11, "a claim of a mover",
        lambda story: story.add(280, seen(CLAIM, "orders/volsync-data-dst-dest", "d", created_by="volsync")),
        "volsync-data-dst-dest",
    ),
    (
        I.I11, "a volume snapshot",
        lambda story: story.add(280, seen(VOLUME_SNAPSHOT, "orders/volsync-data-old-src", "s")), "data-old-src",
    ),
    (
        I.I11, "an orphaned content",
        lambda story: story.add(280, seen(SNAPSHOT_CONTENT, "c-1", "c", snapshot="orders/gone")), "c-1 of orders/gone",
    ),
    (
        I.I11, "a Released volume",
        lambda story: story.add(280, seen(VOLUME, "pv-9", "v", phase="Released", claim="orders/old")), "Released",
    ),
    (
        I.I11, "something that outlives the clean-up",
        lambda story: story.add(400, Cleaned(("VolumeSnapshotContent c",))), "VolumeSnapshotContent c outlived",
    ),
    (I.I12, "a secret in the clear", lambda story: story.add(50, Leaked("ConfigMap orders/x")), "ConfigMap orders/x"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("invariant", "damage", "words"),
    [(invariant, damage, words) for invariant, _, damage, words in DAMAGES],
    ids=[f"{invariant.value} {name}" for invariant, name, _, _ in DAMAGES],
)
def test_a_damaged_drill_is_refused_in_words_of_its_own(
    invariant: Invariant, damage: Callable[[Story], object], words: str
) -> None:
    story = good()
    damage(story)
    ruling = story.ruling(invariant)
    assert ruling.standing is Standing.BROKEN, str(ruling)
    assert words in " ".join(ruling.said)


NOT_SEEN: list[tuple[Invariant, str, Callable[[Story], object]]] = [
    (I.I1, "a volume that nobody judged", another_pod_reads_first),
    (I.I2, "a claim bound in the dark that nobody read", bound_in_the_dark_and_never_read),
    (I.I4, "a mover that named nothing", evidence(restored_point=None)),
    (I.I4, "no populator", evidence(populated_from=None)),
    (I.I5, "backups to a store that nobody could look into", lambda story: story.drop(StoreSeen)),
    (I.I6, "backups without a mover", lambda story: story.drop(Sighted, where={"kind": POD.name})),
    (I.I7, "still moving", lambda story: story.change(WatchEnded, {}, settled=False)),
    (I.I8, "the bystander was never seen", lambda story: story.drop(Sighted, where={"name": BESIDE})),
    (I.I9, "nobody counted", lambda story: story.drop(Counted)),
    (I.I11, "still moving", lambda story: story.change(WatchEnded, {}, settled=False)),
    (I.I12, "a watch that broke", lambda story: story.add(100, Blind("Pod", at(50), "connection refused"))),
    (I.I12, "a kind that was never looked at", lambda story: story.change(WatchEnded, {}, looks={"Job": 0})),
    (I.I12, "monitors that never ended", lambda story: story.drop(WatchEnded)),
    (I.I12, "nothing was promised", lambda story: story.drop(Promised)),
    (I.I12, "a restore without evidence", evidence(populated_from=None)),
]


@pytest.mark.parametrize(
    ("invariant", "damage"),
    [(invariant, damage) for invariant, _, damage in NOT_SEEN],
    ids=[f"{invariant.value} {name}" for invariant, name, _ in NOT_SEEN],
)
def test_what_nobody_saw_is_not_held(invariant: Invariant, damage: Callable[[Story], object]) -> None:
    story = good()
    damage(story)
    ruling = story.ruling(invariant)
    assert ruling.standing is Standing.NOT_SHOWN, str(ruling)
    assert not_shown((ruling,))


@pytest.mark.parametrize(
    ("invariant", "spare"),
    [
        (I.I1, lambda story: story.drop(BackedUp)),
        (I.I3, lambda story: story.drop(StoreSeen)),
        (I.I4, lambda story: story.drop(Restored, Observed)),
        (I.I5, lambda story: story.drop(StoreSeen, BackedUp)),
        (I.I6, lambda story: story.drop(BackedUp, Sighted)),
        (I.I8, lambda story: story.change(Promised, {}, bystander=None)),
        (I.I10, lambda story: story.drop(Destroyed)),
    ],
    ids=lambda value: value.value if isinstance(value, Invariant) else "",
)
def test_where_there_is_nothing_to_watch_the_monitor_says_so(
    invariant: Invariant, spare: Callable[[Story], object]
) -> None:
    story = good()
    spare(story)
    ruling = story.ruling(invariant)
    assert ruling.standing is Standing.NOT_APPLICABLE, str(ruling)
    assert ruling.said[0]


# --- what looks like a breach and is none ----------------------------------------------------------------------------


def test_a_restore_point_that_goes_by_the_rule_is_no_loss() -> None:
    # Of one hour the newest stays, and the oldest of all.
    later = {**store(1).points, "9" * 64: at(150)}
    story = good().add(150, StoreSeen("local", Known.POINTS, later, {"9" * 64: len(store(2).points)}))
    assert "was gone" not in " ".join(story.ruling(I.I5).said)


def test_a_restore_point_that_the_drill_itself_destroys_is_no_breach() -> None:
    story = good()
    story.add(149, step("LoseRepository", StepState.BEGINS)).add(150, store())
    story.add(151, step("LoseRepository", StepState.ENDS)).add(160, store(1, 2))
    assert story.ruling(I.I5).standing is Standing.HELD


def test_a_store_that_cannot_be_read_for_a_while_has_lost_nothing() -> None:
    story = good().add(150, store(known=Known.UNKNOWN)).add(160, store(1, 2))
    assert story.ruling(I.I5).standing is Standing.HELD


def test_a_copy_that_was_made_while_the_app_wrote_may_hold_a_half() -> None:
    story = good()
    story.add(250, step("Write", StepState.BEGINS)).add(256, step("Write", StepState.ENDS))
    name, cut = "orders/volsync-data-local-src", at(253).isoformat()
    story.add(253, seen(VOLUME_SNAPSHOT, name, "x", source="data", cut_at=cut))
    story.add(262, seen(VOLUME_SNAPSHOT, name, "x", Turn.GONE))
    story.add(260, StoreSeen("local", Known.POINTS, {**store(1, 2).points, "9" * 64: at(258)}, {"9" * 64: 3}))
    assert story.ruling(I.I5).standing is Standing.HELD


def test_a_watch_that_breaks_because_the_drill_destroys_the_cluster_is_not_held_against_it() -> None:
    story = good()
    story.add(90, step("LoseCluster", StepState.BEGINS)).add(140, step("LoseCluster", StepState.ENDS))
    story.add(141, Blind("Pod", at(92), "connection refused"))
    assert story.ruling(I.I12).standing is Standing.HELD


def test_a_watch_that_never_came_back_after_the_cluster_did_is_held_against_it() -> None:
    story = good()
    story.add(1000, step("LoseCluster", StepState.BEGINS)).add(1050, step("LoseCluster", StepState.ENDS))
    story.add(4000, Blind("Pod", at(1002), "connection refused"))
    assert story.ruling(I.I12).standing is Standing.NOT_SHOWN


def test_a_claim_that_waits_with_a_named_cause_breaks_nothing() -> None:
    story = good()
    waits_in_silence(story)
    about = f"PersistentVolumeClaim {VOLUME_NAME}"
    story.add(300, seen(EVENT, "orders/e", "e", type="Warning", about=about, reason="R", message="m"))
    assert story.ruling(I.I10).standing is Standing.HELD


def test_a_warning_about_a_later_claim_of_the_name_is_no_cause_for_an_earlier_one() -> None:
    story = good().drop(Sighted, where={"uid": "c1", "turn": Turn.CHANGED, "kind": CLAIM.name})
    about = f"PersistentVolumeClaim {VOLUME_NAME}"
    story.add(222, seen(EVENT, "orders/e", "e", type="Warning", about=about, reason="R", message="m"))
    assert story.ruling(I.I10).standing is Standing.BROKEN


def test_every_invariant_is_broken_on_purpose_on_a_cluster() -> None:
    controls = (WRONG_DATA, BAD_COMPANY, BAD_WAITS)
    assert frozenset[I]().union(*(control.breaks for control in controls)) == frozenset(I)


def test_what_was_done_by_hand_is_told_as_help_and_breaks_nothing() -> None:
    ruling = good().add(225, Helped(VOLUME_NAME, "woken by an annotation")).ruling(I.I10)
    assert ruling.standing is Standing.HELPED
    assert "woken by an annotation" in ruling.said[0]
    assert not breaches((ruling,), frozenset())


def test_one_mover_after_the_other_is_one_writer() -> None:
    story = good()
    story.events += mover(3, 140, 145)
    assert story.ruling(I.I6).standing is Standing.HELD


def test_movers_at_two_repositories_may_write_together() -> None:
    story = good()
    facts: dict[str, Any] = {"mover": "backup", "repository": "far-repository", "started_at": at(126).isoformat()}
    story.add(126, seen(POD, "orders/volsync-src-far-1", "far", **facts)).add(
        135, seen(POD, "orders/volsync-src-far-1", "far", Turn.GONE)
    )
    assert story.ruling(I.I6).standing is Standing.HELD


@pytest.mark.parametrize(("theirs", "standing"), [("here", Standing.BROKEN), ("there", Standing.HELD)])
def test_two_secrets_that_open_one_repository_are_one_repository(theirs: str, standing: Standing) -> None:
    story = good()
    first = next(
        each.facts["repository"]
        for each in story.history.all(Sighted)
        if each.kind == POD.name and each.facts.get("mover") == "backup"
    )
    story.add(1, seen(SECRET, f"orders/{first}", "s1", address="here"))
    story.add(1, seen(SECRET, "orders/of-another-life", "s2", address=theirs))
    facts: dict[str, Any] = {"mover": "backup", "repository": "of-another-life", "started_at": at(126).isoformat()}
    story.add(126, seen(POD, "orders/volsync-src-other-1", "other", **facts)).add(
        135, seen(POD, "orders/volsync-src-other-1", "other", Turn.GONE)
    )
    assert story.ruling(I.I6).standing is standing


def test_children_that_go_with_the_namespace_and_return_are_not_made_anew() -> None:
    assert good().ruling(I.I7).standing is Standing.HELD


def test_an_engine_has_its_own_limits_where_it_has_some() -> None:
    assert limits_of("static").bind_s > limits_of("any other").bind_s
    assert limits_of("static").recovery_s == limits_of("any other").recovery_s


# --- what a drill makes of it ----------------------------------------------------------------------------------------


def test_a_breach_that_a_scenario_is_made_for_must_be_seen() -> None:
    held = rule(good().history)
    story = good().add(150, store(1))
    broken = rule(story.history)
    expected = frozenset({I.I5})
    assert breaches(held, frozenset()) == []
    assert breaches(broken, expected) == []
    assert "the monitor did not say so" in breaches(held, expected)[0]
    assert "22222222" in breaches(broken, frozenset())[0]


def test_a_wrong_start_that_is_promised_excuses_what_follows_from_it_of_that_volume_alone() -> None:
    broken = rule(good().add(150, store(1)).history)
    assert breaches(broken, frozenset(), frozenset({VOLUME_NAME})) == []
    assert breaches(broken, frozenset(), frozenset({VOLUME_NAME, "shop/other"})) == []
    assert "22222222" in breaches(broken, frozenset(), frozenset({"shop/other"}))[0]


def test_a_generation_that_was_never_written_leaves_the_monitors_without_an_answer() -> None:
    story = good().drop(Wrote, where={"generation": 2})
    assert story.ruling(I.I1).standing is Standing.NOT_SHOWN


def test_a_destination_beside_the_bystander_is_noticed_too() -> None:
    story = good().add(50, seen(REPLICATION_DESTINATION, "orders-beside/d", "d"))
    assert story.ruling(I.I8).standing is Standing.BROKEN


def test_an_unsure_backup_is_no_reason_to_expect_data() -> None:
    story = good()
    for number in (1, 2):
        story.change(BackedUp, {"generation": number}, state=BackupState.UNSURE)
    assert story.ruling(I.I1).standing is Standing.NOT_APPLICABLE


def test_a_backup_that_begins_as_the_watch_ends_leaves_nothing_over() -> None:
    story = good().add(299, seen(VOLUME_SNAPSHOT, "orders/volsync-data-local-src", "x", source="data"))
    story.add(299, seen(SNAPSHOT_CONTENT, "content-x", "cx", snapshot="orders/volsync-data-local-src"))
    story.add(299, seen(CLAIM, "orders/volsync-data-local-src", "y", phase="Pending", created_by="volsync"))
    assert story.ruling(I.I11).standing is Standing.HELD
    assert story.ruling(I.I7).standing is Standing.HELD
