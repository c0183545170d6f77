"""SC-01: a new app has nothing to come back to. It starts empty, and from then on it is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.oracle import Verdict
from fixtures.scenario import (
    AppFinds,
    BackUp,
    ChildrenAreExact,
    Declare,
    NothingToRestore,
    Scenario,
    SecondClaimHolds,
    Write,
)

if TYPE_CHECKING:
    from fixtures.drill import Drill

FRESH_INSTALL = Scenario(
    id="SC-01",
    name="fresh install",
    given=(NothingToRestore(),),
    when=(Declare(),),
    then=(
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        Write(generation=1),
        BackUp(),
        ChildrenAreExact(),
        SecondClaimHolds(Verdict.INTACT),
    ),
)


@pytest.mark.scenario(FRESH_INSTALL)
def test_a_new_app_starts_empty_and_its_first_backup_can_be_restored(drill: Drill) -> None:
    findings = drill.run(FRESH_INSTALL)
    assert findings.passed, findings.report()
