"""SC-25: a store looks as if nothing had ever been backed up to it, and all is there. Nobody may start fresh then.

Or it holds what it held earlier, and nobody who asks it then can know: who knew of more has to say so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from fixtures.invariants import Invariant
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps import Neighbour
from fixtures.steps.acts import BackUp, Declare, DeclareIsHeld, GrowClaim, Write
from fixtures.steps.audits import HistoryIsKept
from fixtures.steps.looks import AppFinds, IsReported, SecondClaimHolds
from fixtures.steps.losses import RemoveApp
from fixtures.steps.points import KeepCopy, PutBack, TimePasses
from fixtures.steps.upsets import Emptiness, StoreLooksEmpty, StoreLooksRight

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

# Of one hour retention keeps the newest restore point alone: without hours in between, what is put back would be known
# to have gone by the rule. The claim grows so that its store is asked about it now, and not in a quarter of an hour.
PUT_BACK = Scenario(
    id="SC-25",
    name="store is put back to an older state, while the app lives",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp(), TimePasses(timedelta(hours=3))),
        KeepCopy(),
        *(Write(generation=2), BackUp()),
    ),
    when=(PutBack(), GrowClaim("2Gi"), IsReported(because="is gone, though no rule took it")),
    then=(*(RemoveApp(), Declare()), AppFinds(Verdict.STALE)),
    breaks=frozenset({Invariant.I1, Invariant.I5}),
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


@pytest.mark.scenario(PUT_BACK)
@pytest.mark.thorough
def test_an_app_whose_store_is_put_back_is_told_and_what_comes_back_is_stale(drill: Drill) -> None:
    findings = drill.run(PUT_BACK)
    assert findings.passed, findings.report()
