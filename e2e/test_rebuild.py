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
    LoseClaim,
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

# The destination of this design restores once. It did so when there was nothing, and hands that out for ever.
CLAIM_LOST_BESIDE_ITS_DESTINATION = Scenario(
    id="SC-02",
    name="control: claim lost, destination kept",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
    ),
    when=(LoseClaim(), Declare()),
    then=(AppFinds(Verdict.EMPTY_THROUGH_LOSS),),
)


@pytest.mark.scenario(NAMESPACE_LOST)
def test_an_app_whose_namespace_is_destroyed_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(NAMESPACE_LOST)
    assert findings.passed, findings.report()


@pytest.mark.scenario(CLAIM_LOST_BESIDE_ITS_DESTINATION)
def test_a_claim_filled_from_the_image_of_an_older_restore_is_never_called_intact(drill: Drill) -> None:
    findings = drill.run(CLAIM_LOST_BESIDE_ITS_DESTINATION)
    assert findings.passed, findings.report()


@pytest.mark.scenario(CLUSTER_LOST)
def test_an_app_whose_cluster_is_destroyed_comes_back_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(CLUSTER_LOST)
    assert findings.passed, findings.report()
