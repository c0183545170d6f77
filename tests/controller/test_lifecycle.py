"""The table of stages."""

from __future__ import annotations

import itertools

import pytest

from controller.lifecycle import NEXT, Event, Impossible, Stage, advance


@pytest.mark.parametrize(("stage", "event"), list(itertools.product(Stage, Event)))
def test_every_pair_has_an_answer(stage: Stage, event: Event) -> None:
    found = advance(stage, event)
    assert found is NEXT.get((stage, event), Impossible.IMPOSSIBLE)
    if event is Event.GONE:
        assert found is Stage.OUTSIDE
    elif stage is Stage.LEAVING:
        assert found in {Stage.LEAVING, Impossible.IMPOSSIBLE}, "nothing brings back what is being deleted"
    elif event is Event.DELETED:
        assert found is Stage.LEAVING


def test_backups_begin_only_when_the_volume_was_shown_to_be_right() -> None:
    into = {(stage, event) for (stage, event), following in NEXT.items() if following is Stage.PROTECTED}
    assert into == {
        *itertools.product([Stage.UNSETTLED, Stage.RESTORING, Stage.BLOCKED], [Event.SETTLED, Event.ACCEPTED]),
        (Stage.RELEASED, Event.LABELLED),
    }


def test_what_is_settled_is_never_in_question_again() -> None:
    settled = {Stage.PROTECTED, Stage.RELEASED}
    following = {after for (stage, event), after in NEXT.items() if stage in settled and event is not Event.GONE}
    assert following == {*settled, Stage.LEAVING}


def test_a_stored_claim_that_is_unlabelled_while_it_is_restored_goes_on() -> None:
    assert advance(Stage.RESTORING, Event.UNLABELLED) is Stage.RESTORING
