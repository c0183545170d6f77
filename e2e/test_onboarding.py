"""SC-18: how apps come to be protected: late, otherwise than before, by mistake, under long names, from a template."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import pytest

from controller import contract
from e2e.desk import NAME, Desk
from e2e.workloads import SMALL
from fixtures import places
from fixtures.engines import CHILD_KINDS, NO_TIER, App
from fixtures.engines.reference import ReferenceEngine
from fixtures.kube.kinds import CLAIM, POD, REPLICATION_SOURCE
from fixtures.kube.objects import name_of
from fixtures.oracle import Verdict
from fixtures.scenario import Cast, Scenario
from fixtures.steps.acts import AskOddly, BackUp, Declare, DeclareIsHeld, Reschedule, Unprotect, Write
from fixtures.steps.audits import ChildrenAreExact, HistoryIsKept, NothingProtects, NothingToRestore
from fixtures.steps.looks import AppFinds, IsReported
from fixtures.steps.losses import LoseNamespace, RemoveApp
from fixtures.wait import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.drill import Drill
    from fixtures.ground import Ground

# No backup is made while another tier is in force: the ledger knows one rule of retention for a drill.
LABELLED_LATE = Scenario(
    id="SC-18",
    name="onboarding: labelled late, relabelled, mislabelled, unlabelled",
    given=(
        Declare(tier=NO_TIER),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        Write(generation=1),
        *(NothingProtects(), NothingToRestore()),
    ),
    when=(
        *(Declare(tier="hourly"), BackUp(), ChildrenAreExact()),
        *(Reschedule("daily"), ChildrenAreExact()),
        AskOddly("weekly", because="there is no such tier"),
        *(Unprotect(), NothingProtects(), IsReported(because="backups are not asked for")),
        Declare(tier="hourly"),
    ),
    then=(
        *(Write(generation=2), BackUp(), ChildrenAreExact()),
        RemoveApp(),
        DeclareIsHeld(tier="weekly", because="there is no such tier"),
        Declare(),
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
    ),
)

# The children of both are watched by I7: beside each other, either's would be too many for the other.
LONG_NAMES = Scenario(
    id="SC-18",
    name="onboarding: long names that differ at their ends",
    cast=Cast(apps=2, long_names=True),
    data=SMALL,
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
    ),
    when=(RemoveApp(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        *(Write(generation=2), BackUp()),
        HistoryIsKept(),
    ),
)

# Nobody applies a claim: the set makes each one when the replica before it runs. They go with their namespace, and
# then with the set alone.
STATEFUL = Scenario(
    id="SC-18",
    name="onboarding: claims from the template of a StatefulSet",
    promise="SC-18 templates",
    cast=Cast(apps=2, of_one_set=True),
    data=SMALL,
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(LoseNamespace(), Declare()),
        AppFinds(Verdict.INTACT),
        *(Write(generation=2), BackUp()),
    ),
    when=(RemoveApp(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
)


@pytest.mark.scenario(LABELLED_LATE)
@pytest.mark.thorough
def test_an_app_is_backed_up_from_when_it_asks_and_as_it_asks_and_an_odd_wish_is_told(drill: Drill) -> None:
    findings = drill.run(LABELLED_LATE)
    assert findings.passed, findings.report()


@pytest.mark.scenario(LONG_NAMES)
@pytest.mark.thorough
def test_apps_whose_long_names_differ_at_their_ends_get_their_own_data(drill: Drill) -> None:
    findings = drill.run(LONG_NAMES)
    assert findings.passed, findings.report()


@pytest.fixture
def left_out(ground: Ground, tmp_path: Path) -> Iterator[Desk]:
    """Where no webhook is asked about claims, with nothing left there afterwards."""
    if ground.engine.name != ReferenceEngine.name:
        pytest.skip(f"engine {ground.engine.name} leaves out no namespace")
    ground.engine.install()
    app = App(name=NAME, namespace="kube-system", drill=f"drill-{secrets.token_hex(3)}", repository_password="-")  # noqa: S106
    yield Desk(ground, app.namespace, tmp_path)
    ground.kube.delete(POD, NAME, app.namespace)
    ground.kube.delete(CLAIM, NAME, app.namespace)
    eventually(
        lambda: [
            name_of(item)
            for kind in CHILD_KINDS
            for item in ground.kube.list(kind, app.namespace)
            if NAME in name_of(item)
        ],
        lambda left: not left,
        expected="nothing of the claim to be left",
        wait=ground.waits.gone,
    )
    places.clear(app, ground.stack.stores().values(), ground.cluster.store)


@pytest.mark.thorough
def test_a_labelled_claim_where_nobody_decides_is_backed_up_and_its_successor_reported(left_out: Desk) -> None:
    left_out.apply_claim()
    left_out.start_app()
    left_out.await_protected()
    assert contract.DECISION_ANNOTATION not in left_out.claim["metadata"].get("annotations", {})
    left_out.shell("echo ours > /data/word && sync")
    left_out.done("back-up", f"{left_out.namespace}/{NAME}")
    left_out.stop_app()
    left_out.delete_claim()
    left_out.apply_claim()
    left_out.start_app()
    assert left_out.shell("ls /data") == "lost+found"
    said = left_out.await_told("BackupsBlocked")
    assert re.search(r"created without a decision although \d+ restore points exist", said)
    assert not left_out.ground.kube.list(REPLICATION_SOURCE, left_out.namespace)


@pytest.mark.scenario(STATEFUL)
@pytest.mark.thorough
def test_the_replicas_of_a_set_whose_template_bears_the_label_get_their_own_data_back(drill: Drill) -> None:
    findings = drill.run(STATEFUL)
    assert findings.passed, findings.report()
