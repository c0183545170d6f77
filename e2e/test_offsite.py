"""SC-19: the repository that is near is lost, and the one far away brings the app back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.engines import Store
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.looks import AppFinds
from fixtures.steps.losses import LoseRepository, RemoveApp

if TYPE_CHECKING:
    from fixtures.drill import Drill

# Generation 3 never left for the far store: what is due from there is generation 2.
LOCAL_REPOSITORY_LOST = Scenario(
    id="SC-19",
    name="off-site restore, local repository lost",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp(Store.OFFSITE)),
        *(Write(generation=2), BackUp(Store.OFFSITE)),
        *(Write(generation=3), BackUp(Store.LOCAL)),
    ),
    when=(RemoveApp(), LoseRepository(Store.LOCAL), Declare(restore_from=Store.OFFSITE)),
    then=(
        AppFinds(Verdict.INTACT),
        *(Write(generation=4), BackUp(Store.LOCAL), BackUp(Store.OFFSITE)),
    ),
)


@pytest.mark.thorough
@pytest.mark.scenario(LOCAL_REPOSITORY_LOST)
def test_an_app_whose_local_repository_is_lost_comes_back_from_the_off_site_store(drill: Drill) -> None:
    findings = drill.run(LOCAL_REPOSITORY_LOST)
    assert findings.passed, findings.report()
