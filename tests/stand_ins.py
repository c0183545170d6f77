"""What drills are made of in tests of the plugin: a cluster that only notes what is done to it, and drills that end as
their scenario's name says.

The `conftest.py` of such a run takes both hooks from here, in whichever process the run or its workers are.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from clusters.problem import Problem
from fixtures import conclusion, settings
from fixtures.due import Due
from fixtures.engines import Variant
from fixtures.findings import Findings, Judged
from fixtures.oracle import Judgement, Verdict
from fixtures.scenario import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fixtures.scenario import Scenario

# The file that every process of a run appends its notes to.
NOTES: Final = "STAND_INS_NOTES"
_REPLACED: Final = pytest.MonkeyPatch()


def pytest_plugin_registered(plugin: object, plugin_name: str) -> None:
    """Let the plugin work on the stand-ins, until the run ends."""
    if plugin_name != "fixtures.session":
        return
    stack = SimpleNamespace(
        on_kind=lambda name, versions, images_from, waits: Stack(name, waits),  # noqa: ARG005
        on_existing=lambda path, context, told, versions, waits: Stack("theirs", waits),  # noqa: ARG005
    )
    artefacts = SimpleNamespace(collect=collect)
    theirs = SimpleNamespace(load=lambda path: None)  # noqa: ARG005
    for place, name, stand_in in (
        (settings, "stack", stack),
        (settings, "theirs", theirs),
        (conclusion, "artefacts", artefacts),
        (plugin, "Ground", Ground),
        (plugin, "Drill", Drill),
        (plugin, "Monitors", Monitors),
    ):
        _REPLACED.setattr(place, name, stand_in)


def pytest_unconfigure() -> None:
    _REPLACED.undo()


def collect(_drill: Any, folder: Path, again: str) -> None:
    (folder / "again.txt").write_text(again)
    if "COLLECTING" in os.environ:
        raise {"breaks": RuntimeError, "is interrupted": KeyboardInterrupt}[os.environ["COLLECTING"]]


def note(line: str) -> None:
    with Path(os.environ[NOTES]).open("a") as file:
        file.write(f"{line}\n")


class Stack:
    theirs = None

    def __init__(self, name: str, waits: Any) -> None:
        self.cluster = SimpleNamespace(name=name, store=None)
        self.waits = waits

    def with_engine(self, *_components: Any) -> Stack:
        return self

    def versions(self) -> dict[str, str]:
        return {"volsync": "v0"}

    def up(self) -> None:
        note("up in a worker" if "PYTEST_XDIST_WORKER" in os.environ else "up")
        if "BROKEN" in os.environ:
            raise Problem("no cluster", why="it is broken", remedy="mend it")


class Ground:
    def __init__(
        self, stack: Stack, engine_name: str, _waits: Any, *, storage: Storage = Storage.REPLICATED
    ) -> None:  # fmt: skip
        if storage is not Storage.REPLICATED:
            note(f"on {storage.value} volumes")
        self.stack = stack
        self.interventions: list[str] = []
        self.engine = SimpleNamespace(
            name=engine_name,
            variant=Variant.FAITHFUL,
            promises={"SC-01", "SC-02"},
            traits=set(),
            install=lambda: note("installed") if {"WHY_NOT", "INSTALLS"} & os.environ.keys() else None,
            why_not=lambda: os.environ.get("WHY_NOT"),
        )

    def remove_leftovers(self) -> list[str]:
        return os.environ.get("LEFT", "").split()

    def of_other_runs(self) -> list[str]:
        return os.environ.get("OF_OTHERS", "").split()

    def refuse_unless_empty(self, apps: Sequence[Any]) -> None:
        if "TAKEN" in os.environ:
            raise Problem(f"{len(apps)} taken", why="drill-1/x lies there", remedy="look at it")

    def raise_again(self) -> None:
        note("whole again")

    def await_components(self) -> None:
        """Nothing has to start here."""

    def request_removal(self, _app: Any) -> None:
        note("removed")

    def empty(self, _namespace: str) -> None:
        note("emptied")

    def clean(self, _app: Any) -> None:
        if "STAYS" in os.environ:
            raise Problem("its namespace is still there", why="a finalizer", remedy="look at it")


class Drill:
    def __init__(
        self, ground: Ground, ledger: Any, app: Any, *, nonce: str, seed: int, say: Callable[[str], None], monitors: Any
    ) -> None:
        assert nonce, (seed, monitors)
        self.ground, self.ledger, self.app, self.say = ground, ledger, app, say
        self.findings: Findings | None = None
        self.apps = (app,)

    def run(self, scenario: Scenario) -> Findings:
        self.say("given nothing")
        note(f"ran {scenario.name}")
        self.findings = Findings(scenario)
        if "interrupted" in scenario.name:
            raise KeyboardInterrupt
        verdict = Verdict(scenario.name.partition(" ")[0])
        self.findings.judged.append(Judged(Verdict.INTACT, Judgement(verdict, "as the name says", Due())))
        return self.findings


class Monitors:
    def __init__(self, *what_is_watched: Any) -> None:
        pass

    def request_removal(self) -> None:
        pass

    def clean_up(self) -> tuple[str, ...]:
        return tuple(os.environ.get("OUTLIVED", "").split())
