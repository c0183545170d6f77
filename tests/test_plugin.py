"""The pytest plugin as a user runs it, on a stand-in for the cluster: one bring-up, honest results, clear refusals."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest

import fixtures.session  # noqa: F401 - runs in this process find it imported, and need not do it one by one
from fixtures.artefacts import Redactor, collect, without_secret_data
from fixtures.control import damaged_copies, negative_control
from fixtures.due import Due
from fixtures.engines import App, Variant
from fixtures.findings import Check, Findings, Judged
from fixtures.kube.errors import KubeError
from fixtures.movers import Mover
from fixtures.oracle import Judgement, Verdict
from fixtures.plugin import names_scenarios
from fixtures.progress import FILE, Voice
from fixtures.report import Outcome
from fixtures.repository import Unknown
from fixtures.scenario import Scenario
from fixtures.steps.acts import Declare, StopNode
from fixtures.steps.looks import AppFinds
from fixtures.steps.losses import LoseCluster, LoseNode
from fixtures.tree import DATA, Attribute, Loss, Tree, compare
from fixtures.wait import Waiting
from fixtures.workload import Workload
from tests import stand_ins
from tests.scene import Scene, generation, restored

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
NOTES_FILE = "notes.txt"
SCENARIO = Scenario(id="SC-01", name="a form", given=(), when=(Declare(),), then=(AppFinds(Verdict.INTACT),))

CONFTEST = """
from tests.stand_ins import pytest_plugin_registered, pytest_unconfigure

pytest_plugins = ["fixtures.plugin"]
"""

INI = """
[pytest]
addopts = --strict-markers -p no:hypothesispytest
filterwarnings =
    error
    # Where a run shares the process of its test, the plugin has been imported before.
    ignore::pytest.PytestAssertRewriteWarning
"""

TESTS = """
import pytest
from fixtures.scenario import Scenario, Storage
from fixtures.steps.acts import Declare
from fixtures.engines import Store
from fixtures.steps.losses import LoseCluster, LoseNode
from fixtures.steps.upsets import Emptiness, StopStore, StoreLooksEmpty

def scenario(name, id="SC-01", when=()):
    storage = Storage.NODE_LOCAL if LoseNode() in when else Storage.REPLICATED
    return Scenario(id=id, name=name, given=(), when=when, then=(), storage=storage)

"""


class Run(Protocol):
    def __call__(
        self, tests: str, *arguments: str, folder: str = "e2e", target: str | None = None, in_process: bool = True
    ) -> pytest.RunResult: ...  # fmt: skip


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs pytest on the stand-ins: in this process, which has imported all it needs, unless told otherwise."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "cache"))
    monkeypatch.setenv(stand_ins.NOTES, str(pytester.path / NOTES_FILE))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # these tests may run in a worker themselves
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    # The second run of a test may follow within the second that Python tells sources apart by.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)

    def run_tests(
        tests: str, *arguments: str, folder: str = "e2e", target: str | None = None, in_process: bool = True
    ) -> pytest.RunResult:
        place = pytester.path / folder
        place.mkdir(exist_ok=True)
        (place / "test_it.py").write_text(TESTS + tests)
        run_pytest = pytester.runpytest_inprocess if in_process else pytester.runpytest_subprocess
        return run_pytest(target or folder, "--run-dir", "the-run", *arguments)

    return run_tests


def drill_test(name: str, *, scenario_id: str = "SC-01", when: str = "()") -> str:
    function = name.replace(" ", "_").replace("-", "_")
    return (
        f"IT = scenario({name!r}, {scenario_id!r}, {when})\n"
        f"@pytest.mark.scenario(IT)\n"
        f"def test_{function}(drill, IT=IT):\n"
        f"    found = drill.run(IT)\n"
        f"    assert found.passed, found.report()\n\n"
    )


def notes(pytester: pytest.Pytester) -> list[str]:
    file = pytester.path / NOTES_FILE
    return file.read_text().splitlines() if file.exists() else []


def test_a_passing_run_leaves_a_table_a_report_and_junit_in_its_folder(run: Run, pytester: pytest.Pytester) -> None:
    result = run(drill_test("intact"), "--seed", "42", "--cluster", "mine", in_process=False)
    result.assert_outcomes(passed=1)
    text = result.stdout.str()
    assert "--seed 42" in text
    assert "SC-01" in text
    folder = pytester.path / "the-run"
    written = json.loads((folder / "report.json").read_text())
    assert written["passed"] is True
    assert (written["run"]["seed"], written["run"]["cluster"]) == (42, "mine")
    assert (folder / "junit.xml").read_text().count("<testcase") == 1
    assert "given nothing" in (folder / FILE).read_text()
    assert notes(pytester) == ["up", "ran intact", "removed", "emptied"]


def test_a_failing_drill_names_verdict_artefacts_and_the_command_that_repeats_it(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(drill_test("stale"), "--seed", "7")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "stale, promised intact" in text
    assert "-m pytest e2e/test_it.py::test_stale --engine reference --cluster firedrill --images auto --seed 7" in text
    (again,) = (pytester.path / "the-run").glob("drill-*/again.txt")
    assert "--seed 7" in again.read_text()


@pytest.mark.parametrize("name", ["unknown", "intact"])
def test_a_drill_that_cannot_be_judged_or_whose_test_breaks_is_no_pass(
    run: Run, pytester: pytest.Pytester, name: str
) -> None:
    broken = drill_test(name).replace("found.passed,", "found.passed and False,")
    run(broken).assert_outcomes(failed=1)
    (drill,) = json.loads((pytester.path / "the-run" / "report.json").read_text())["drills"]
    assert (drill["outcome"], drill["verdict"]) == ("inconclusive", "unknown")


def test_what_outlives_a_drill_fails_it_even_after_its_test_has_passed(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTLIVED", "VolumeSnapshotContent-snapcontent-1")
    result = run(drill_test("intact"))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*outlived the drill: VolumeSnapshotContent-snapcontent-1*"])
    assert json.loads((pytester.path / "the-run" / "report.json").read_text())["counts"]["fail"] == 1


def test_a_drill_that_cannot_be_taken_away_is_no_pass_since_nobody_knows_what_outlives_it(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAYS", "yes")
    result = run(drill_test("intact"))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*could not be cleaned up: its namespace is still there*"])
    (drill,) = json.loads((pytester.path / "the-run" / "report.json").read_text())["drills"]
    assert drill["outcome"] == "inconclusive"
    assert "nothing outlives the drill: could not be cleaned up" in drill["explanation"]


@pytest.mark.parametrize(
    ("body", "told"),
    [("drill.run(IT)", "stale"), ("pass", "no volume was judged")],
    ids=["asks for nothing", "runs nothing"],
)
def test_a_drill_that_did_not_pass_fails_its_test_also_if_that_does_not_ask(
    run: Run, pytester: pytest.Pytester, body: str, told: str
) -> None:
    result = run(f"IT = scenario('stale')\n@pytest.mark.scenario(IT)\ndef test_it(drill):\n    {body}\n")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"*{told}*"])
    assert json.loads((pytester.path / "the-run" / "report.json").read_text())["passed"] is False


@pytest.mark.parametrize("how", ["breaks", "is interrupted"])
def test_collecting_the_evidence_of_a_failure_never_costs_its_result(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("COLLECTING", how)
    result = run(drill_test("stale"), in_process=False)
    assert result.ret in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}
    written = json.loads((pytester.path / "the-run" / "report.json").read_text())
    assert [(drill["outcome"], drill["verdict"]) for drill in written["drills"]] == [("fail", "stale")]
    assert notes(pytester) == ["up", "ran stale", "removed", "emptied"]


def test_a_folder_that_holds_a_run_is_not_mixed_with_another(run: Run, pytester: pytest.Pytester) -> None:
    tests = drill_test("intact")
    run(tests).assert_outcomes(passed=1)
    before = (pytester.path / "the-run" / "report.json").read_bytes()
    again = run(tests)
    assert again.ret == pytest.ExitCode.USAGE_ERROR
    assert "the-run holds a run already" in again.stderr.str()
    assert notes(pytester).count("up") == 1
    assert (pytester.path / "the-run" / "report.json").read_bytes() == before


def test_whoever_destroys_the_cluster_goes_last(run: Run, pytester: pytest.Pytester) -> None:
    tests = drill_test("intact whole", when="(LoseCluster(),)") + drill_test("intact part")
    run(tests).assert_outcomes(passed=2)
    assert [line for line in notes(pytester) if line.startswith("ran")] == ["ran intact part", "ran intact whole"]


def test_workers_share_one_cluster_the_longest_goes_first_and_who_needs_all_of_it_last_and_alone(
    run: Run, pytester: pytest.Pytester
) -> None:
    declared = {"brief": 0, "long": 3, "middling": 2}
    tests = "".join(drill_test(f"intact {name}", when=f"(Declare(),) * {n}") for name, n in declared.items())
    tests += drill_test("intact whole", when="(LoseCluster(),)") + drill_test("intact other", when="(LoseNode(),)")
    run(tests, "-n", "2").assert_outcomes(passed=5)
    noted = notes(pytester)
    assert noted.count("up") == 1
    assert "up in a worker" not in noted
    assert noted.count("removed") == 5
    ran = [line.removeprefix("ran intact ") for line in noted if line.startswith("ran")]
    assert set(ran[:2]) == {"long", "middling"}
    assert ran[2:] == ["brief", "whole", "other"]
    written = json.loads((pytester.path / "the-run" / "report.json").read_text())
    assert written["counts"] == {"planned": 5, "pass": 5, "fail": 0, "inconclusive": 0, "skipped": 0, "not run": 0}
    assert len({drill["seed"] for drill in written["drills"]}) == 1


def test_a_test_without_a_drill_holds_the_cluster_alone_unless_it_is_marked(
    run: Run, pytester: pytest.Pytester
) -> None:
    look = "def test_{0}(ground, firedrill_settings):\n    note('{0} ' + others(firedrill_settings))\n\n"
    helper = (
        "import fcntl\nfrom clusters import paths\nfrom tests.stand_ins import note\n\n"
        "def others(settings):\n"
        "    with (paths.cluster_state(settings.cluster) / 'use.lock').open('a') as lock:\n"
        "        try:\n"
        "            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)\n"
        "        except BlockingIOError:\n"
        "            return 'without others'\n"
        "    return 'with others'\n\n"
    )
    tests = helper + look.format("alone") + "@pytest.mark.beside_drills\n" + look.format("beside")
    tests += drill_test("intact long", when="(Declare(),) * 9") + drill_test("intact brief")
    run(tests).assert_outcomes(passed=4)
    done = [line for line in notes(pytester) if line not in {"up", "removed", "emptied"}]
    assert done == ["ran intact long", "beside with others", "ran intact brief", "alone without others"]


def test_a_run_that_is_cut_short_says_what_it_owes(run: Run, pytester: pytest.Pytester) -> None:
    tests = drill_test("stale first", when="(Declare(),)") + drill_test("intact second")
    tests += drill_test("intact whole", when="(LoseCluster(),)") + drill_test("intact never", scenario_id="SC-99")
    result = run(tests, "-x")
    assert "0 of 4 passed, 3 not run" in result.stdout.str()
    folder = pytester.path / "the-run"
    written = json.loads((folder / "report.json").read_text())
    assert written["not run"] == [f"e2e/test_it.py::test_intact_{name}" for name in ("second", "never", "whole")]
    assert (folder / "junit.xml").read_text().count("not run: SC-01 intact") == 2
    assert "3 planned drills were not run" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("def test_the_door_is_shut(ground):\n    assert 'ajar' == 'shut'\n", "ajar"),
        (
            "@pytest.fixture\ndef key(ground):\n    raise OSError('lost')\ndef test_the_door_is_shut(key):\n    pass\n",
            "lost",
        ),
    ],
    ids=["it fails", "what it is given breaks"],
)
def test_a_test_without_a_drill_that_fails_is_in_the_report_and_costs_the_pass(
    run: Run, pytester: pytest.Pytester, test: str, told: str
) -> None:
    passes = "def test_the_lamp_is_lit(ground):\n    pass\n"
    result = run(drill_test("intact") + passes + test, "--seed", "7")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = result.stdout.str()
    assert "1 of 1 passed, 1 failed without a drill" in text
    assert "the door is shut: failed\n  again:     .venv/bin/python -m pytest e2e/test_it.py::test_the_door" in text
    folder = pytester.path / "the-run"
    written = json.loads((folder / "report.json").read_text())
    assert written["passed"] is False
    door, lamp = written["without a drill"]
    assert (door["what"], door["passed"], lamp["passed"]) == ("the door is shut", False, True)
    assert told in door["why"]
    assert "and 1 test without a drill failed" in (folder / "report.html").read_text()


def test_a_cluster_that_lost_a_node_is_whole_again_before_the_next_drill(run: Run, pytester: pytest.Pytester) -> None:
    tests = drill_test("intact whole", when="(LoseNode(),)") + drill_test("intact then", when="(LoseCluster(),)")
    run(tests).assert_outcomes(passed=2)
    noted = notes(pytester)
    done = noted[noted.index("on node-local volumes") :]
    assert done == [
        "on node-local volumes",
        *("ran intact whole", "whole again", "removed", "emptied"),
        *("ran intact then", "whole again", "removed", "emptied"),
    ]


def test_what_cannot_be_drilled_is_skipped_with_its_reason(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(drill_test("intact", scenario_id="SC-99"), "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*engine reference does not promise SC-99*"])
    written = json.loads((pytester.path / "the-run" / "report.json").read_text())
    assert written["skipped"] == [
        {"test": "e2e/test_it.py::test_intact", "why": "engine reference does not promise SC-99"}
    ]
    assert "0 of 1 passed, 1 skipped" in result.stdout.str()
    monkeypatch.setenv("WHY_NOT", "it has no share")
    result = run(drill_test("intact"), "-rs", "--run-dir", "another-run")
    result.stdout.fnmatch_lines(["*engine reference cannot work here: it has no share*"])
    assert "installed" not in notes(pytester)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "with workers"])
@pytest.mark.parametrize(
    ("arguments", "target"),
    [(["-k", "not_promised"], None), ([], "e2e/test_it.py::test_intact_not_promised")],
    ids=["by name", "by node id"],
)
def test_who_asks_for_nothing_but_what_is_not_promised_is_told_why_and_gets_no_pass(
    run: Run,
    pytester: pytest.Pytester,
    arguments: list[str],
    target: str | None,
    workers: list[str],
) -> None:
    tests = drill_test("intact") + drill_test("intact not promised", scenario_id="SC-99")
    result = run(tests, *arguments, *workers, target=target)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    text = result.stdout.str()
    for told in ("0 of 1 passed, 1 skipped", "no drill was run", "skipped: engine reference does not promise"):
        assert told in text
    written = json.loads((pytester.path / "the-run" / "report.json").read_text())
    assert (written["passed"], written["counts"]["skipped"]) == (False, 1)


def test_beside_a_drill_that_passed_one_that_is_not_promised_costs_nothing(
    run: Run,
) -> None:
    result = run(drill_test("intact") + drill_test("intact not promised", scenario_id="SC-99"))
    assert result.ret == pytest.ExitCode.OK
    assert "1 of 2 passed, 1 skipped" in result.stdout.str()


def test_what_an_interrupted_run_left_is_removed_and_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEFT", "drill-1 drill-2")
    result = run(drill_test("intact"))
    assert "removed what an interrupted run left: drill-1, drill-2" in result.stdout.str() + result.stderr.str()


def test_a_drill_that_is_interrupted_is_no_pass_is_taken_away_and_the_run_says_what_it_owes(
    run: Run, pytester: pytest.Pytester
) -> None:
    tests = drill_test("intact interrupted", when="(Declare(),)") + drill_test("intact")
    result = run(tests, in_process=False)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert notes(pytester) == ["up", "ran intact interrupted", "removed", "emptied"]
    written = json.loads((pytester.path / "the-run" / "report.json").read_text())
    (drill,) = written["drills"]
    assert (drill["outcome"], written["passed"]) == ("inconclusive", False)
    assert "interrupted" in drill["explanation"]
    assert written["not run"] == ["e2e/test_it.py::test_intact"]


def test_what_may_be_another_runs_is_named_and_left_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_OTHERS", "drill-3")
    result = run(drill_test("intact"))
    said = result.stdout.str() + result.stderr.str()
    assert "left alone, because another run may be at work there: drill-3" in said
    assert "docs/existing-cluster.md" in said


def test_a_drill_whose_places_are_taken_does_not_begin_and_touches_nothing(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAKEN", "yes")
    result = run(drill_test("intact"))
    result.assert_outcomes(errors=1)
    assert notes(pytester) == ["up"]
    written = json.loads((pytester.path / "the-run" / "report.json").read_text())
    (drill,) = written["drills"]
    assert (drill["outcome"], drill["verdict"], written["not run"]) == ("inconclusive", "unknown", [])
    assert drill["explanation"].startswith("1 taken\n  why:  drill-1/x lies there\n  do:   look at it")


THEIRS = ("--cluster", "existing", "--kubeconfig", "theirs.yaml", "--site", "site.toml")


def test_nothing_is_installed_on_an_existing_cluster(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTALLS", "yes")
    run(drill_test("intact"), *THEIRS).assert_outcomes(passed=1)
    assert "installed" not in notes(pytester)
    run(drill_test("intact"), "--run-dir", "on-kind").assert_outcomes(passed=1)
    assert "installed" in notes(pytester)


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("LoseCluster()", "destroy"),
        ("StopStore(Store.LOCAL)", "upset: others use its stores and its engine"),
        ("StoreLooksEmpty(Emptiness.EMPTY_STORE)", "upset: others use its stores and its engine"),
    ],
)
def test_an_existing_cluster_is_never_destroyed_nor_upset(
    run: Run, pytester: pytest.Pytester, when: str, why: str
) -> None:
    tests = drill_test("intact whole", when=f"({when},)")
    result = run(tests, *THEIRS, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"*an existing cluster is not firedrill's to {why}*"])
    assert "ran intact whole" not in notes(pytester)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--engine", "statik"], "the engines are: reference, static"),
        (["--volsync", "v9.9.9"], "v9.9.9"),
        (["--cluster", "existing"], "there is no --kubeconfig"),
        (["--cluster", "existing", "--kubeconfig", "x"], "there is no --site"),
        (["--kubeconfig", "x"], "add --cluster existing"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_one_message_before_anything_is_done(
    run: Run, pytester: pytest.Pytester, arguments: list[str], says: str
) -> None:
    result = run(drill_test("intact"), *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stderr.str()
    assert says in text
    assert "do: " in text
    assert "Traceback" not in text
    assert notes(pytester) == []


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "with workers"])
def test_a_cluster_that_does_not_come_up_ends_the_run_with_its_problem(
    run: Run,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    workers: list[str],
) -> None:
    monkeypatch.setenv("BROKEN", "yes")
    result = run(drill_test("intact"), *workers)
    assert result.ret == 2
    assert "why:  it is broken" in result.stdout.str() + result.stderr.str()
    assert notes(pytester) == ["up"]


def test_listing_tests_and_running_others_touches_no_cluster(run: Run, pytester: pytest.Pytester) -> None:
    run(drill_test("intact"), "--collect-only")
    run("def test_of_something_else(): pass\n", folder="tests").assert_outcomes(passed=1)
    assert notes(pytester) == []
    assert not (pytester.path / "the-run").exists()


def test_scenarios_are_found_by_folder_file_and_parent_and_not_by_name(tmp_path: Path) -> None:
    for argument in ("e2e", "e2e/test_a.py::test_b", ".", "chaos/deep/test_c.py", str(tmp_path / "e2e")):
        assert names_scenarios([argument], tmp_path, tmp_path), argument
    for argument in ("tests", "tests/e2e/test_a.py", "e2e2", "-k"):
        assert not names_scenarios([argument], tmp_path, tmp_path), argument


# --- findings --------------------------------------------------------------------------------------------------------


def findings(*verdicts: Verdict, checks: tuple[Check, ...] = ()) -> Findings:
    judged = [Judged(Verdict.INTACT, Judgement(verdict, "because", Due())) for verdict in verdicts]
    return Findings(SCENARIO, judged=judged, checks=list(checks))


def test_only_the_promised_verdict_with_all_shown_is_a_pass() -> None:
    assert findings(Verdict.INTACT).passed
    assert findings(Verdict.STALE).outcome is Outcome.FAIL
    assert findings(Verdict.INTACT, Verdict.UNKNOWN).outcome is Outcome.INCONCLUSIVE
    assert findings().outcome is Outcome.INCONCLUSIVE
    assert findings(Verdict.INTACT, checks=(Check("x", holds=None, detail=""),)).outcome is Outcome.INCONCLUSIVE
    assert findings(Verdict.INTACT, checks=(Check("x", holds=False, detail=""),)).outcome is Outcome.FAIL


def test_a_wait_that_expired_and_an_error_are_never_a_pass() -> None:
    late, lost = findings(Verdict.INTACT), findings(Verdict.INTACT)
    late.broken_promise = "expected bound; seen Pending"
    lost.no_answer = "no API server"
    assert late.outcome is Outcome.FAIL
    assert lost.outcome is Outcome.INCONCLUSIVE
    assert "expected bound" in late.report()


@pytest.mark.parametrize(
    "found",
    [
        findings(Verdict.INTACT),
        findings(Verdict.STALE),
        findings(Verdict.UNKNOWN),
        findings(),
        findings(Verdict.INTACT, checks=(Check("x", holds=None, detail=""),)),
        findings(Verdict.UNKNOWN, checks=(Check("x", holds=False, detail=""),)),
        replace(findings(), broken_promise="expected bound; seen Pending"),
        replace(findings(Verdict.UNKNOWN), broken_promise="expected the pod to run"),
    ],
    ids=lambda found: f"{found.outcome.value}, {len(found.judged)} judged, {len(found.checks)} checked",
)
def test_the_report_of_the_run_says_the_same_of_a_drill_as_the_drill_itself(found: Findings) -> None:
    engine: Any = SimpleNamespace(name="static", variant=Variant.FAITHFUL)
    result = found.result(engine=engine, namespace="d", seed=1, rerun="", artefacts="")
    assert result.outcome is found.outcome


def test_the_report_shows_the_first_verdict_that_was_not_promised() -> None:
    decisive = findings(Verdict.INTACT, Verdict.PARTIAL, Verdict.STALE).decisive
    assert decisive is not None
    assert decisive.judgement.verdict is Verdict.PARTIAL


def test_the_report_shows_the_verdict_of_an_app_that_has_something_to_lose() -> None:
    found = findings(Verdict.INTACT, Verdict.EMPTY_LEGITIMATELY)
    found.judged = [found.judged[0], replace(found.judged[1], promised=Verdict.EMPTY_LEGITIMATELY, is_idle=True)]
    assert found.decisive is found.judged[0]
    found.judged = found.judged[1:]
    assert found.decisive is found.judged[0]


def test_a_scenario_that_loses_the_cluster_or_a_node_needs_all_of_it() -> None:
    assert not SCENARIO.needs_whole_cluster
    for loss in (LoseCluster(), LoseNode(), StopNode()):
        assert Scenario(id="x", name="x", given=(), when=(loss,), then=()).needs_whole_cluster


def test_every_damaged_copy_differs_from_the_tree_in_one_way_and_names_how() -> None:
    tree = Workload(files=5).generation(1, nonce="abcd", volume="shop/orders").tree()
    copies = dict(damaged_copies(tree))
    assert len(copies) == 8
    lost = {name: compare(tree, copy) for name, copy in copies.items()}
    of_data = {name for name, difference in lost.items() if not difference.data_is_equal}
    assert of_data == {"a file is missing", "a file has other content", "a file too many", "nothing is left"}
    of_attributes = {name: {each.attribute for each in lost[name].changes} for name in copies.keys() - of_data}
    assert of_attributes == {
        "a file has another mode": {Attribute.MODE},
        "a file has another time": {Attribute.MTIME},
        "a hard link is a file of its own": {Attribute.HARD_LINKS},
        "a user attribute is gone": {Attribute.USER_XATTR},
    }
    assert list(damaged_copies(Tree.of([]))) == []


def test_a_judge_that_overlooks_attributes_does_not_stand_its_control(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        scene.two_generations_backed_up_and_lost()
        tree = generation(2).tree()
        assert negative_control(scene.history, restored(), tree).holds is True
        changes = [change for _, copy in damaged_copies(tree) for change in compare(tree, copy).changes]
        excused = tuple(Loss(each.attribute, each.seen, source="") for each in changes if each.attribute not in DATA)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("fixtures.movers.named", lambda name: Mover(name, excused))
            check = negative_control(scene.history, restored(), tree)
    assert check.holds is False
    for damage in ("another mode", "another time", "hard link", "user attribute"):
        assert damage in check.detail


# --- what is shown and kept ------------------------------------------------------------------------------------------


def test_no_secret_is_kept_in_clear_or_in_base64() -> None:
    redactor = Redactor.of(["a long password", "short"])
    assert redactor.clean("x a long password y") == "x (redacted) y"
    assert redactor.clean("YSBsb25nIHBhc3N3b3Jk") == "(redacted)"
    assert redactor.clean("a shortcut") == "a shortcut"


def test_what_opens_a_repository_is_kept_by_no_artefact_whoever_chose_it(tmp_path: Path) -> None:
    class Gone:
        def __getattr__(self, name: str) -> object:
            raise KubeError("ask", name, 0, "refused", "connection refused")

    secrets = frozenset({"the engine's own password", "the key of a store"})
    app = App(name="orders", namespace="shop", drill="d", repository_password="of the drill")  # noqa: S106
    repository = SimpleNamespace(secrets=secrets, location="s3:here", restore_points=lambda: Unknown("no route"))
    engine = SimpleNamespace(repository=lambda _app, _store: repository)
    stack = SimpleNamespace(stores=dict, keep_logs=lambda _folder: None)
    ground = SimpleNamespace(kube=Gone(), engine=engine, stack=stack, cluster=SimpleNamespace(store=None))
    ledger = SimpleNamespace(history=lambda: SimpleNamespace(events=()))
    drill: Any = SimpleNamespace(ground=ground, app=app, apps=(app,), ledger=ledger, findings=None)
    collect(drill, tmp_path, again=f"again {' '.join(sorted(secrets))} of the drill")
    assert (tmp_path / "again.txt").read_text() == "again (redacted) (redacted) (redacted)\n"


def test_a_secret_object_keeps_its_keys_and_loses_its_values() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s", "managedFields": [1]}, "data": {"RESTIC_PASSWORD": "eA=="}}
    assert without_secret_data(secret) == {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"RESTIC_PASSWORD": "(redacted)"},
    }
    config = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}}
    assert without_secret_data(config) == config


def test_a_long_wait_is_told_of_now_and_then_and_a_short_one_never(tmp_path: Path) -> None:
    voice = Voice(tmp_path, "SC-01")
    for waited_s in range(62):
        voice.waiting(Waiting("bind", "a claim to be bound", "Pending", waited_s, 180, is_over=waited_s == 61))
    voice.waiting(Waiting("bind", "another", "Pending", 9, 180, is_over=False))
    lines = (tmp_path / FILE).read_text().splitlines()
    assert [line.partition(", ")[2].partition(" ")[0] for line in lines] == ["10", "30", "50"]
    assert "waits for a claim to be bound, 10 of 180 s; seen: Pending" in lines[0]
