"""SC-24: a store moves, and its keys are renewed. What runs fails and recovers, and nobody starts fresh meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps import Neighbour
from fixtures.steps.acts import BackUp, Declare, DeclareIsHeld, Write
from fixtures.steps.audits import HistoryIsKept
from fixtures.steps.looks import AppFinds, SecondClaimHolds
from fixtures.steps.losses import RemoveApp
from fixtures.steps.points import BackUpGoesOn, BeginBackUp
from fixtures.steps.upsets import MoveStore, TellOfStore
from fixtures.workload import Workload

if TYPE_CHECKING:
    from fixtures.drill import Drill

# Enough to read that the mover can be held while it does.
LARGE = Workload(files=50, large_files=1, large_file_size_bytes=48 * 1024 * 1024)

# One app is away and wants to come back, the other is in the middle of a backup.
STORE_MOVES = Scenario(
    id="SC-24",
    name="store moves and its keys are renewed, in the middle of a backup",
    data=LARGE,
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Neighbour(Declare()), Neighbour(AppFinds(Verdict.EMPTY_LEGITIMATELY))),
        *(Neighbour(Write(generation=1)), Neighbour(BackUp())),
        RemoveApp(),
    ),
    when=(
        *(Neighbour(Write(generation=2)), Neighbour(BeginBackUp()), Neighbour(MoveStore())),
        DeclareIsHeld(because="nobody can say"),
        TellOfStore(),
        *(Neighbour(BackUpGoesOn()), Declare()),
    ),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=2), BackUp()),
        Neighbour(SecondClaimHolds(Verdict.INTACT)),
    ),
)


@pytest.mark.scenario(STORE_MOVES)
@pytest.mark.thorough
def test_apps_whose_store_moves_are_backed_up_and_restored_once_the_engine_is_told(drill: Drill) -> None:
    findings = drill.run(STORE_MOVES)
    assert findings.passed, findings.report()
