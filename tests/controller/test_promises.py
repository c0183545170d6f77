"""The table of promises is complete, and names only what is there."""

from __future__ import annotations

import re
from pathlib import Path

from controller import schedule
from controller.branch import Branch

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "reference-controller.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [A-EI]\d+ ", line)
]
COUNTS = {"A": 24, "B": 33, "C": 36, "D": 20, "E": 36, "I": 12}


def test_every_promise_has_one_row() -> None:
    assert [row[0] for row in ROWS] == [f"{letter}{n}" for letter, count in COUNTS.items() for n in range(1, count + 1)]


def test_what_is_not_kept_says_why_and_what_is_kept_says_where_it_is_tested() -> None:
    untested = {"C33", "D10"}  # something that is never made
    for promise, state, how, tested in ROWS:
        assert state in {"shown", "core", "kept", "cluster", "not kept"}, promise
        assert how or state in {"core", "shown"}, promise
        assert tested or state not in {"core", "kept", "shown"} or promise in untested, promise


def test_every_test_and_every_branch_that_the_table_names_is_there() -> None:
    files = [*Path(__file__).parent.glob("*.py"), *(ROOT / "e2e").glob("*.py")]
    source = "\n".join(file.read_text() for file in files)
    numbers = {branch.value for branch in Branch}
    for promise, _, _, tested in ROWS:
        for name in re.findall(r"`(\w+)`", tested):
            assert re.search(rf"\b(?:def )?{name}\b( =|\()", source), (promise, name)
        assert {int(number) for number in re.findall(r"row (\d+)", tested)} <= numbers, promise


def test_every_test_that_the_page_names_elsewhere_is_there() -> None:
    files = [*Path(__file__).parent.glob("*.py"), *(ROOT / "e2e").glob("*.py")]
    source = "\n".join(file.read_text() for file in files)
    for name in re.findall(r"`(test_\w+)`", PAGE):
        assert f"def {name}(" in source, name


def test_the_peak_that_the_page_states_is_the_one_measured() -> None:
    names = [f"shop/claim-{number}/local" for number in range(200)]
    five, one = (schedule.peak_concurrency(names, minutes=minutes) for minutes in (5, 1))
    assert f"the peak is\n{five} at once, against 200 at the full hour (1 minute: {one} against 200)" in PAGE
