"""The ledger survives crashes, tells what it cannot read, and can be judged again from its folder alone."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters.problem import Problem
from fixtures.history import BackedUp, BackupState, Evidence, Judged, Observed, Restored, RunStarted, Skipped, Wrote
from fixtures.ledger import LEDGER_FILE, Ledger, ledger_folders, read
from fixtures.oracle import judge_recorded
from fixtures.rejudge import main, rejudge
from tests.scene import NONCE, REPOSITORY, VOLUME, Scene, at, evidence, generation, request, seen_in, volume_of

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def scene(tmp_path: Path) -> Generator[Scene]:
    with Scene(tmp_path / "run" / "drill") as scene:
        yield scene


@pytest.fixture
def judged(scene: Scene, tmp_path: Path) -> Path:
    """The folder of a run with one drill, which restored generation 2 and was judged intact."""
    scene.two_generations_backed_up_and_lost()
    scene.minute = 62
    restore = scene.ledger.restored(request(), evidence(2))
    scene.ledger.observed(restore, seen_in(volume_of(tmp_path / "copy", 2)))
    judgement = judge_recorded(scene.history, restore)
    scene.ledger.judged(restore, verdict=judgement.verdict.value, promised="intact", explanation=judgement.explanation)
    assert judgement.verdict.value == "intact", judgement.report()
    return tmp_path / "run"


def test_what_is_written_is_read_back(scene: Scene) -> None:
    scene.two_generations_backed_up_and_lost()
    scene.first_run()
    restore = scene.ledger.restored(request(selection=Skipped("why not")), Evidence())
    events = [recorded.event for recorded in scene.history.events]
    assert [event.event for event in events] == [
        "run started",
        "wrote",
        "backed up",
        "wrote",
        "backed up",
        "destroyed",
        "first-run data",
        "restored",
    ]
    assert events[0] == RunStarted("run-1", 7, NONCE, {"volsync": "0.16.0"})
    assert events[2] == BackedUp(
        VOLUME, REPOSITORY, 1, BackupState.ACKNOWLEDGED, f"{1:064x}"[::-1], taken_at=at(2), copied_at=at(1.5)
    )
    assert events[-1] == Restored(restore, request(selection=Skipped("why not")), Evidence())
    assert scene.history.events[2].at == at(2)
    assert scene.history.torn is None


def test_trees_are_kept_whole(scene: Scene) -> None:
    scene.write(1)
    [wrote] = scene.history.all(Wrote)
    assert scene.history.load(wrote.manifest) == generation(1).tree()


def test_equal_trees_are_kept_once(scene: Scene) -> None:
    scene.write(1)
    scene.write(1)
    assert len(list((scene.folder / "manifests").iterdir())) == 1


def test_apps_that_hold_the_same_at_the_same_moment_do_not_get_into_each_others_way(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ten apps do that all find their volume empty."""
    apps = 4
    all_write = threading.Barrier(apps)
    compress = gzip.compress

    def together(text: bytes, **options: int) -> bytes:
        with contextlib.suppress(threading.BrokenBarrierError):  # one after the other is as good
            all_write.wait(0.2)
        return compress(text, **options)

    monkeypatch.setattr(gzip, "compress", together)
    with ThreadPoolExecutor(max_workers=apps) as pool:
        for number in range(apps):
            pool.submit(scene.ledger.observed, f"r{number}", generation(1).tree())
    observed = scene.history.all(Observed)
    assert {each.restore for each in observed} == {f"r{number}" for number in range(apps)}
    for each in observed:
        assert each.manifest is not None
        assert scene.history.load(each.manifest) == generation(1).tree()


def test_every_line_is_on_disk_before_the_call_returns(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        fsync(descriptor)
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == LEDGER_FILE:
            synced.append((scene.folder / LEDGER_FILE).stat().st_size)

    monkeypatch.setattr(os, "fsync", noting)
    scene.destroy()
    assert synced == [(scene.folder / LEDGER_FILE).stat().st_size]


def cut(scene: Scene, bytes_left_out: int) -> None:
    path = scene.folder / LEDGER_FILE
    os.truncate(path, path.stat().st_size - bytes_left_out)


@pytest.mark.parametrize("bytes_left_out", [1, 20])
def test_a_last_line_that_a_crash_cut_off_is_left_out_and_told_of(scene: Scene, bytes_left_out: int) -> None:
    scene.write(1)
    scene.destroy()
    cut(scene, bytes_left_out)
    assert [recorded.event.event for recorded in scene.history.events] == ["run started", "wrote"]
    assert scene.history.torn is not None
    assert "line 3 was cut off" in scene.history.torn


def test_a_line_that_was_altered_in_the_middle_is_not_read_over(scene: Scene) -> None:
    scene.write(1)
    scene.destroy()
    path = scene.folder / LEDGER_FILE
    path.write_text(path.read_text().replace('"wrote"', '"wrote', 1))
    with pytest.raises(Problem, match="line 2, is damaged") as found:
        read(scene.folder)
    assert "run the drill again" in str(found.value)


@pytest.mark.parametrize("written_in", [0, 2, "1"])
def test_a_ledger_of_another_format_is_refused_in_one_message(scene: Scene, written_in: object) -> None:
    path = scene.folder / LEDGER_FILE
    path.write_text(path.read_text().replace('{"ledger":1', f'{{"ledger":{json.dumps(written_in)}'))
    with pytest.raises(Problem, match=rf"is of ledger format {written_in}.\n  why:  this firedrill reads format 1"):
        read(scene.folder)


@pytest.mark.parametrize("text", ["", "{"])
def test_a_ledger_that_never_began_is_refused(scene: Scene, text: str) -> None:
    (scene.folder / LEDGER_FILE).write_text(text)
    with pytest.raises(Problem, match="is not the ledger of a run"):
        read(scene.folder)


def test_a_folder_without_a_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="There is no ledger in"):
        read(tmp_path)


@pytest.mark.parametrize("damage", ["altered", "cut off", "missing", "bits flipped"])
def test_a_tree_that_is_not_as_noted_is_refused(scene: Scene, damage: str) -> None:
    scene.write(1)
    [wrote] = scene.history.all(Wrote)
    path = scene.folder / wrote.manifest.file
    if damage == "altered":
        scene.write(2)
        shutil.copy(scene.folder / scene.history.all(Wrote)[1].manifest.file, path)
    elif damage == "cut off":
        os.truncate(path, path.stat().st_size // 2)
    elif damage == "bits flipped":
        text = path.read_bytes()
        path.write_bytes(text[:40] + bytes(byte ^ 0xFF for byte in text[40:80]) + text[80:])
    else:
        path.unlink()
    with pytest.raises(Problem, match="cannot be used"):
        scene.history.load(wrote.manifest)


def test_a_ledger_is_never_written_over(scene: Scene) -> None:
    with pytest.raises(Problem, match="holds a ledger already"):
        Ledger.start(scene.folder, run="r", seed=1, nonce=NONCE, versions={})


def test_one_generation_cannot_be_two_trees(scene: Scene) -> None:
    scene.write(1)
    with pytest.raises(ValueError, match="already, as another tree"):
        scene.ledger.wrote(VOLUME, 1, generation(2).tree())


def test_an_acknowledged_backup_names_its_restore_point(scene: Scene) -> None:
    with pytest.raises(ValueError, match="names its restore point"):
        scene.ledger.backed_up(
            VOLUME, repository=REPOSITORY, generation=1, state=BackupState.ACKNOWLEDGED, taken_at=at(1)
        )


def test_a_time_without_a_zone_is_refused(scene: Scene) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  # the mistake under test
    with pytest.raises(ValueError, match="no time zone"):
        scene.ledger.backed_up(VOLUME, repository=REPOSITORY, generation=1, state=BackupState.UNSURE, taken_at=naive)


def test_ledgers_are_found_below_the_folder_of_a_run(scene: Scene) -> None:
    assert ledger_folders(scene.folder.parent) == [scene.folder]


# Judging again.


def test_a_run_is_judged_again_from_a_copy_of_its_folder_alone(judged: Path, tmp_path: Path) -> None:
    shutil.copytree(judged, tmp_path / "elsewhere" / "run")
    shutil.rmtree(judged)
    command = [sys.executable, "-m", "fixtures.oracle", str(tmp_path / "elsewhere" / "run")]
    again = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert (again.returncode, again.stderr) == (0, "")
    assert "drill r1 orders/data: intact: it holds generation 2, as due" in again.stdout
    assert "1 judged and 0 ruled on again, 0 with another verdict than then" in again.stdout


def test_a_verdict_that_is_another_now_is_pointed_out(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = judged / "drill" / LEDGER_FILE
    path.write_text(path.read_text().replace('"verdict":"intact"', '"verdict":"stale"'))
    assert main([str(judged)]) == 1
    assert "*** was stale ***" in capsys.readouterr().out


def test_a_run_that_was_cut_off_before_its_verdict_is_judged(judged: Path) -> None:
    path = judged / "drill" / LEDGER_FILE
    os.truncate(path, path.stat().st_size - 10)
    [result] = rejudge(judged)
    assert (result.then, result.now.verdict.value, result.agrees) == (None, "intact", True)
    assert not read(judged / "drill").all(Judged)


def test_a_request_that_was_never_observed_is_not_given_a_verdict(scene: Scene) -> None:
    scene.ledger.restored(request(), Evidence())
    assert list(rejudge(scene.folder)) == []


def test_a_run_in_which_no_volume_was_read_is_not_called_judged(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.ledger.restored(request(), Evidence())
    assert main([str(scene.folder.parent)]) == Problem.EXIT_CODE
    assert "no drill below it came so far that a volume was read" in capsys.readouterr().err


def test_a_folder_with_nothing_to_judge_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == Problem.EXIT_CODE
    assert "there is no such folder" in capsys.readouterr().err
