"""SC-11 and SC-21: what lies in the way of a repository, and apps whose names can be taken for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.engines import Store
from fixtures.invariants import Invariant
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps import Neighbour
from fixtures.steps.acts import BackUp, Declare, DeclareIsHeld, Write
from fixtures.steps.audits import HistoryIsKept, RepositoryIsSound
from fixtures.steps.looks import AppFinds, SecondClaimHolds
from fixtures.steps.losses import LoseNamespace, LoseRepository, RemoveApp
from fixtures.steps.points import KeepCopy, LeaveForeignFiles, ReturnRepository, TakeNeighboursRepository

if TYPE_CHECKING:
    from fixtures.drill import Drill

FOREIGN_FILES = Scenario(
    id="SC-11",
    name="foreign files in the path",
    given=(
        LeaveForeignFiles(),
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
    ),
    when=(RemoveApp(), LeaveForeignFiles(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=2), BackUp()),
        RepositoryIsSound(),
    ),
)

# Finding K10 of this design: whatever lies in the path is taken for the app's own, another app's data as well.
FOREIGN_REPOSITORY = Scenario(
    id="SC-11",
    name="K10: another app's repository in the path",
    promise="K10",
    given=(
        Neighbour(Declare()),
        Neighbour(AppFinds(Verdict.EMPTY_LEGITIMATELY)),
        *(Neighbour(Write(generation=1)), Neighbour(BackUp())),
    ),
    when=(TakeNeighboursRepository(), Declare()),
    then=(AppFinds(Verdict.FOREIGN),),
    # The app never had a restore point, so that its start is not one that I1 speaks of; what came is nobody's backup.
    breaks=frozenset({Invariant.I4}),
)

# Where it can be told that nobody ever backed the app up to that place, it waits until somebody has cleared that up.
FOREIGN_REPOSITORY_HELD = Scenario(
    id="SC-11",
    name="another app's repository in the path, held",
    promise="SC-11 held",
    given=FOREIGN_REPOSITORY.given,
    when=(TakeNeighboursRepository(), DeclareIsHeld(because="may be another claim's")),
    then=(
        LoseRepository(Store.LOCAL),
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        SecondClaimHolds(Verdict.INTACT),
        Neighbour(SecondClaimHolds(Verdict.INTACT)),
    ),
)

# The same for an app that had backups there: its own repository is gone, and another app's lies in its place.
_BOTH_BACKED_UP = (
    *FOREIGN_REPOSITORY.given,
    *(Declare(), AppFinds(Verdict.EMPTY_LEGITIMATELY)),
    *(Write(generation=1), BackUp(), KeepCopy()),
    RemoveApp(),
)

REPLACED_REPOSITORY = Scenario(
    id="SC-11",
    name="K10: another app's repository in the place of its own",
    promise="K10",
    given=_BOTH_BACKED_UP,
    when=(TakeNeighboursRepository(), Declare()),
    then=(AppFinds(Verdict.FOREIGN),),
    breaks=frozenset({Invariant.I1, Invariant.I4}),
)

REPLACED_REPOSITORY_HELD = Scenario(
    id="SC-11",
    name="another app's repository in the place of its own, held",
    promise="SC-11 held",
    given=_BOTH_BACKED_UP,
    when=(TakeNeighboursRepository(), DeclareIsHeld(because="may be another claim's")),
    then=(
        ReturnRepository(),
        Declare(),
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=2), BackUp()),
        Neighbour(SecondClaimHolds(Verdict.INTACT)),
    ),
)

NAMES_READ_ALIKE = Scenario(
    id="SC-21",
    name="two claims whose names read alike",
    given=(
        *(Declare(), Neighbour(Declare())),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        Neighbour(AppFinds(Verdict.EMPTY_LEGITIMATELY)),
        *(Write(generation=1), BackUp()),
        *(Neighbour(Write(generation=1)), Neighbour(BackUp())),
        *(Write(generation=2), BackUp()),
    ),
    when=(LoseNamespace(), Neighbour(LoseNamespace()), Declare(), Neighbour(Declare())),
    then=(
        AppFinds(Verdict.INTACT),
        Neighbour(AppFinds(Verdict.INTACT)),
        HistoryIsKept(),
        Neighbour(HistoryIsKept()),
    ),
)


@pytest.mark.scenario(FOREIGN_FILES)
@pytest.mark.thorough
def test_files_of_somebody_else_in_the_repositorys_place_change_nothing(drill: Drill) -> None:
    findings = drill.run(FOREIGN_FILES)
    assert findings.passed, findings.report()


@pytest.mark.scenario(FOREIGN_REPOSITORY)
@pytest.mark.thorough
def test_another_apps_repository_in_the_path_is_restored_as_the_apps_own(drill: Drill) -> None:
    findings = drill.run(FOREIGN_REPOSITORY)
    assert findings.passed, findings.report()


@pytest.mark.scenario(FOREIGN_REPOSITORY_HELD)
@pytest.mark.thorough
def test_an_app_in_whose_place_lies_another_apps_repository_waits_until_that_is_cleared_up(drill: Drill) -> None:
    findings = drill.run(FOREIGN_REPOSITORY_HELD)
    assert findings.passed, findings.report()


@pytest.mark.scenario(REPLACED_REPOSITORY)
@pytest.mark.thorough
def test_another_apps_repository_in_the_place_of_its_own_is_restored_as_the_apps_own(drill: Drill) -> None:
    findings = drill.run(REPLACED_REPOSITORY)
    assert findings.passed, findings.report()


@pytest.mark.scenario(REPLACED_REPOSITORY_HELD)
@pytest.mark.thorough
def test_an_app_whose_repository_was_replaced_by_another_apps_waits_for_its_own(drill: Drill) -> None:
    findings = drill.run(REPLACED_REPOSITORY_HELD)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(NAMES_READ_ALIKE)
def test_two_claims_whose_names_read_alike_get_their_own_data_back(drill: Drill) -> None:
    findings = drill.run(NAMES_READ_ALIKE)
    assert findings.passed, findings.report()
