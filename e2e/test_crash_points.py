"""The reference controller is killed after each of its writes, through a whole life of a claim and into the next.

Every state that a crash can leave behind lies between two writes. So a reconciler that is killed after its first write,
and started again, and killed after the next, goes through all of them; whatever one of them were to break, the drill's
own judge sees. The crash points are written to the folder of the run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from fixtures.components import controller
from fixtures.kube.kinds import DEPLOYMENT, POD
from fixtures.oracle import Verdict
from fixtures.scenario import Scenario
from fixtures.steps.acts import BackUp, Declare, Write
from fixtures.steps.audits import HistoryIsKept
from fixtures.steps.looks import AppFinds
from fixtures.steps.losses import LoseNamespace
from fixtures.wait import eventually

if TYPE_CHECKING:
    from collections.abc import Generator

    from fixtures.drill import Drill

CRASHES: Final = Scenario(
    id="SC-02",
    name="rebuild, the controller dies after each write",
    promise="SC-02 controller killed",
    given=(
        Declare(),
        AppFinds(Verdict.EMPTY_LEGITIMATELY),
        *(Write(generation=1), BackUp()),
        *(Write(generation=2), BackUp()),
    ),
    when=(LoseNamespace(), Declare()),
    then=(
        AppFinds(Verdict.INTACT),
        HistoryIsKept(),
        *(Write(generation=3), BackUp()),
    ),
    upsets_others=True,
)
# What the life of a claim consists of: each was the last write of a process that was killed.
EXPECTED: Final = {
    "annotate": "persistentvolumeclaims",
    "create": "replicationdestinations",
    "delete": "replicationdestinations",
    "replace": "replicationsources",
    "condition": "persistentvolumeclaims",
    "announce": ".firedrill/known",
    "note": ".firedrill/known",
}
_ROOT: Final = Path(__file__).parent.parent
_KILLED: Final = -9


@pytest.mark.thorough
@pytest.mark.scenario(CRASHES)
def test_a_controller_that_is_killed_after_each_write_loses_nothing_and_gets_on(drill: Drill) -> None:
    journal = drill.ledger.folder / "crash-points.txt"
    with no_reconciler_but(drill, journal):
        findings = drill.run(CRASHES)
    assert findings.passed, findings.report()
    points = journal.read_text().splitlines()
    for verb, what in EXPECTED.items():
        assert any(point.startswith(verb) and what in point for point in points), (verb, what, points)
    made = [point for point in points if point.startswith("create") and "replicationsources" in point]
    assert len(made) == len(set(made)), "a source was made twice"


@contextmanager
def no_reconciler_but(drill: Drill, journal: Path) -> Generator[None]:
    """One on this machine that dies after each write stands in for the cluster's own, which rests."""
    settings = journal.with_name("controller.yaml")
    found = controller.settings_from_outside(drill.ground.kube)
    settings.write_text(yaml.safe_dump({**found, "metricsPort": 18089}))
    stop = threading.Event()
    with _rests(drill):
        thread = threading.Thread(target=_live_and_die, args=(drill, settings, journal, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@contextmanager
def _rests(drill: Drill) -> Generator[None]:
    """The cluster's own reconciler; whatever comes of it, it is there again afterwards."""
    try:
        _scale(drill, 0)
        yield
    finally:
        _scale(drill, 1)


def _live_and_die(drill: Drill, settings: Path, journal: Path, stop: threading.Event) -> None:
    restic = drill.ground.stack.images.binary("restic").parent
    environment = {
        **os.environ,
        "KUBECONFIG": str(drill.ground.cluster.kubeconfig),
        "PATH": f"{restic}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "tests.controller.dying", str(settings), str(journal)]
    with journal.with_name("controller.log").open("wb") as log:
        while not stop.is_set():
            with subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=log, stderr=log) as process:
                while process.poll() is None and not stop.wait(0.2):
                    pass
                process.kill()
            # It may end by its own first write, or by us; by nothing else.
            if process.returncode != _KILLED:
                return


def _scale(drill: Drill, replicas: int) -> None:
    kube = drill.ground.kube
    kube.patch(DEPLOYMENT, controller.RECONCILE, controller.NAMESPACE, {"spec": {"replicas": replicas}})
    eventually(
        lambda: [
            pod for pod in kube.list(POD, controller.NAMESPACE) if pod["metadata"]["name"].startswith("reconcile-")
        ],
        lambda pods: len(pods) == replicas,
        expected=f"{replicas} pods of the cluster's own reconciler",
        wait=drill.ground.waits.pod,
    )
