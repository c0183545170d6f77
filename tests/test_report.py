"""Results of workers side by side become one report; only the promised verdict passes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from clusters.problem import Problem
from fixtures.oracle import Verdict
from fixtures.report import (
    RESULT_FILE,
    RUN_FILE,
    Checked,
    DrillResult,
    Outcome,
    Phase,
    Report,
    Run,
    collect,
    duration,
    failures,
    table,
    write_checked,
    write_report,
    write_result,
    write_run,
)
from tests.scene import at

if TYPE_CHECKING:
    from pathlib import Path

RUN = Run("run-1", 7, "nonce-1234", "make e2e", "kind", at(0), {"volsync": "0.16.0", "kubernetes": "1.36.3"})
RESULT = DrillResult(
    engine="static",
    variant="faithful",
    scenario="SC-02 rebuild",
    form="namespace destroyed",
    verdict=Verdict.INTACT,
    promised=Verdict.INTACT,
    explanation="it holds generation 2, as due",
    namespace="sc-02-a1",
    seed=7,
    rerun="make e2e ARGS='-k rebuild --seed 7'",
    artefacts="runs/run-1/static-rebuild",
    phases=(Phase("backup", at(0), at(0.5)), Phase("restore", at(1), at(1.25))),
    evidence=("populated from ns/image",),
    recovery_time_s=28.4,
    recovery_point_s=125.0,
)


def shown(report: Report) -> str:
    out = io.StringIO()
    Console(file=out, width=160, color_system=None).print(table(report))
    return out.getvalue()


def test_results_of_several_workers_become_one_report(tmp_path: Path) -> None:
    write_run(tmp_path, RUN)
    other = replace(RESULT, scenario="SC-01 fresh install", recovery_time_s=None, recovery_point_s=None)
    write_result(tmp_path / "drills" / "b", RESULT)
    write_result(tmp_path / "drills" / "a", other)
    assert collect(tmp_path) == Report(RUN, (other, RESULT))


def test_the_report_is_written_with_counts_and_versions(tmp_path: Path) -> None:
    report = Report(RUN, (RESULT, replace(RESULT, verdict=Verdict.STALE), replace(RESULT, verdict=Verdict.UNKNOWN)))
    record = json.loads(write_report(tmp_path, report).read_text())
    assert record["passed"] is False
    assert record["counts"] == {"planned": 0, "pass": 1, "fail": 1, "inconclusive": 1, "skipped": 0, "not run": 0}
    assert record["run"]["versions"] == {"volsync": "0.16.0", "kubernetes": "1.36.3"}
    assert [drill["outcome"] for drill in record["drills"]] == ["pass", "fail", "inconclusive"]
    assert record["drills"][0]["recovery_time_s"] == 28.4
    assert record["drills"][0]["phases"][0] == {
        "name": "backup",
        "started_at": "2026-01-01T12:00:00Z",
        "ended_at": "2026-01-01T12:00:30Z",
    }


@pytest.mark.parametrize("promised", Verdict)
@pytest.mark.parametrize("verdict", Verdict)
def test_only_the_promised_verdict_passes_and_unknown_never_does(verdict: Verdict, promised: Verdict) -> None:
    result = replace(RESULT, verdict=verdict, promised=promised)
    assert result.passed is (verdict is promised and verdict is not Verdict.UNKNOWN)
    assert (result.outcome is Outcome.INCONCLUSIVE) is (verdict is Verdict.UNKNOWN)


def test_a_broken_promise_beside_the_right_verdict_fails() -> None:
    assert replace(RESULT, problems=("I11: a volume snapshot is left over",)).outcome is Outcome.FAIL


def test_a_run_without_drills_has_shown_nothing() -> None:
    assert not Report(RUN, ()).passed
    assert Report(RUN, (RESULT,)).passed
    assert not Report(RUN, (RESULT, replace(RESULT, verdict=Verdict.PARTIAL))).passed


def test_a_test_without_a_drill_costs_the_pass_if_it_failed_and_is_none_by_itself(tmp_path: Path) -> None:
    passed = Checked("e2e/test_guard.py::test_a", "a", passed=True, why="", rerun="again a")
    failed = Checked("e2e/test_guard.py::test_b", "b", passed=False, why="it broke", rerun="again b")
    write_run(tmp_path, RUN)
    write_checked(tmp_path / "2", failed)
    write_checked(tmp_path / "1", passed)
    assert collect(tmp_path).checked == (passed, failed)
    assert not Report(RUN, (), checked=(passed,)).passed
    assert Report(RUN, (RESULT,), checked=(passed,)).passed
    report = Report(RUN, (RESULT,), checked=(passed, failed))
    assert not report.passed
    assert "1 of 1 passed, 1 failed without a drill" in shown(report)
    assert failures(report) == ["b: failed\n  again:     again b"]


def test_the_table_has_engine_scenario_verdict_and_both_recovery_figures() -> None:
    text = shown(Report(RUN, (RESULT,)))
    assert "firedrill run-1, seed 7: 1 of 1 passed" in text
    for column in ("static", "SC-02 rebuild, namespace destroyed", "intact", "28 s", "2 min 05 s"):
        assert column in text


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (replace(RESULT, verdict=Verdict.STALE), "stale, promised intact"),
        (replace(RESULT, verdict=Verdict.UNKNOWN), "unknown, no pass"),
        (replace(RESULT, problems=("a", "b")), "intact, but 2 broken promises"),
        (replace(RESULT, variant="hardened"), "static hardened"),
    ],
)
def test_the_table_says_what_is_wrong(result: DrillResult, words: str) -> None:
    assert words in shown(Report(RUN, (result,)))


def test_a_failure_is_told_with_its_reason_its_artefacts_and_the_command_that_runs_it_again() -> None:
    failed = replace(RESULT, verdict=Verdict.PARTIAL, explanation="partial: 1 path\n  missing: a", problems=("I7",))
    [text] = failures(Report(RUN, (RESULT, failed)))
    assert text.splitlines() == [
        "static faithful, SC-02 rebuild, namespace destroyed: fail, partial where intact was promised",
        "  partial: 1 path",
        "    missing: a",
        "  I7",
        "  artefacts: runs/run-1/static-rebuild",
        "  again:     make e2e ARGS='-k rebuild --seed 7'",
    ]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=rf"{RUN_FILE} is missing"):
        collect(tmp_path)


def test_a_result_that_cannot_be_read_is_named_with_its_mistakes(tmp_path: Path) -> None:
    write_run(tmp_path, RUN)
    path = write_result(tmp_path / "a", RESULT)
    path.write_text(path.read_text().replace('"verdict": "intact"', '"verdict": "fine"').replace('"seed": 7,', ""))
    with pytest.raises(Problem, match=rf"{RESULT_FILE} cannot be used") as found:
        collect(tmp_path)
    assert "verdict: " in found.value.why
    assert "seed: " in found.value.why


def test_a_byte_that_is_no_text_does_not_cost_the_result(tmp_path: Path) -> None:
    write_run(tmp_path, RUN)
    write_result(tmp_path / "a", replace(RESULT, explanation="mover said \udcff"))
    assert collect(tmp_path).results[0].explanation == "mover said ?"


def test_a_run_of_another_format_is_refused_before_its_fields_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text('{"report": 99}')
    with pytest.raises(Problem, match="is a run of report format 99"):
        collect(tmp_path)


def test_a_result_that_was_never_finished_is_not_seen(tmp_path: Path) -> None:
    write_run(tmp_path, RUN)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "result.incoming").write_text("{")
    assert collect(tmp_path).results == ()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.04, "0.0 s"),
        (4.24, "4.2 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_are_for_people(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_phase_has_a_duration() -> None:
    assert RESULT.phases[0].duration_s == 30
