"""How restic is run, with a program in its place that only notes how many of it run."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from controller.configuration import parse
from controller.contract import Repo
from controller.store.truths import RESTICS_MAX, Stores
from controller.truth import Failed, Listed
from tests.controller.scene import BASE, claim

if TYPE_CHECKING:
    from pathlib import Path

    from controller.truth import Listing

CONFIGURATION = "stores: {local: {endpoint: 'http://127.0.0.1:1', bucket: backups, secret: base}}\n"
PROGRAM = """#!/bin/sh
touch {folder}/running-$$
ls {folder} | grep -c running >>{folder}/seen
sleep {sleep_s}
rm {folder}/running-$$
echo '[]'
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is noted how many ran whenever another one began."""
    restic, folder = tmp_path / "restic", tmp_path / "noted"
    folder.mkdir()
    restic.write_text(PROGRAM.format(folder=folder, sleep_s=0.2))
    restic.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return folder


def read_many(count: int, deadline_s: float) -> list[Listing]:
    """What as many claims are told that are created at once, and ask for an older restore point each."""
    nobody: Any = None

    async def within() -> list[Listing]:
        stores = Stores(parse(CONFIGURATION, "here"), nobody)
        of = [claim(name=f"orders-{number}") for number in range(count)]
        return await asyncio.gather(*(stores.restic(Repo.LOCAL, each, BASE).points(deadline_s) for each in of))

    return asyncio.run(within())


def test_few_run_at_once_however_many_claims_ask(slow: Path) -> None:
    told = read_many(4 * RESTICS_MAX, 30)
    assert all(isinstance(each, Listed) for each in told)
    assert max(map(int, (slow / "seen").read_text().split())) <= RESTICS_MAX


def test_whoever_gets_no_turn_in_time_is_told_that_nobody_can_say(slow: Path) -> None:
    told = read_many(20 * RESTICS_MAX, 0.8)
    assert Failed("restic had no turn in time: other repositories are read now") in told
    assert max(map(int, (slow / "seen").read_text().split())) <= RESTICS_MAX
