"""SC-25: a store looks as if nothing had ever been backed up to it, and all is there. Nobody may start fresh then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import (
    AppFinds,
    BackUp,
    Declare,
    DeclareIsHeld,
    HistoryIsKept,
    Neighbour,
    RemoveApp,
    Scenario,
    Write,
)
from fixtures.steps import Emptiness, IsReported, SecondClaimHolds, StoreLooksEmpty, StoreLooksRight

if TYPE_CHECKING:
    from fixtures.drill import Drill

# The neighbour lives through it, and what is known of its backups is not found where they are looked for.
WRONG_PLACE = Scenario(
    id="SC-25",
    name="store looks empty: wrong bucket, wrong prefix, no bucket",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Neighbour(Declare()), Neighbour(AppFinds(Verdict.EMPTY_LEGITIMATELY))),
        *(Neighbour(Write(generation=1)), Neighbour(BackUp())),
        RemoveApp(),
    ),
    when=(
        *(StoreLooksEmpty(Emptiness.OTHER_BUCKET), DeclareIsHeld(because="wrong bucket or prefix")),
        Neighbour(IsReported(because="wrong bucket or prefix")),
        *(StoreLooksEmpty(Emptiness.OTHER_PREFIX), DeclareIsHeld(because="wrong bucket or prefix")),
        *(StoreLooksEmpty(Emptiness.NO_BUCKET), DeclareIsHeld(because="nobody can say")),
        *(StoreLooksRight(), Declare()),
    ),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Neighbour(BackUp()), Neighbour(SecondClaimHolds(Verdict.INTACT))),
    ),
)

ROLLED_BACK = Scenario(
    id="SC-25",
    name="store looks empty: rolled back, as a whole and for one app",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
        RemoveApp(),
    ),
    when=(
        *(StoreLooksEmpty(Emptiness.EMPTY_STORE), DeclareIsHeld(because="wrong bucket or prefix")),
        StoreLooksRight(),
        *(StoreLooksEmpty(Emptiness.EMPTY_REPOSITORY), DeclareIsHeld(because="has had restore points in this store")),
        *(StoreLooksRight(), Declare()),
    ),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)


@pytest.mark.scenario(WRONG_PLACE)
@pytest.mark.thorough
def test_an_app_whose_store_is_looked_for_in_the_wrong_place_waits_for_its_data(drill: Drill) -> None:
    findings = drill.run(WRONG_PLACE)
    assert findings.passed, findings.report()


@pytest.mark.scenario(ROLLED_BACK)
@pytest.mark.thorough
def test_an_app_whose_store_has_lost_what_it_had_waits_for_its_data(drill: Drill) -> None:
    findings = drill.run(ROLLED_BACK)
    assert findings.passed, findings.report()
