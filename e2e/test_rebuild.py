"""SC-02: everything of an app is destroyed, only the stores survive, and the app is declared again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import (
    AppFinds,
    BackUp,
    Declare,
    HistoryIsKept,
    LoseCluster,
    LoseNamespace,
    Scenario,
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


@pytest.mark.scenario(NAMESPACE_LOST)
def test_an_app_whose_namespace_is_destroyed_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(NAMESPACE_LOST)
    assert findings.passed, findings.report()


@pytest.mark.scenario(CLUSTER_LOST)
def test_an_app_whose_cluster_is_destroyed_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(CLUSTER_LOST)
    assert findings.passed, findings.report()
