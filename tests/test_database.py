"""A database under commit: a whole copy is taken, and one that is torn, old, holed or another's is refused."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from fixtures.agent.database import DatabaseFacts, commit, read
from fixtures.database import judge_database
from fixtures.history import Acknowledged, BackupState, DatabaseSeen, Observed
from fixtures.oracle import judge_recorded
from fixtures.tree import DATABASE_FOLDER
from fixtures.verdict import Verdict
from tests.scene import NONCE, REPOSITORY, VOLUME, Scene, at, evidence, generation, request, restored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMITS = 40
DUE = 30
FILE = f"{DATABASE_FOLDER}/commits.db"


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a volume whose database was in use: the newest commits are in its log alone."""
    place = tmp_path_factory.mktemp("taken")
    at_work = place / "at-work"
    at_work.mkdir()
    commit(at_work, NONCE, VOLUME, StringIO(), commits_max=COMMITS - 5)
    holder = sqlite3.connect(at_work / FILE)
    holder.execute("BEGIN")
    holder.execute("SELECT count(*) FROM commits").fetchone()
    # A reader keeps the log from being folded into the database when the writer closes it.
    commit(at_work, NONCE, VOLUME, StringIO(), commits_max=COMMITS)
    shutil.copytree(at_work, place / "copy")
    holder.close()
    return place / "copy"


@pytest.fixture
def volume(taken: Path, tmp_path: Path) -> Path:
    """That copy, for one test to damage."""
    return shutil.copytree(taken, tmp_path / "copy")


def verdict_on(folder: Path, facts: DatabaseFacts, *, due: int = DUE, copied: bool = True) -> tuple[Verdict, str]:
    """What is said of a restored database, of which so many commits were acknowledged before the copy."""
    with Scene(folder) as scene:
        scene.write(1)
        scene.minute = 10
        copy_at = datetime(2026, 1, 1, 12, 5, 0, tzinfo=UTC)
        after = tuple((number - due) * 1_000_000 - 1 for number in range(1, COMMITS + 1))
        scene.ledger.note(Acknowledged(VOLUME, 1, copy_at, after))
        scene.ledger.backed_up(
            VOLUME, repository=REPOSITORY, generation=1, state=BackupState.ACKNOWLEDGED,
            taken_at=copy_at + timedelta(seconds=3), restore_point=f"{1:064x}"[::-1],
            copied_at=copy_at if copied else None,
        )  # fmt: skip
        scene.destroy()
        scene.ledger.restored(request(asked_at=at(11)), evidence(1))
        scene.ledger.note(DatabaseSeen("r1", facts))
        scene.ledger.observed("r1", generation(1).tree())
        judgement = judge_recorded(scene.history, "r1")
        of_database = judge_database(scene.history, restored(1, of=request(asked_at=at(11))))
        assert of_database is not None
        assert (judgement.verdict, of_database[1] in judgement.explanation) == (of_database[0], True)
        return of_database


def test_acknowledged_commits_are_read_back_in_order(tmp_path: Path) -> None:
    told = StringIO()
    commit(tmp_path, NONCE, VOLUME, told, commits_max=3)
    assert [line.split()[0] for line in told.getvalue().splitlines()] == ["1", "2", "3"]
    commit(tmp_path, NONCE, VOLUME, told, commits_max=5)
    assert read(tmp_path) == DatabaseFacts(True, "ok", 5, 5, (f"{NONCE} {VOLUME}",))


def test_a_copy_of_a_database_at_work_is_intact(volume: Path, tmp_path: Path) -> None:
    assert (volume / f"{FILE}-wal").stat().st_size > 0
    facts = read(volume)
    assert facts.last == facts.count == COMMITS
    assert verdict_on(tmp_path / "ledger", facts)[0] is Verdict.INTACT


def test_looking_into_a_database_changes_nothing_on_the_volume(volume: Path) -> None:
    before = {path.name: path.read_bytes() for path in (volume / DATABASE_FOLDER).iterdir()}
    read(volume)
    assert {path.name: path.read_bytes() for path in (volume / DATABASE_FOLDER).iterdir()} == before


def flip_a_page(volume: Path) -> None:
    with (volume / FILE).open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))
    (volume / f"{FILE}-wal").unlink()


def flip_the_header(volume: Path) -> None:
    with (volume / FILE).open("r+b") as file:
        file.write(b"this is no longer SQLite")


def lose_a_middle_commit(volume: Path) -> None:
    with sqlite3.connect(volume / FILE) as database:
        database.execute("DELETE FROM commits WHERE number = 17")
    database.close()


def spoil_a_commit(volume: Path) -> None:
    with sqlite3.connect(volume / FILE) as database:
        database.execute("UPDATE commits SET payload = x'00' WHERE number = 17")
    database.close()


def write_as_another(volume: Path) -> None:
    with sqlite3.connect(volume / FILE) as database:
        database.execute("UPDATE commits SET volume = 'other/data' WHERE number = 17")
    database.close()


def lose_the_end(volume: Path) -> None:
    with sqlite3.connect(volume / FILE) as database:
        database.execute("DELETE FROM commits WHERE number > ?", (DUE - 1,))
    database.close()


def drop_the_log(volume: Path) -> None:
    (volume / f"{FILE}-wal").unlink()


def lose_all(volume: Path) -> None:
    shutil.rmtree(volume / DATABASE_FOLDER)


def commit_more_than_was_made(volume: Path) -> None:
    commit(volume, NONCE, VOLUME, StringIO(), commits_max=COMMITS + 2)


@pytest.mark.parametrize(
    ("damage", "verdict", "words"),
    [
        (flip_a_page, Verdict.PARTIAL, "torn"),
        (flip_the_header, Verdict.PARTIAL, "torn"),
        (lose_a_middle_commit, Verdict.PARTIAL, "gaps"),
        (spoil_a_commit, Verdict.PARTIAL, "are not what was committed"),
        (write_as_another, Verdict.FOREIGN, "other/data"),
        (lose_the_end, Verdict.STALE, f"ends with commit {DUE - 1}, and {DUE} was acknowledged"),
        (lose_all, Verdict.EMPTY_THROUGH_LOSS, f"{DUE} were acknowledged"),
        (commit_more_than_was_made, Verdict.FOREIGN, f"{COMMITS} was the last ever acknowledged"),
    ],
    ids=lambda value: value.__name__.replace("_", " ") if callable(value) else "",
)
def test_a_damaged_database_is_refused(
    volume: Path, tmp_path: Path, damage: Callable[[Path], None], verdict: Verdict, words: str
) -> None:
    damage(volume)
    found, why = verdict_on(tmp_path / "ledger", read(volume))
    assert (found, words in why) == (verdict, True), why


def test_a_database_without_its_log_is_older_than_what_was_acknowledged(volume: Path, tmp_path: Path) -> None:
    drop_the_log(volume)
    assert verdict_on(tmp_path / "ledger", read(volume), due=COMMITS)[0] is not Verdict.INTACT


def test_the_last_commit_may_be_there_without_its_acknowledgement(volume: Path, tmp_path: Path) -> None:
    commit(volume, NONCE, VOLUME, StringIO(), commits_max=COMMITS + 1)
    assert verdict_on(tmp_path / "ledger", read(volume))[0] is Verdict.INTACT


def test_without_the_time_of_the_copy_nobody_can_tell_what_was_due(volume: Path, tmp_path: Path) -> None:
    assert verdict_on(tmp_path / "ledger", read(volume), copied=False)[0] is Verdict.UNKNOWN


def test_a_copy_from_before_the_first_commit_shows_nothing_of_a_database(tmp_path: Path) -> None:
    nothing = DatabaseFacts(False, "", 0, 0, ())
    assert verdict_on(tmp_path / "empty", nothing, due=0)[0] is Verdict.UNKNOWN
    in_flight = DatabaseFacts(True, "ok", 1, 1, (f"{NONCE} {VOLUME}",))
    found, why = verdict_on(tmp_path / "in flight", in_flight, due=0)
    assert (found, "no commit was acknowledged before the copy" in why) == (Verdict.UNKNOWN, True), why


def test_a_database_that_nobody_looked_into_is_unknown(tmp_path: Path) -> None:
    with Scene(tmp_path / "ledger") as scene:
        scene.two_generations_backed_up_and_lost()
        scene.ledger.note(Acknowledged(VOLUME, 1, at(0), (0, 1)))
        assert judge_database(scene.history, restored(2)) == (Verdict.UNKNOWN, "nobody looked into the database")


def test_a_volume_that_never_had_a_database_is_judged_by_its_files_alone(tmp_path: Path) -> None:
    with Scene(tmp_path / "ledger") as scene:
        scene.two_generations_backed_up_and_lost()
        assert judge_database(scene.history, restored(2)) is None


def test_files_that_did_not_come_back_are_not_excused_by_a_good_database(tmp_path: Path) -> None:
    facts = DatabaseFacts(True, "ok", COMMITS, COMMITS, (f"{NONCE} {VOLUME}",))
    folder = tmp_path / "ledger"
    verdict_on(folder, facts)
    with Scene(tmp_path / "other") as scene:
        scene.two_generations_backed_up_and_lost()
        scene.ledger.note(Acknowledged(VOLUME, 1, at(0), (0,)))
        scene.ledger.restored(request(), evidence(2))
        scene.ledger.note(DatabaseSeen("r1", replace(facts, count=1, last=1)))
        scene.ledger.observed("r1", generation(1).tree())
        assert scene.history.all(Observed)
        assert judge_recorded(scene.history, "r1").verdict is not Verdict.INTACT
