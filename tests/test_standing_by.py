"""The judge of images that stand by: who restored when, and that an image nobody owes is still a leftover."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fixtures import standing_by
from fixtures.casting import apps_of
from fixtures.engines.reference import ReferenceEngine
from fixtures.invariants import Invariant, Standing
from fixtures.kube.kinds import CLAIM, JOB, REPLICATION_DESTINATION, VOLUME_SNAPSHOT
from fixtures.scenario import Cast
from fixtures.sightings import Promised, Turn
from tests.invariants.story import VOLUME_NAME, good, seen
from tests.test_engines import APP, Api, site

if TYPE_CHECKING:
    from tests.invariants.story import Story

STANDBY = r"data-[a-z2-7]{13}-[a-z2-7]{8}-sby"
NAME = "data-mrhxxdhvvstk5-lwb7wlvi-sby"
OWED = (
    (REPLICATION_DESTINATION.name, STANDBY),
    (CLAIM.name, rf"volsync-{STANDBY}-dest"),
    (VOLUME_SNAPSHOT.name, rf"volsync-{STANDBY}-dest-\d{{14}}"),
)


def restored(story: Story, start_s: float, end_s: float | None) -> Story:
    """A mover restored between these seconds; its Job is there until the second."""
    name = f"orders/volsync-dst-{start_s:.0f}"
    story.add(start_s, seen(JOB, name, name, mover="restore"))
    return story if end_s is None else story.add(end_s, seen(JOB, name, name, Turn.GONE))


def with_an_image(story: Story, name: str = NAME) -> Story:
    return story.add(
        190,
        seen(REPLICATION_DESTINATION, f"orders/{name}", f"{name}-uid"),
        seen(CLAIM, f"orders/volsync-{name}-dest", f"{name}-dest", created_by="volsync"),
        seen(VOLUME_SNAPSHOT, f"orders/volsync-{name}-dest-20260101120000", f"{name}-image"),
    )


def owing_one(story: Story) -> Story:
    [promised] = story.history.all(Promised)
    return story.change(Promised, {}, children=(*promised.children, *OWED))


def test_movers_of_before_the_loss_and_of_after_the_reading_spare_nobody_a_restore() -> None:
    story = restored(restored(good(), 150, 160), 250, None)
    found = standing_by.judge_movers(story.history, VOLUME_NAME)
    assert found.holds
    assert "2 in all" in found.detail


def test_a_mover_between_the_loss_and_the_reading_is_found_however_early_it_began() -> None:
    for start_s, end_s in ((222, 228), (150, 210), (222, None)):
        found = standing_by.judge_movers(restored(good(), start_s, end_s).history, VOLUME_NAME)
        assert found.holds is False, (start_s, end_s)
        assert f"volsync-dst-{start_s}" in found.detail


def test_where_no_mover_was_ever_seen_nothing_is_shown() -> None:
    assert standing_by.judge_movers(good().history, VOLUME_NAME).holds is None


def test_a_mover_of_another_app_counts_for_that_one() -> None:
    story = restored(good(), 150, 160).add(222, seen(JOB, "other/volsync-dst-x", "x", mover="restore"))
    assert standing_by.judge_movers(story.history, VOLUME_NAME).holds


def test_an_image_is_a_child_of_an_app_that_asked_for_one_and_a_leftover_of_any_other() -> None:
    owed = with_an_image(owing_one(good()))
    assert {owed.ruling(each).standing for each in (Invariant.I7, Invariant.I11)} == {Standing.HELD}
    unasked = with_an_image(good())
    assert unasked.ruling(Invariant.I11).standing is Standing.BROKEN


def test_a_second_image_and_a_missing_one_are_found() -> None:
    missing = owing_one(good())
    assert missing.ruling(Invariant.I7).standing is Standing.BROKEN
    two = with_an_image(with_an_image(owing_one(good())), NAME.replace("lwb7", "aaaa"))
    assert two.ruling(Invariant.I7).standing is Standing.BROKEN


def test_an_app_of_a_cast_with_standbys_asks_and_is_owed_one_and_no_other_app_is() -> None:
    [plain], [warm] = apps_of(Cast(), APP), apps_of(Cast(standby=True), APP)
    assert (plain, warm) == (APP, replace(APP, standby=True))
    api: Any = Api()
    engine = ReferenceEngine(site(api))
    extra = [str(each) for each in engine.children(warm)[len(engine.children(plain)) :]]
    assert [each.split()[0] for each in extra] == [kind for kind, _ in OWED]
    assert all("-sby" in each for each in extra)
