"""SC-05: the node under an app stops, returns, or is lost for good. Live data are never replaced by a backup.

VolSync's own pod runs elsewhere, so that a recovery time is that of the volume and not of VolSync's lease, and one form
has both on the node that goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from e2e.workloads import LARGE
from fixtures.engines import Placement
from fixtures.oracle import Verdict
from fixtures.scenario import Cast, Scenario, Storage
from fixtures.steps.acts import BackUp, Declare, StartNode, StopNode, Write
from fixtures.steps.audits import HistoryIsKept, RepositoryIsSound
from fixtures.steps.looks import AppFinds, AppMoved, AppStillHolds
from fixtures.steps.losses import LoseNode, RemoveApp
from fixtures.steps.points import BeginBackUp, HoldRestore, RemoveLocks

if TYPE_CHECKING:
    from fixtures.drill import Drill

# Generation 2 is in no backup: whoever restores loses it.
UNSAVED_WRITES = (
    Declare(),
    AppFinds(Verdict.EMPTY_LEGITIMATELY),
    *(Write(generation=1), BackUp()),
    Write(generation=2),
)

AWAY_FROM_VOLSYNC = Cast(placement=Placement.AWAY_FROM_VOLSYNC)

NODE_STOPPED = Scenario(
    id="SC-05",
    name="node loss, replicated volume",
    storage=Storage.REPLICATED,
    cast=AWAY_FROM_VOLSYNC,
    given=UNSAVED_WRITES,
    when=(StopNode(),),
    then=(
        AppStillHolds(Verdict.INTACT),
        AppMoved(),
        StartNode(),
        *(Write(generation=3), BackUp()),
    ),
)

NODE_RETURNED = Scenario(
    id="SC-05",
    name="node loss, returns with its disk",
    storage=Storage.NODE_LOCAL,
    cast=AWAY_FROM_VOLSYNC,
    given=UNSAVED_WRITES,
    when=(StopNode(), StartNode()),
    then=(
        AppStillHolds(Verdict.INTACT),
        *(Write(generation=3), BackUp()),
    ),
)

NODE_LOST = Scenario(
    id="SC-05",
    name="node loss, lost for good",
    storage=Storage.NODE_LOCAL,
    cast=AWAY_FROM_VOLSYNC,
    given=UNSAVED_WRITES,
    when=(LoseNode(), RemoveApp(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        AppMoved(),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)

# Nothing is restored until the lease of the VolSync that was lost has run out.
NODE_LOST_WITH_VOLSYNC = replace(
    NODE_LOST,
    name="node loss, lost for good with VolSync on it",
    cast=Cast(placement=Placement.BESIDE_VOLSYNC),
)


# The mover's lock stays, and nobody is left who could take it away.
NODE_LOST_WITH_A_MOVER = Scenario(
    id="SC-05",
    name="node loss, while it runs a mover",
    promise="SC-08",
    storage=Storage.NODE_LOCAL,
    cast=AWAY_FROM_VOLSYNC,
    data=LARGE,
    given=UNSAVED_WRITES,
    when=(BeginBackUp(), LoseNode(), RemoveApp(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        *(Write(generation=3), BackUp()),
        RepositoryIsSound(),
        HistoryIsKept(),
    ),
)

NODE_LOST_WITH_A_MOVER_AND_UNLOCKED = replace(
    NODE_LOST_WITH_A_MOVER,
    name="node loss, while it runs a mover, unlocked by hand",
    promise="SC-08 by hand",
    when=(BeginBackUp(), LoseNode(), RemoveLocks(), RemoveApp(), Declare()),
)


# The temporary claim of the restore is lost with its node. Whoever gives the node up has the app made anew.
NODE_LOST_WITH_A_RESTORE = Scenario(
    id="SC-05",
    name="node loss, while it holds the temporary claim of a restore",
    storage=Storage.NODE_LOCAL,
    data=LARGE,
    given=(
        *(Declare(), AppFinds(Verdict.EMPTY_LEGITIMATELY)),
        *(Write(generation=1), BackUp()),
        *(RemoveApp(), Declare(), HoldRestore()),
    ),
    when=(LoseNode(of_restore=True), RemoveApp(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        AppMoved(),
        HistoryIsKept(),
        *(Write(generation=2), BackUp()),
    ),
)


@pytest.mark.scenario(NODE_STOPPED)
@pytest.mark.thorough
def test_an_app_on_a_replicated_volume_moves_with_its_live_data(drill: Drill) -> None:
    findings = drill.run(NODE_STOPPED)
    assert findings.passed, findings.report()


@pytest.mark.scenario(NODE_RETURNED)
@pytest.mark.thorough
def test_an_app_on_a_node_that_returns_with_its_disk_has_its_live_data(drill: Drill) -> None:
    findings = drill.run(NODE_RETURNED)
    assert findings.passed, findings.report()


@pytest.mark.scenario(NODE_LOST)
@pytest.mark.thorough
def test_an_app_whose_node_is_lost_for_good_comes_back_elsewhere_as_last_backed_up(drill: Drill) -> None:
    findings = drill.run(NODE_LOST)
    assert findings.passed, findings.report()


@pytest.mark.scenario(NODE_LOST_WITH_VOLSYNC)
@pytest.mark.thorough
def test_an_app_whose_node_is_lost_with_volsync_on_it_comes_back_elsewhere(drill: Drill) -> None:
    findings = drill.run(NODE_LOST_WITH_VOLSYNC)
    assert findings.passed, findings.report()


@pytest.mark.scenario(NODE_LOST_WITH_A_MOVER)
@pytest.mark.thorough
def test_an_app_whose_node_is_lost_in_mid_backup_comes_back_and_is_backed_up_again(drill: Drill) -> None:
    findings = drill.run(NODE_LOST_WITH_A_MOVER)
    assert findings.passed, findings.report()


@pytest.mark.scenario(NODE_LOST_WITH_A_MOVER_AND_UNLOCKED)
@pytest.mark.thorough
def test_an_app_whose_node_is_lost_in_mid_backup_comes_back_once_an_operator_has_removed_the_lock(drill: Drill) -> None:
    findings = drill.run(NODE_LOST_WITH_A_MOVER_AND_UNLOCKED)
    assert findings.passed, findings.report()


@pytest.mark.scenario(NODE_LOST_WITH_A_RESTORE)
@pytest.mark.thorough
def test_an_app_whose_node_is_lost_in_mid_restore_comes_back_elsewhere_once_it_is_made_anew(drill: Drill) -> None:
    findings = drill.run(NODE_LOST_WITH_A_RESTORE)
    assert findings.passed, findings.report()
