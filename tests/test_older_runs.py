"""Folders of runs that another firedrill wrote, or that lack something: judged and shown rightly, or refused in words.

`data/run-of-the-first-format` is what a real run left on a real cluster that was destroyed in it, before there was a
report format, a monitor or a plan.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters.problem import Problem
from fixtures import page, rejudge
from fixtures.ledger import LEDGER_FILE
from fixtures.page import __main__ as make_page
from fixtures.report import REPORT_FILE, RESULT_FILE, RUN_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = Path(__file__).parent / "data" / "run-of-the-first-format"
DRILL = "drill-68f0f6"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the old run, to damage."""
    return Path(shutil.copytree(FIRST, tmp_path / "old"))


def judged(run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = rejudge.main([str(run)])
    said = capsys.readouterr()
    return code, said.out + said.err


def shown(run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = make_page.main([str(run)])
    return code, capsys.readouterr().err


def refusal(code: int, said: str) -> str:
    """What was said, where it is one message with its three parts, and nothing else."""
    assert code == Problem.EXIT_CODE
    assert (said.count("  why:  "), said.count("  do:   ")) == (1, 1), said
    assert "Traceback" not in said
    return said


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_run_of_the_first_format_is_judged_as_it_was_then(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = judged(old, capsys)
    assert code == 0
    assert f"{DRILL} r2 {DRILL}/orders-68f0f6: intact: it holds generation 2, as due" in said
    assert "2 judged and 0 ruled on again, 0 with another verdict than then" in said


def test_a_judge_that_was_changed_is_tried_on_it(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(old / DRILL / LEDGER_FILE, '"verdict":"intact"', '"verdict":"attributes-lost"')
    code, said = judged(old, capsys)
    assert code == 1
    assert "*** was attributes-lost ***" in said


def test_a_run_of_the_first_format_is_shown(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(old, capsys) == (0, "")
    text = (old / page.PAGE_FILE).read_text("utf-8")
    assert "rebuild, cluster lost" in text
    assert "This run has no report.json" in text


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('{"ledger":2', "is of ledger format 2"),
        ('{"ledger":"one"', "is of ledger format one"),
        ('{"ledger":1.5', "is of ledger format 1.5"),
        ('{"ledger":null', "does not say of which ledger format it is"),
        ('{"_":1', "does not say of which ledger format it is"),
    ],
)
def test_a_ledger_format_that_is_newer_unknown_or_missing_is_refused(
    old: Path, capsys: pytest.CaptureFixture[str], written: str, told: str
) -> None:
    edit(old / DRILL / LEDGER_FILE, '{"ledger":1', written)
    said = refusal(*judged(old, capsys))
    assert told in said
    assert "this firedrill reads format 1" in said
    assert "git log -1 --before=2026-11-21T23:59" in said


@pytest.mark.parametrize(
    ("was", "written", "told"),
    [
        ('{"event":"wrote"', '{"event":"thawed"', "line 6, has an event that this firedrill does not know, 'thawed'"),
        ('"generation":1,', "", "has an event 'wrote' that cannot be read: wrote.generation: Field required"),
        ('"verdict":"intact"', '"verdict":7', "has an event 'judged' that cannot be read: judged.verdict"),
    ],
)
def test_events_of_another_version_are_not_judged_around(
    old: Path, capsys: pytest.CaptureFixture[str], was: str, written: str, told: str
) -> None:
    edit(old / DRILL / LEDGER_FILE, was, written)
    said = refusal(*judged(old, capsys))
    assert told in said
    assert "another version of firedrill wrote it, or it was altered" in said


def cut_in_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [empty, lambda file: file.write_bytes(b"\xff\xfe\n")], ids=["empty", "no text"])
def test_a_ledger_that_holds_nothing_is_refused(
    old: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    damage(old / DRILL / LEDGER_FILE)
    refusal(*judged(old, capsys))


def test_a_ledger_that_was_cut_off_is_judged_as_far_as_it_goes_and_says_so(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_in_half(old / DRILL / LEDGER_FILE)
    code, said = judged(old, capsys)
    assert code == 0
    assert "was cut off by a crash and is left out" in said
    assert "1 judged" in said


@pytest.mark.parametrize("damage", [Path.unlink, cut_in_half, empty], ids=["missing", "cut in half", "empty"])
def test_a_tree_that_is_missing_or_damaged_is_refused_and_named(
    old: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    tree = next((old / DRILL / "manifests").glob("3464*"))
    damage(tree)
    assert f"{tree} cannot be used" in refusal(*judged(old, capsys))
    # The page tells the rest.
    assert shown(old, capsys) == (0, "")


@pytest.mark.parametrize("damage", [Path.unlink, cut_in_half, empty], ids=["missing", "cut in half", "empty"])
@pytest.mark.parametrize("name", [RUN_FILE, f"{DRILL}/{RESULT_FILE}"])
def test_a_page_of_a_run_without_a_file_is_made_of_the_rest_or_refused(
    old: Path, capsys: pytest.CaptureFixture[str], name: str, damage: Callable[[Path], None]
) -> None:
    damage(old / name)
    code, said = shown(old, capsys)
    if name != RUN_FILE and not (old / name).exists():
        assert (code, said) == (0, "")
        assert "ended without an answer" in (old / page.PAGE_FILE).read_text("utf-8")
    else:
        assert name in refusal(code, said)


@pytest.mark.parametrize("written_in", [2, "new", None])
def test_a_report_format_that_is_newer_or_unknown_is_refused(
    old: Path, capsys: pytest.CaptureFixture[str], written_in: object
) -> None:
    record = json.loads((old / RUN_FILE).read_text())
    (old / RUN_FILE).write_text(json.dumps({"report": written_in, **record}))
    said = refusal(*shown(old, capsys))
    assert f"is a run of report format {written_in}" in said


def test_an_older_run_beside_a_newer_one_is_part_of_its_trend_or_named_as_unread(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / REPORT_FILE).write_text("{")
    assert shown(old, capsys) == (0, "")
    assert "broken: its report.json is damaged, or of another version" in (old / page.PAGE_FILE).read_text("utf-8")


def test_a_run_whose_drills_were_all_left_out_says_so_to_whoever_wants_it_judged(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(old / DRILL)
    said = refusal(*judged(old, capsys))
    assert "There is nothing to judge" in said
    assert f"make report RUN={old}" in said
