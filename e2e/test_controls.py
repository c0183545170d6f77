"""Negative controls: a drill must fail, with exactly the right verdict, when something is done to its data on purpose.

A test here passes if the judge and the monitors say what was done, and fails if they are content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.engines import NO_TIER, Store
from fixtures.invariants import Invariant
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.looks import AppFinds, StoreIsDark
from fixtures.steps.losses import LoseRepository, RemoveApp
from fixtures.steps.spoiling import Spoil, Spoiling
from fixtures.steps.upsets import StartStore, StopStore

if TYPE_CHECKING:
    from fixtures.drill import Drill

# The repository is lost once so that generation 1 is in its first restore point: of one hour retention keeps the newest
# alone, and the oldest of all. Nothing comes back at last because the repository is lost, or, where that is noticed and
# refused, because nobody asks for it. The claim is taken away again: what protects it would be missed.
WRONG_DATA = Scenario(
    id="SC-02",
    name="control: an older backup, another volume's, none",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp(), LoseRepository(Store.LOCAL), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(RemoveApp(), Spoil(Spoiling.FORGET_NEWEST), Declare()),
    then=(
        AppFinds(Verdict.STALE),
        *(Spoil(Spoiling.SWAP_DATA), RemoveApp(), Declare()),
        AppFinds(Verdict.FOREIGN),
        *(RemoveApp(), LoseRepository(Store.LOCAL), Declare(tier=NO_TIER)),
        AppFinds(Verdict.EMPTY_THROUGH_LOSS),
        RemoveApp(),
    ),
    breaks=frozenset({Invariant.I1, Invariant.I4, Invariant.I5}),
)

BAD_COMPANY = Scenario(
    id="SC-01",
    name="control: bystander touched, two writers, child remade, leftover, churn, password shown",
    given=(Declare(), AppFinds(Verdict.EMPTY_LEGITIMATELY), Write(generation=1), BackUp()),
    when=(
        Spoil(Spoiling.TOUCH_BYSTANDER),
        Spoil(Spoiling.SECOND_WRITER),
        Spoil(Spoiling.REMAKE_CHILD),
        Spoil(Spoiling.LEAVE_SNAPSHOT),
        Spoil(Spoiling.CHURN),
        Spoil(Spoiling.SHOW_CREDENTIAL),
    ),
    then=(BackUp(),),
    breaks=frozenset({Invariant.I6, Invariant.I7, Invariant.I8, Invariant.I9, Invariant.I11, Invariant.I12}),
)

# Its claim asks for no backups, so that an engine that would hold it has nothing to do with it. It is taken away again:
# what protects it would be missed.
BAD_WAITS = Scenario(
    id="SC-01",
    name="control: a claim that waits in silence, one that is born in the dark",
    given=(Spoil(Spoiling.WAIT_IN_SILENCE),),
    when=(
        *(StopStore(Store.OFFSITE), StoreIsDark(Store.OFFSITE)),
        Declare(tier=NO_TIER),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        StartStore(Store.OFFSITE),
    ),
    then=(RemoveApp(),),
    breaks=frozenset({Invariant.I2, Invariant.I3, Invariant.I10}),
)


@pytest.mark.scenario(WRONG_DATA)
def test_wrong_data_get_the_verdict_that_says_how_they_are_wrong(drill: Drill) -> None:
    findings = drill.run(WRONG_DATA)
    assert findings.passed, findings.report()


@pytest.mark.scenario(BAD_COMPANY)
def test_each_monitor_says_what_was_done_before_its_eyes(drill: Drill) -> None:
    findings = drill.run(BAD_COMPANY)
    assert findings.passed, findings.report()


@pytest.mark.scenario(BAD_WAITS)
@pytest.mark.thorough
def test_each_monitor_says_who_waited_in_silence_and_who_was_born_in_the_dark(drill: Drill) -> None:
    findings = drill.run(BAD_WAITS)
    assert findings.passed, findings.report()
