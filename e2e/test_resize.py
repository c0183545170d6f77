"""SC-04: a claim grows, in place or as it comes back; it never shrinks in place, nor below what it has to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.engines import Trait
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, GrowClaim, RestartApp, StopApp, Write
from fixtures.steps.audits import HistoryIsKept
from fixtures.steps.looks import (
    AppFinds,
    AppStillHolds,
    ClaimIsRefused,
    FileSystemFills,
    SecondClaimHolds,
    ShrinkIsRefused,
)
from fixtures.steps.losses import LoseClaim, RemoveApp
from fixtures.workload import Workload

if TYPE_CHECKING:
    from fixtures.drill import Drill

GROWS_IN_PLACE = Scenario(
    id="SC-04",
    name="resize, grows in place",
    given=(
        Declare(capacity="1Gi"),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        FileSystemFills("1Gi"),
        *(Write(generation=1), BackUp()),
        Write(generation=2),
    ),
    when=(GrowClaim("2Gi"), RestartApp()),
    then=(
        AppStillHolds(Verdict.INTACT),
        FileSystemFills("2Gi"),
        BackUp(),
        SecondClaimHolds(Verdict.INTACT),
        FileSystemFills("2Gi"),
    ),
)

RETURNS_LARGER = Scenario(
    id="SC-04",
    name="resize, returns larger",
    given=(
        Declare(capacity="1Gi"),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
    ),
    when=(RemoveApp(), Declare(capacity="2Gi")),
    then=(
        AppFinds(Verdict.INTACT),
        FileSystemFills("2Gi"),
        HistoryIsKept(),
        *(Write(generation=2), BackUp()),
    ),
)

# The destination that was kept holds an image of the old size, which a smaller claim cannot take.
RETURNS_SMALLER = Scenario(
    id="SC-04",
    name="resize, returns smaller than its image",
    only_with=Trait.KEEPS_ITS_DESTINATION,
    given=(
        Declare(capacity="1Gi"),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
    ),
    when=(LoseClaim(), Declare(capacity="512Mi")),
    then=(
        ClaimIsRefused(because="is less than the size"),
        *(RemoveApp(), Declare(capacity="1Gi")),
        AppFinds(Verdict.INTACT),
        FileSystemFills("1Gi"),
        HistoryIsKept(),
    ),
)

# Where the image is made for the claim that returns, a smaller one is restored as long as its data fit.
RETURNS_SMALLER_AND_FITS = Scenario(
    id="SC-04",
    name="resize, returns smaller",
    only_without=Trait.KEEPS_ITS_DESTINATION,
    given=(
        Declare(capacity="1Gi"),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
    ),
    when=(LoseClaim(), Declare(capacity="512Mi")),
    then=(
        AppFinds(Verdict.INTACT),
        FileSystemFills("512Mi"),
        HistoryIsKept(),
        *(Write(generation=2), BackUp()),
    ),
)

SHRINKS_IN_PLACE = Scenario(
    id="SC-04",
    name="resize, shrinks in place",
    given=(
        Declare(capacity="1Gi"),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        Write(generation=2),
    ),
    when=(ShrinkIsRefused("512Mi"), RestartApp()),
    then=(AppStillHolds(Verdict.INTACT), FileSystemFills("1Gi")),
)


# Generation 2 is saved by the workflow alone, after the app was stopped.
SHRUNK = Scenario(
    id="SC-04",
    name="resize, shrunk by the workflow",
    given=(
        Declare(capacity="1Gi"),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        Write(generation=2),
    ),
    when=(StopApp(), BackUp(), RemoveApp(), Declare(capacity="512Mi")),
    then=(
        AppFinds(Verdict.INTACT),
        FileSystemFills("512Mi"),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)

DATA_DO_NOT_FIT = Scenario(
    id="SC-04",
    name="resize, data larger than the new size",
    data=Workload(large_files=2, large_file_size_bytes=64 * 1024 * 1024),
    given=(
        Declare(capacity="1Gi"),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
    ),
    when=(RemoveApp(), Declare(capacity="64Mi")),
    then=(
        ClaimIsRefused(because=r"[Nn]o space left on device|does not fit|larger than|needs \d+ bytes"),
        *(RemoveApp(), Declare(capacity="1Gi")),
        AppFinds(Verdict.INTACT),
        FileSystemFills("1Gi"),
        HistoryIsKept(),
    ),
)


@pytest.mark.scenario(GROWS_IN_PLACE)
def test_a_claim_that_grows_keeps_its_data_and_is_restored_with_its_new_size(drill: Drill) -> None:
    findings = drill.run(GROWS_IN_PLACE)
    assert findings.passed, findings.report()


@pytest.mark.scenario(RETURNS_LARGER)
@pytest.mark.thorough
def test_an_app_that_returns_with_a_larger_claim_can_use_all_of_it(drill: Drill) -> None:
    findings = drill.run(RETURNS_LARGER)
    assert findings.passed, findings.report()


@pytest.mark.scenario(RETURNS_SMALLER)
@pytest.mark.thorough
def test_a_claim_smaller_than_its_image_is_refused_and_the_old_size_is_restored(drill: Drill) -> None:
    findings = drill.run(RETURNS_SMALLER)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(RETURNS_SMALLER_AND_FITS)
def test_an_app_that_returns_with_a_smaller_claim_is_restored_into_it(drill: Drill) -> None:
    findings = drill.run(RETURNS_SMALLER_AND_FITS)
    assert findings.passed, findings.report()


@pytest.mark.scenario(SHRINKS_IN_PLACE)
@pytest.mark.thorough
def test_a_claim_cannot_shrink_in_place(drill: Drill) -> None:
    findings = drill.run(SHRINKS_IN_PLACE)
    assert findings.passed, findings.report()


@pytest.mark.thorough
@pytest.mark.scenario(SHRUNK)
def test_a_claim_is_shrunk_by_a_last_backup_and_a_restore_into_a_smaller_one(drill: Drill) -> None:
    findings = drill.run(SHRUNK)
    assert findings.passed, findings.report()


@pytest.mark.scenario(DATA_DO_NOT_FIT)
@pytest.mark.thorough
def test_data_larger_than_the_new_claim_are_refused_and_the_original_stays(drill: Drill) -> None:
    findings = drill.run(DATA_DO_NOT_FIT)
    assert findings.passed, findings.report()
