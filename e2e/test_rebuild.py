"""SC-02: everything of an app is destroyed, only the stores survive, and the app is declared again as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from e2e.workloads import SMALL
from fixtures.engines import Store
from fixtures.oracle import Verdict
from fixtures.scenario import Cast, Scenario
from fixtures.steps.acts import BackUp, Declare, DeclareIsHeld, Write
from fixtures.steps.audits import HistoryIsKept
from fixtures.steps.looks import AppFinds, StoreIsDark
from fixtures.steps.losses import LoseCluster, LoseNamespace
from fixtures.steps.points import TimePasses
from fixtures.steps.upsets import NobodyKeepsUp, SomebodyKeepsUp, StartStore, StopStore

if TYPE_CHECKING:
    from fixtures.drill import Drill

# Hours apart no rule of retention takes one away, so that all three have to survive what is lost.
THREE_HOURS = (
    *(Write(generation=1), BackUp(), TimePasses(timedelta(hours=2))),
    *(Write(generation=2), BackUp(), TimePasses(timedelta(hours=2))),
    *(Write(generation=3), BackUp()),
)

NAMESPACE_LOST = Scenario(
    id="SC-02",
    name="rebuild, namespace lost",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *THREE_HOURS,
    ),
    when=(LoseNamespace(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=4), BackUp()),
    ),
)

CLUSTER_LOST = Scenario(
    id="SC-02",
    name="rebuild, cluster lost",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *THREE_HOURS,
    ),
    when=(LoseCluster(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=4), BackUp()),
    ),
)


# More apps than the nodes have cores, in several namespaces, and two that never had anything to lose.
TEN_AT_ONCE = Scenario(
    id="SC-02",
    name="rebuild, ten apps at once",
    cast=Cast(apps=10, namespaces=3, idle=2),
    data=SMALL,
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
        *(Write(generation=3), BackUp()),
    ),
    when=(LoseCluster(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=4), BackUp()),
    ),
)

CLAIMS_FIRST = Scenario(
    id="SC-02",
    name="rebuild, claims before all else",
    promise="SC-02 claims first",
    cast=Cast(apps=3, namespaces=2, idle=1),
    data=SMALL,
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(LoseNamespace(), Declare(claim_first=True)),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)

ENGINE_LATE = Scenario(
    id="SC-02",
    name="rebuild, claims before who restores them",
    promise="SC-02 engine late",
    given=CLAIMS_FIRST.given,
    when=(LoseNamespace(), NobodyKeepsUp(), Declare(), SomebodyKeepsUp()),
    then=CLAIMS_FIRST.then,
)

LOST_TWICE = Scenario(
    id="SC-30",
    name="second disaster",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(LoseNamespace(), Declare()),
        AppFinds(Verdict.INTACT),
        *(Write(generation=2), BackUp()),
    ),
    when=(LoseNamespace(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)

# Poison is a volume that is born empty while nobody can say what it should hold, and is backed up over what it lost.
STORE_AWAY = Scenario(
    id="SC-07",
    name="poisoned rebuild, store away meanwhile",
    promise="SC-07 held",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(
        LoseNamespace(),
        *(StopStore(Store.LOCAL), StoreIsDark(Store.LOCAL)),
        DeclareIsHeld(because="nobody can say"),
        StartStore(Store.LOCAL),
        Declare(),
    ),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)


@pytest.mark.scenario(NAMESPACE_LOST)
def test_an_app_whose_namespace_is_destroyed_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(NAMESPACE_LOST)
    assert findings.passed, findings.report()


@pytest.mark.scenario(STORE_AWAY)
def test_an_app_that_is_declared_while_its_store_is_away_waits_for_its_data(drill: Drill) -> None:
    findings = drill.run(STORE_AWAY)
    assert findings.passed, findings.report()


@pytest.mark.scenario(CLUSTER_LOST)
def test_an_app_whose_cluster_is_destroyed_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(CLUSTER_LOST)
    assert findings.passed, findings.report()


@pytest.mark.scenario(TEN_AT_ONCE)
@pytest.mark.thorough
def test_ten_apps_whose_cluster_is_destroyed_come_back_at_once(drill: Drill) -> None:
    findings = drill.run(TEN_AT_ONCE)
    assert findings.passed, findings.report()


@pytest.mark.scenario(CLAIMS_FIRST)
@pytest.mark.thorough
def test_apps_whose_claims_are_declared_before_all_else_wait_for_their_data(drill: Drill) -> None:
    findings = drill.run(CLAIMS_FIRST)
    assert findings.passed, findings.report()


@pytest.mark.scenario(ENGINE_LATE)
@pytest.mark.thorough
def test_an_app_that_is_declared_before_anybody_restores_it_waits_for_its_data(drill: Drill) -> None:
    findings = drill.run(ENGINE_LATE)
    assert findings.passed, findings.report()


@pytest.mark.scenario(LOST_TWICE)
@pytest.mark.thorough
def test_an_app_that_is_lost_a_second_time_comes_back_with_what_it_wrote_in_between(drill: Drill) -> None:
    findings = drill.run(LOST_TWICE)
    assert findings.passed, findings.report()
