"""The pure parts of what measures the controller's costs: histograms, growth, the spread of schedules, repositories."""

from __future__ import annotations

import io
import math
import re
import signal
import sys
import tarfile
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from clusters.problem import Problem
from fixtures.costs import __main__ as command
from fixtures.costs import growth, measuring, metrics, names, progress
from fixtures.costs.__main__ import rows
from fixtures.costs.counters import Counters, Spent
from fixtures.costs.growth import Row
from fixtures.costs.metrics import Histogram, Quantile
from fixtures.costs.repositories import Repositories

if TYPE_CHECKING:
    from pathlib import Path

SCRAPE = """
# HELP answer_seconds How long.
# TYPE answer_seconds histogram
answer_seconds_bucket{name="ours",type="admit",le="0.005"} 50
answer_seconds_bucket{name="ours",type="admit",le="0.025"} 90
answer_seconds_bucket{name="ours",type="admit",le="0.1"} 100
answer_seconds_bucket{name="ours",type="admit",le="+Inf"} 100
answer_seconds_bucket{name="theirs",type="admit",le="0.005"} 0
answer_seconds_bucket{name="theirs",type="admit",le="0.1"} 0
answer_seconds_bucket{name="theirs",type="admit",le="+Inf"} 7
answer_seconds_sum{name="ours",type="admit"} 1
answer_seconds_count{name="ours",type="admit"} 100
"""
AT = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)


def histogram(text: str = SCRAPE, name: str = "ours") -> Histogram:
    return Histogram.of(metrics.samples(text, "answer_seconds_bucket"), "answer_seconds", {"name": name})


def lies(found: Quantile | None, value: float, above: float, up_to: float) -> bool:
    return found is not None and math.isclose(found.value, value) and (found.above, found.up_to) == (above, up_to)


def test_who_interrupts_the_measuring_is_told_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["costs"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(command, "measure", interrupted)
    assert command.main() == 130
    assert "the sizes that were measured are kept" in capsys.readouterr().err


def test_a_quantile_is_interpolated_between_the_bounds_of_its_bucket() -> None:
    found = histogram()
    assert lies(found.quantile(0.25), 0.0025, 0, 0.005)
    assert lies(found.quantile(0.7), 0.005 + 0.02 * 20 / 40, 0.005, 0.025)
    assert lies(found.quantile(0.99), 0.025 + 0.075 * 9 / 10, 0.025, 0.1)


def test_a_quantile_that_lies_exactly_at_a_bound_is_that_bound() -> None:
    assert lies(histogram().quantile(0.9), 0.025, 0.005, 0.025)


def test_beyond_the_last_bound_that_bound_is_told_and_the_bucket_has_no_end() -> None:
    assert lies(histogram(name="theirs").quantile(0.5), 0.1, 0.1, math.inf)


def test_an_empty_bucket_is_passed_over() -> None:
    found = Histogram({0.005: 10, 0.025: 10, 0.1: 20, math.inf: 20})
    assert lies(found.quantile(0.75), 0.025 + 0.075 * 5 / 10, 0.025, 0.1)


def test_without_observations_there_is_no_quantile_and_no_share() -> None:
    empty = Histogram({0.005: 0, math.inf: 0})
    assert (empty.quantile(0.5), empty.share_up_to(0.005), Histogram({}).quantile(0.5)) == (None, None, None)


def test_only_what_came_after_the_earlier_scrape_counts() -> None:
    later = SCRAPE.replace('le="0.1"} 100', 'le="0.1"} 104').replace('le="+Inf"} 100', 'le="+Inf"} 104')
    found = histogram(later).since(histogram())
    assert (found.count, found.share_up_to(0.025)) == (4, 0)
    assert lies(found.quantile(0.5), 0.025 + 0.075 * 2 / 4, 0.025, 0.1)


def test_counters_are_summed_by_some_labels_and_compared() -> None:
    text = 'asked_total{verb="POST",code="201"} 3\nasked_total{verb="POST",code="409"} 2\nasked_total{verb="GET"} 9\n'
    before = metrics.tally(metrics.samples(text, "asked_total"), "verb")
    assert before == {("POST",): 5, ("GET",): 9}
    assert metrics.grown(before, {**before, ("POST",): 6.0, ("PUT",): 1.0}) == {("POST",): 1, ("PUT",): 1}


def counters(api: dict[tuple[str, ...], float], cpu_s: dict[str, float]) -> Counters:
    return Counters(webhooks={}, api=api, s3={}, cpu_s=cpu_s)


def test_writes_of_the_api_server_to_its_own_leases_are_nobodys() -> None:
    before = counters({("PUT", "leases", ""): 1, ("LIST", "pods", ""): 1}, {})
    now: dict[tuple[str, ...], float] = {
        ("PUT", "leases", ""): 9.0,
        ("LIST", "pods", ""): 5.0,
        ("PATCH", "persistentvolumeclaims", "status"): 2.0,
    }
    spent = Spent.between(before, counters(now, {}))
    assert spent.api_writes == {"PATCH persistentvolumeclaims status": 2}
    assert spent.api_requests == 6


def test_a_program_that_was_started_in_between_is_counted_from_its_start() -> None:
    spent = Spent.between(counters({}, {"etcd": 3.0}), counters({}, {"etcd": 4.5, "reconcile": 2.0}))
    assert spent.cpu_s == {"etcd": 1.5, "reconcile": 2.0}


def test_a_row_tells_growth_and_whether_the_goal_is_met_at_the_largest_size() -> None:
    row = Row("memory", "MiB", {10_000: 120.0, 100: 60.0}, goal=150)
    assert row.cells() == ["memory, MiB", "60", "120", "x 2.0", "150", "met"]
    assert Row("memory", "MiB", {100: 60.0, 10_000: 151.0}, goal=150).cells()[-1] == "MISSED"


def test_a_figure_that_is_missing_or_begins_at_nothing_has_no_growth() -> None:
    assert Row("writes", "", {100: 0.0, 10_000: 0.0}, goal=0).cells() == ["writes", "0", "0", "", "0", "met"]
    assert Row("admission", "ms", {100: 3.24, 10_000: None}, goal=25).cells()[1:] == ["3.2", "", "", "25", ""]
    assert Row("memory", "MiB", {100: 60.0}).cells() == ["memory, MiB", "60", "", "", ""]


def test_backups_that_last_longer_overlap_and_the_hour_is_a_circle() -> None:
    assert growth.peak_concurrency([0, 1, 30], lasting_minutes=1) == 1
    assert growth.peak_concurrency([59, 0, 1], lasting_minutes=3) == 3
    assert growth.peak_concurrency([0] * 200, lasting_minutes=5) == 200


class Store:
    """A bucket that takes archives apart onto its drive, and lists what lies there, or nothing."""

    name = "bucket"

    def __init__(self, drive: Path, *, looks: bool = True) -> None:
        self.drive, self.looks = drive, looks

    def put(self, _: str, content: bytes, metadata: dict[str, str]) -> None:
        assert metadata == {"snowball-auto-extract": "true"}
        with tarfile.open(fileobj=io.BytesIO(content)) as packed:
            for entry in packed.getmembers():
                folder = self.drive / self.name / entry.name
                folder.mkdir(parents=True)
                (folder / "xl.meta").write_text(str(entry.mtime))

    def count(self, prefix: str) -> int:
        return len(list((self.drive / self.name / prefix).rglob("xl.meta"))) if self.looks else 0


def made(drive: Path, *of: names.Name, looks: bool = True) -> None:
    store: Any = Store(drive, looks=looks)
    Repositories(store, drive).make(of, AT)


def test_repositories_have_the_keys_that_restic_gives_and_ids_of_their_own(tmp_path: Path) -> None:
    ours, theirs = names.claim(0), names.claim(51)
    made(tmp_path, ours, theirs)
    found = []
    for of in (ours, theirs):
        root = tmp_path / "bucket" / of.namespace / of.name
        keys = {str(file.parent.relative_to(root)) for file in root.rglob("xl.meta")}
        folders = Counter(key.split("/")[0] for key in keys)
        assert folders == {"config": 1, "keys": 1, "index": 1, "data": 1, "snapshots": 31}
        assert all(re.fullmatch(r"snapshots/[0-9a-f]{64}", key) for key in keys if key.startswith("snapshots"))
        found.append(keys)
    assert found[0] & found[1] == {"config"}


def test_the_newest_restore_point_is_ten_minutes_old_and_the_oldest_a_week(tmp_path: Path) -> None:
    made(tmp_path, names.claim(0))
    files = (tmp_path / "bucket" / "bench-000" / "data-00" / "snapshots").rglob("xl.meta")
    ages_s = sorted(AT.timestamp() - int(file.read_text()) for file in files)
    assert (ages_s[0], ages_s[-1]) == (600, 7 * 24 * 3600 + 600)


def test_a_store_that_does_not_list_what_was_made_on_its_drive_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="the store lists 0 objects, and 35 were made"):
        made(tmp_path, names.claim(0), looks=False)


# --- who uses the processors, and how far it is -----------------------------------------------------------------------


def test_the_processor_time_of_an_admission_is_told_of_each_program_that_takes_part() -> None:
    asked = Histogram({math.inf: 10.0})
    cpu_s = {"serve-0": 0.02, "serve-1": 0.01, "kube-apiserver": 0.05, "etcd": 0.0, "minio": 0.01, "generator": 0.01}
    spent = Spent(0.1, cpu_s, {"mutating": asked}, 20.0, {}, {}, 0.0)
    found = measuring.shares(spent, ["serve-0", "serve-1"], processors=2)
    assert found["admission_cpu_ms"] == pytest.approx(3)
    assert found["admission_kube-apiserver_cpu_ms"] == pytest.approx(5)
    assert found["admission_per_s"] == pytest.approx(100)
    assert found["admission_busy_percent"] == pytest.approx(50)
    told = {row.name for row in rows({100: found}) if row.values[100] is not None}
    # None of them is lost on its way into the table.
    assert len(told) == len(found)


class Clock:
    """Time that moves when it is told to."""

    at_s = 1000.0

    def now_s(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.at_s += seconds


def test_progress_is_told_at_each_step_and_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    told = progress.Progress(clock)
    told.step("creating")
    for done in range(1, 62):
        clock.sleep(1)
        told.counted("created", done, 61)
    assert capsys.readouterr().err.splitlines() == [
        "firedrill bench:   0:00 creating",
        *(f"firedrill bench:   {done // 60}:{done % 60:02d}   created: {done} of 61" for done in (15, 30, 45, 60)),
    ]
