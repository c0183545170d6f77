"""The stamp on a claim survives being written, and a copy of a mark vouches for nothing."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from controller import contract, stamp
from controller.contract import Repo
from controller.intent import Earlier, Latest
from controller.stamp import Restore, Stamp, Start
from tests.controller.scene import HOUR, NOW, claim

RESTORE = Stamp(Start.RESTORE, "abcdefgh", NOW, "why", Restore(Repo.REMOTE, "f" * 64, NOW - HOUR, Earlier(2, NOW)))


def test_what_is_written_can_be_read() -> None:
    newest = Stamp(Start.RESTORE, "abcdefgh", NOW, "wäre", Restore(Repo.LOCAL, "f" * 64, NOW, Latest()))
    counted = Stamp(Start.RESTORE, "abcdefgh", NOW, "", Restore(Repo.LOCAL, "f" * 64, NOW, Earlier(1, None)))
    for each in (
        RESTORE,
        newest,
        counted,
        *(Stamp(start, "x", NOW, "w") for start in Start if start is not Start.RESTORE),
    ):
        assert stamp.read({contract.DECISION_ANNOTATION: stamp.written(each)}) == each


@given(
    st.text(),
    st.dictionaries(st.sampled_from(list(json.loads(stamp.written(RESTORE)))), st.none() | st.text() | st.integers()),
)
def test_a_stamp_that_cannot_be_read_is_none(text: str, changes: dict[str, object]) -> None:
    assert stamp.read({}) is None
    stamp.read({contract.DECISION_ANNOTATION: text})
    changed = json.loads(stamp.written(RESTORE)) | changes
    found = stamp.read({contract.DECISION_ANNOTATION: json.dumps(changed)})
    assert found is None or isinstance(found, Stamp)


def test_a_mark_holds_for_one_uid_alone() -> None:
    marked = claim(annotations=stamp.settled("uid-1", "restored"))
    assert stamp.is_settled("uid-1", marked.annotations)
    assert not stamp.is_settled("uid-2", marked.annotations)
    assert not stamp.is_settled(None, marked.annotations)
    assert not stamp.is_settled("uid-1", {})
    assert not stamp.is_settled("", {contract.SETTLED_ANNOTATION: ""})


def test_vouching_needs_the_uid_and_a_reason() -> None:
    def accepted(text: str) -> str | None:
        return stamp.accepted("uid-1", {contract.ACCEPT_VOLUME_ANNOTATION: text})

    assert accepted("uid-1 looked at it") == "looked at it"
    for text in ("uid-1", "uid-1 ", "uid-2 looked at it", "looked at it", ""):
        assert accepted(text) is None
