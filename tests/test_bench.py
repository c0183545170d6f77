"""What `make bench` says of firedrill's own share of a drill comes from the runs that it has just made."""

from __future__ import annotations

import ast
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from clusters import paths
from fixtures.bench import FIVE_SCENARIOS, overheads
from fixtures.report import write_result, write_run
from tests.test_report import RESULT, RUN

if TYPE_CHECKING:
    from pathlib import Path


def test_the_share_of_each_drill_is_told_and_runs_of_before_are_left_out(tmp_path: Path) -> None:
    began_at = datetime.now(UTC) - timedelta(minutes=1)
    old = write_run(tmp_path / "old", RUN)
    os.utime(old, (0, began_at.timestamp() - 1))
    write_result(tmp_path / "old" / "a", replace(RESULT, overhead=0.9))
    for run in ("first", "second"):
        write_run(tmp_path / run, RUN)
    write_result(tmp_path / "first" / "a", replace(RESULT, overhead=0.0512))
    write_result(tmp_path / "first" / "b", replace(RESULT, scenario="SC-04", form="grows", overhead=None))
    write_result(tmp_path / "second" / "a", replace(RESULT, scenario="SC-01", form="fresh", overhead=0.25))
    assert overheads(tmp_path, began_at) == {
        "static, SC-01 fresh": 0.25,
        "static, SC-02 rebuild namespace destroyed": 0.051,
    }


def test_each_drill_of_the_bench_is_one_of_the_scenarios() -> None:
    for node_id in FIVE_SCENARIOS:
        file, _, test = node_id.partition("::")
        module = ast.parse((paths.REPOSITORY / file).read_text())
        assert test in [each.name for each in module.body if isinstance(each, ast.FunctionDef)]
