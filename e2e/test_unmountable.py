"""A restored volume that cannot be mounted: the drill ends in its time and without an answer, and keeps the evidence.

Not a drill of the run, since one that promises *unknown* could never pass; so it stands in no report.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from fixtures import artefacts
from fixtures.drill import Drill
from fixtures.engines import App
from fixtures.ledger import Ledger
from fixtures.oracle import Verdict
from fixtures.places import DRILL_PREFIX
from fixtures.rejudge import rejudge
from fixtures.report import Outcome
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.looks import AppFinds
from fixtures.steps.losses import RemoveApp
from fixtures.steps.spoiling import Spoil, Spoiling

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.ground import Ground

DAMAGED = Scenario(
    id="SC-03",
    name="control: the restored volume cannot be mounted",
    given=(Declare(), AppFinds(Verdict.EMPTY_LEGITIMATELY), Write(generation=1), BackUp()),
    when=(RemoveApp(), Spoil(Spoiling.DAMAGE_VOLUME), Declare()),
    then=(AppFinds(Verdict.INTACT),),
)
# Enough for what goes well; what cannot go well takes all of it.
RESTORE_DEADLINE_S: Final = 120.0
# For a last look, and the events.
TOLD_WITHIN_S: Final = 15.0


@pytest.mark.thorough
def test_a_restored_volume_that_cannot_be_mounted_ends_in_time_as_unknown(ground: Ground, tmp_path: Path) -> None:
    ground.waits = replace(ground.waits, restore=ground.waits.restore.within(RESTORE_DEADLINE_S))
    suffix, folder = secrets.token_hex(3), tmp_path / "drill"
    name = f"{DRILL_PREFIX}{suffix}"
    app = App(name=f"orders-{suffix}", namespace=name, drill=name, repository_password=secrets.token_urlsafe(24))
    nonce = secrets.token_hex(8)
    with Ledger.start(folder, run="r", seed=1, nonce=nonce, versions=ground.stack.versions()) as ledger:
        drill = Drill(ground, ledger, app, nonce=nonce, seed=1, say=lambda _: None)
        try:
            found = drill.run(DAMAGED)
            artefacts.collect(drill, folder, again="again")
        finally:
            ground.request_removal(app)
            ground.clean(app)
    assert [each.judgement.verdict for each in found.judged] == [Verdict.EMPTY_LEGITIMATELY, Verdict.UNKNOWN]
    told = found.judged[-1].judgement.explanation
    assert re.search(r"warned: orders-\S+ FailedMount: MountVolume\.\w+ failed .* mount", told, re.DOTALL), told
    assert (
        found.outcome,
        found.result(engine=ground.engine, namespace=name, seed=1, rerun="", artefacts="").verdict,
    ) == (
        Outcome.FAIL,
        Verdict.UNKNOWN,
    )
    last = found.phases[-1]
    assert last.name == "then the app finds its volume intact"
    assert RESTORE_DEADLINE_S <= last.duration_s < RESTORE_DEADLINE_S + TOLD_WITHIN_S
    *_, again = rejudge(folder)
    assert (again.now.verdict, again.agrees) == (Verdict.UNKNOWN, True)
    assert "FailedMount" in (folder / "events.txt").read_text()
    assert list((folder / "objects" / "PersistentVolume").glob("pvc-*.yaml"))
