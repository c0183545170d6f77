"""SC-02: everything of an app is destroyed, only the stores survive, and the app is declared again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.engines import Store
from fixtures.oracle import Verdict
from fixtures.scenario import (
    AppFinds,
    BackUp,
    Declare,
    DeclareIsHeld,
    HistoryIsKept,
    LoseCluster,
    LoseNamespace,
    Scenario,
    StartStore,
    StopStore,
    Write,
)

if TYPE_CHECKING:
    from fixtures.drill import Drill

NAMESPACE_LOST = Scenario(
    id="SC-02",
    name="rebuild, namespace lost",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
        *(Write(generation=3), BackUp()),
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
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(LoseCluster(), Declare()),
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
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(
        LoseNamespace(),
        StopStore(Store.LOCAL),
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
