"""The page of a run: complete, readable without a network, and safe whatever a volume or a cluster put into it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from clusters import host, kindconfig, versions
from clusters.problem import Problem
from fixtures import ledger
from fixtures import page as pages
from fixtures import report as reports
from fixtures.engines.registry import ENGINES
from fixtures.entry import Entry, Kind
from fixtures.history import BackupState
from fixtures.invariants import TITLES, Invariant, Ruling, Standing
from fixtures.oracle import Verdict
from fixtures.page import budgets, timeline, trend, waits
from fixtures.page.__main__ import main
from fixtures.page.budgets import Measure
from fixtures.page.gather import DRAWINGS_MAX, JUDGED_AGAIN_MAX, LOST_ROWS_OF_ALL_MAX, Told
from fixtures.page.render import UNKEPT_MAX, visible
from fixtures.page.timeline import WIDTH, Happening, Tone
from fixtures.page.words import STANDINGS
from fixtures.report import DrillResult, Phase, Report, Run
from fixtures.tree import Tree
from tests.scene import NONCE, REPOSITORY, VOLUME, Scene, at, evidence, generation, request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fixtures.page.timeline import Drawing

ROOT: Final = Path(__file__).resolve().parent.parent
RUN: Final = Run("run-1", 7, NONCE, "pytest e2e", "firedrill", at(0), {"volsync": "v0.16.0", "kubernetes": "v1.36.3"})
SCRIPT: Final = b"<script>alert(1)<\nsecond line\xff&\"'"
CHROMIUM: Final = next(filter(None, map(shutil.which, host.BROWSERS)), None)


def a_result(name: str = "drill-0000a1", **other: object) -> DrillResult:
    result = DrillResult(
        engine="static",
        variant="faithful",
        scenario="SC-02",
        form="rebuild, namespace lost",
        verdict=Verdict.INTACT,
        promised=Verdict.INTACT,
        explanation="it holds generation 2, as due",
        namespace=name,
        seed=7,
        rerun=".venv/bin/python -m pytest e2e/test_rebuild.py --seed 7",
        artefacts=f"/somewhere/else/{name}",
        phases=(
            Phase("given generation 1 is written", at(0), at(1)),
            Phase("when the namespace is lost", at(4), at(5)),
            Phase("then the app finds its volume intact", at(5), at(6.5)),
        ),
        evidence=("orders/data was populated from ns/image",),
        recovery_time_s=90.0,
        recovery_point_s=30.0,
    )
    return replace(result, **other)  # type: ignore[arg-type]


def a_drill(folder: Path, seen: Tree, verdict: Verdict = Verdict.INTACT) -> None:
    """The ledger of a rebuild that brought back `seen`."""
    with Scene(folder) as scene:
        scene.two_generations_backed_up_and_lost()
        scene.minute += 1
        restore = scene.ledger.restored(request(asked_at=at(5)), evidence(2))
        scene.ledger.observed(restore, seen)
        scene.ledger.judged(restore, verdict=verdict.value, promised="intact", explanation="as the judge said")


def whole() -> Tree:
    return generation(2).tree()


def tree_with(*paths: bytes) -> Tree:
    entries = [Entry(path, Kind.FILE, 0o644, 0, 0, 0, size_bytes=1, sha256="0" * 64) for path in paths]
    return Tree.of([*whole().entries.values(), *entries])


def write(run_folder: Path, *results: DrillResult, run: Run = RUN) -> str:
    """The page of a run with these results, as text."""
    reports.write_run(run_folder, run)
    for result in results:
        reports.write_result(run_folder / result.namespace, result)
    reports.write_report(run_folder, reports.collect(run_folder))
    return (run_folder / pages.PAGE_FILE).read_text("utf-8")


class Parsed(HTMLParser):
    """What stands in a page. Fails on tags that are not closed in order."""

    VOID: Final = frozenset({"meta", "link", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, attribute: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(attribute)) is not None]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def test_a_drill_is_told_with_verdict_figures_evidence_and_the_command_that_runs_it_again(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", whole())
    text = Parsed(write(tmp_path, a_result())).text
    for words in (
        "The drill kept its promise.",
        "static · SC-02 rebuild, namespace lost",
        "intact , as promised: it holds generation 2, as due",
        "1 min 30 s of 5 min",
        "30 s of 1 h",
        "orders/data was populated from ns/image",
        ".venv/bin/python -m pytest e2e/test_rebuild.py --seed 7",
        "volsync v0.16.0",
        f"NotReady after {kindconfig.NODE_MONITOR_GRACE_PERIOD_S} s",
        "pytest e2e --seed 7",
    ):
        assert words in text, words


def test_a_failing_drill_lists_what_was_lost_file_by_file(tmp_path: Path) -> None:
    lost, *kept = whole().entries.values()
    changed = next(entry for entry in kept if entry.kind is Kind.FILE and entry.link_group is None)
    others = [entry for entry in kept if entry is not changed]
    a_drill(tmp_path / "drill-0000a1", Tree.of([*others, replace(changed, mode=0o4711)]), Verdict.PARTIAL)
    problems = ("promised intact, partial\n  missing: a",)
    text = Parsed(write(tmp_path, a_result(verdict=Verdict.PARTIAL, problems=problems))).text
    assert "Of 1 drill, 1 broke a promise." in text
    assert "✕ fail static · SC-02 rebuild, namespace lost : promised intact, partial" in text
    assert "partial , where intact was promised" in text
    assert "1 path missing" in text
    assert f"{lost.path.decode('ascii')} missing was there nothing" in text
    assert f"{changed.path.decode('ascii')} mode {changed.mode:04o} 4711" in text


def test_foreign_files_are_listed_although_the_judge_stopped_at_them(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", tree_with(b"somebody-elses"), Verdict.FOREIGN)
    text = Parsed(write(tmp_path, a_result(verdict=Verdict.FOREIGN))).text
    assert "somebody-elses too many nothing is there" in text


def test_what_stands_in_file_names_and_in_messages_is_never_markup(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", tree_with(SCRIPT, b'x" onclick="alert(1)'), Verdict.FOREIGN)
    evil = "</pre><script>alert(2)</script>\x1b[31m\u202e\ud800\n<img src=https://example.org/x onerror=alert(3)>"
    result = a_result(verdict=Verdict.FOREIGN, explanation=evil, problems=(evil,), evidence=(evil,), rerun=evil)
    reports.write_run(tmp_path, replace(RUN, command=f"'{evil}'", versions={"<b>x": "<script>"}, cluster=evil))
    found = pages.write(tmp_path, Report(reports.collect(tmp_path).run, (result,))).read_text("utf-8")
    page = Parsed(found)
    assert not {"script", "img", "b>x"} & {tag for tag, _ in page.tags}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "<script>alert(1)<%0Asecond%20line%FF&%22'" in page.text
    assert r"\x1b[31m\u202e\ud800" in page.text
    assert not set(found) & {"\x1b", "\u202e"}


@pytest.mark.parametrize("text", ["plain", "ünïcode ✓", "two\nlines\tand a tab"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_the_page_names_nothing_that_a_browser_would_fetch(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", tree_with(SCRIPT), Verdict.FOREIGN)
    text = write(tmp_path, a_result(verdict=Verdict.FOREIGN), a_result("drill-gone", form="another"))
    page = Parsed(text)
    assert not page.values("src")
    assert {value[:2] for value in page.values("href")} <= {"#r", "#d", "#t", "#b", "#v", "#a", "./", "da"}
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in "".join(page.values("content"))


def test_the_page_can_be_read_without_eyes_and_without_colours(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", tree_with(b"x"), Verdict.FOREIGN)
    page = Parsed(write(tmp_path, a_result(verdict=Verdict.FOREIGN), a_result("drill-gone", form="another")))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in page.values("href") if value.startswith("#")} <= set(ids)
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    assert page.count("thead") == page.count("tbody") == page.count("table") >= 5
    assert all("aria-label" in attrs or "aria-hidden" in attrs for tag, attrs in page.tags if tag == "svg")
    assert [tag for tag, _ in page.tags if tag in {"h1", "main", "nav"}] == ["h1", "nav", "main"]
    assert "✕ fail" in page.text
    assert "✓ pass" in page.text


def test_a_run_without_drills_has_shown_nothing(tmp_path: Path) -> None:
    text = Parsed(write(tmp_path)).text
    assert "No drill was run, so nothing was shown." in text
    assert "A run without a drill is no pass." in text


def test_a_test_without_a_drill_that_failed_is_told_of_with_its_cause(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", whole())
    failed = reports.Checked("e2e/test_guard.py::test_b", "nobody waits", passed=False, why="it broke", rerun="again b")
    passed = reports.Checked("e2e/test_guard.py::test_a", "the door is shut", passed=True, why="", rerun="again a")
    reports.write_checked(tmp_path / "checked-1", failed)
    reports.write_checked(tmp_path / "checked-2", passed)
    page = Parsed(write(tmp_path, a_result()))
    assert "The drill kept its promise, and 1 test without a drill failed." in page.text
    assert "nobody waits ✕ fail it broke again b" in page.text
    assert "the door is shut ✓ pass" in page.text
    assert ("header", {"class": "fail"}) in page.tags
    assert {value[1:] for value in page.values("href") if value.startswith("#")} <= set(page.values("id"))


def test_an_interrupted_drill_is_on_the_page_and_is_no_pass(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", whole())
    with Scene(tmp_path / "drill-0000b2") as scene:
        scene.write(1)
        scene.back_up(1)
    (tmp_path / "progress.log").write_text("12:00:10 SC-02 rebuild, cluster lost [0000b2]: given the app is declared\n")
    text = Parsed(write(tmp_path, a_result())).text
    assert "Of 2 drills, 1 ended without an answer, 1 kept the promise." in text
    assert "SC-02 rebuild, cluster lost (drill-0000b2)" in text
    assert "it was interrupted, or is still going on" in text
    assert "generation 1 was written" in text


def test_a_run_that_was_killed_is_no_pass_however_its_drills_ended(tmp_path: Path) -> None:
    write(tmp_path, a_result())
    (tmp_path / "report.json").unlink()
    assert main([str(tmp_path)]) == 0
    page = Parsed((tmp_path / "report.html").read_text("utf-8"))
    assert "The drill kept its promise, and the run did not end." in page.text
    assert [attrs.get("class") for tag, attrs in page.tags if tag == "header"] == ["inconclusive"]


def test_a_drill_without_its_folder_is_still_told(tmp_path: Path) -> None:
    result = a_result()
    reports.write_run(tmp_path, RUN)
    written = pages.write(tmp_path, Report(RUN, (result,)))
    assert "No ledger of this drill is beside this page" in written.read_text("utf-8")


def test_a_ledger_of_another_version_is_said_once_and_beside_its_drill(tmp_path: Path) -> None:
    for name in ("drill-0000a1", "drill-0000b2"):
        a_drill(tmp_path / name, whole())
        file = tmp_path / name / "ledger.jsonl"
        file.write_text(file.read_text().replace('"ledger":1', '"ledger":2'))
    text = Parsed(write(tmp_path, a_result(), a_result("drill-0000b2"))).text
    assert text.count("2 of 2 ledgers cannot be read by this firedrill") == 1
    assert text.count("is of ledger format 2") == 2


def test_a_tree_that_is_gone_costs_the_list_of_losses_and_no_more(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", tree_with(b"x"), Verdict.FOREIGN)
    shutil.rmtree(tmp_path / "drill-0000a1" / "manifests")
    text = Parsed(write(tmp_path, a_result(verdict=Verdict.FOREIGN))).text
    assert "What was lost cannot be listed." in text
    assert "generation 2 was written" in text


def test_a_run_of_another_version_is_one_clear_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, a_result())
    (tmp_path / "report.html").unlink()
    run_file = tmp_path / reports.RUN_FILE
    run_file.write_text(json.dumps({"report": 2, "unheard": "of"}))
    assert main([str(tmp_path)]) == Problem.EXIT_CODE
    said = capsys.readouterr()
    assert said.out == ""
    assert "is a run of report format 2" in said.err
    assert "this firedrill reads format 1" in said.err
    assert not (tmp_path / "report.html").exists()


def test_the_command_makes_the_page_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, a_result())
    (tmp_path / "report.html").unlink()
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"
    assert "The drill kept its promise." in (tmp_path / "report.html").read_text("utf-8")


def test_the_command_refuses_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == Problem.EXIT_CODE
    assert "run.json is missing" in capsys.readouterr().err


def test_the_report_of_a_run_has_its_page_beside_it(tmp_path: Path) -> None:
    reports.write_run(tmp_path, RUN)
    reports.write_report(tmp_path, Report(RUN, (a_result(),)))
    assert (tmp_path / "report.html").exists()


def test_two_hundred_drills_make_a_page_of_bounded_size_that_says_what_is_left_out(tmp_path: Path) -> None:
    first = tmp_path / "first"
    a_drill(first, tree_with(*(b"foreign-%d" % number for number in range(500))), Verdict.FOREIGN)
    results = [a_result(f"drill-{number:06x}", verdict=Verdict.FOREIGN, form=f"form {number}") for number in range(200)]
    for result in results:
        shutil.copytree(first, tmp_path / "run" / result.namespace, copy_function=os.link)
    found = write(tmp_path / "run", *results)
    page = Parsed(found)
    assert len(found) < 4_000_000
    assert page.text.count("cut") < 200
    assert f"Losses are listed for {JUDGED_AGAIN_MAX} drills; {200 - JUDGED_AGAIN_MAX} more have some." in page.text
    assert f"Time lines are drawn for {DRAWINGS_MAX} drills; {200 - DRAWINGS_MAX} more" in page.text
    assert f"{500 - LOST_ROWS_OF_ALL_MAX // 200} more are left out here." in page.text
    assert page.text.count("✕ fail static · SC-02 form") == 200 + UNKEPT_MAX
    assert f"{200 - UNKEPT_MAX} more drills are no pass" in page.text


def test_engines_stand_side_by_side(tmp_path: Path) -> None:
    text = Parsed(write(tmp_path, a_result(), a_result("drill-b", engine="reference", variant="hardened"))).text
    assert "scenario reference hardened static SC-02 rebuild, namespace lost ✓ intact ✓ intact" in text


def test_a_long_explanation_is_cut_and_a_traceback_is_told_by_its_error() -> None:
    assert Told.of("all") == Told("all", None)
    told = Told.of("Traceback (most recent call last):\n  File x\nKubeError: 500 from the API server\n")
    assert told.first == "KubeError: 500 from the API server"
    assert "File x" in (told.whole or "")
    group = (
        "+ Exception Group Traceback (most recent call last):\n  | ExceptionGroup: two\n  +-+ 1\n    | ValueError: a"
    )
    assert Told.of(group).first == "ExceptionGroup: two"
    assert "cut here: 20,002 characters" in (Told.of(f"a\n{'x' * 20_000}").whole or "")


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_every_measure_has_a_budget_and_its_own_limit_where_an_engine_has_one() -> None:
    loaded = budgets.load()
    assert set(loaded) == set(Measure)
    assert loaded[Measure.NEW_VOLUME].limit_for_s("static") == 180
    assert loaded[Measure.NEW_VOLUME].limit_for_s("another") == 60


def test_a_budget_that_is_exceeded_is_named_and_changes_no_verdict(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", whole())
    text = Parsed(write(tmp_path, a_result(recovery_time_s=301.0, recovery_point_s=3600.0))).text
    assert "5 min 01 s ▲ over its budget of 5 min" in text
    assert "1 h 00 min of 1 h" in text
    assert "▲ 1 drill over budget: recovery time." in text
    assert "The drill kept its promise." in text


def test_a_new_volume_and_its_first_backup_are_measured_from_the_ledger(tmp_path: Path) -> None:
    with Scene(tmp_path / "drill") as scene:
        scene.minute = 2
        restore = scene.ledger.restored(request(asked_at=at(0.5)), evidence(0))
        scene.ledger.observed(restore, Tree.of([]))
        scene.back_up(1)
        measured = {
            each.measure: each.spent_s
            for each in budgets.spent(a_result(recovery_point_s=None), scene.history, budgets.load())
        }
    assert measured == {Measure.RECOVERY_TIME: 90, Measure.NEW_VOLUME: 90, Measure.FIRST_BACKUP: 60}


def test_a_drill_that_begins_with_a_backup_has_no_new_volume(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill", whole())
    history = ledger.read(tmp_path / "drill")
    assert {each.measure for each in budgets.spent(a_result(), history, budgets.load())} == {
        Measure.RECOVERY_TIME,
        Measure.RECOVERY_POINT,
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[recovery_time", "Expected"),
        ('[recovery_tim]\nname="a"\nmeaning="b"\nlimit_s=1', "recovery_tim"),
        ('[recovery_time]\nname="a"\nmeaning="b"\nlimit_s=1', "missing, or no limit: recovery_point"),
        (budgets.BUDGETS_FILE.read_text().replace("static = 180", "static = 0"), "new_volume: 0"),
    ],
)
def test_a_file_of_budgets_that_cannot_be_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text(text)
    with pytest.raises(Problem) as refused:
        budgets.load(file)
    assert why in refused.value.why


# --- time line --------------------------------------------------------------------------------------------------------


def a_happening(lane: str, start: float, end: float, label: str, tone: Tone = Tone.BACKUP) -> Happening:
    return Happening(lane, at(start), at(end), label, label, tone)


def drawn(found: Iterable[Happening]) -> Drawing:
    drawing = timeline.draw(list(found))
    assert drawing is not None
    return drawing


def test_writes_backups_loss_restore_first_read_waits_and_steps_have_lanes(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill", whole())
    wait = waits.LongWait("the pod to run", at(5), at(5.5), 300, "Pending")
    late = waits.LongWait("the namespace to be gone", at(6.48), at(8), 300, "Terminating")
    found = timeline.happenings(a_result(), ledger.read(tmp_path / "drill"), (wait, late))
    lanes = {lane.name: [shape.label for shape in lane.shapes] for lane in drawn(found).lanes}
    assert lanes == {
        "writes": ["g1", "g2"],
        f"{REPOSITORY} store": ["g1", "g2"],
        "loss": [f"namespace of {VOLUME}"],
        "restore": ["r1"],
        "first read": ["intact"],
        "recovery": ["30 s of writes", "read after 90 s"],
        "waiting": ["the pod to run"],
        "given": ["generation 1 is written · 60.0 s"],
        "when": ["the namespace is lost · 60.0 s"],
        "then": ["the app finds its volume intact · 90.0 s"],
    }


def test_a_backup_that_is_not_sure_looks_and_reads_otherwise(tmp_path: Path) -> None:
    with Scene(tmp_path / "drill") as scene:
        scene.write(1)
        scene.back_up(1, BackupState.UNSURE)
        found = timeline.happenings(None, scene.history, ())
    assert [(each.label, each.tone) for each in found if each.lane == "local store"] == [("g1 unsure", Tone.DOUBT)]


def test_nothing_is_drawn_outside_and_no_label_over_another() -> None:
    crowd = [a_happening("local store", minute, minute + 0.2, f"a rather long label {minute}") for minute in range(50)]
    steps = [a_happening("step", minute, minute + 1, f"given step {minute}", Tone.STEP) for minute in range(50)]
    drawing = drawn([*crowd, *steps])
    for lane in drawing.lanes:
        taken: dict[float, float] = {}
        for shape in lane.shapes:
            width = len(shape.label) * 6.4
            left, right = (
                (shape.label_x - width, shape.x2) if shape.anchor == "end" else (shape.x, shape.label_x + width)
            )
            assert drawing.left <= shape.x <= shape.x2 <= WIDTH
            assert lane.y <= shape.y <= lane.y + lane.height <= drawing.bottom
            if shape.label:
                assert left >= taken.get(shape.y, 0.0)
                assert right <= WIDTH
                taken[shape.y] = right
    assert drawing.lanes[-1].left_out == 50 - timeline.STEPS_MAX


@pytest.mark.parametrize("seconds", [0, 0.5, 90, 7_000, 400_000])
def test_a_time_line_of_any_length_has_a_few_ticks(seconds: float) -> None:
    drawing = drawn([a_happening("loss", 0, seconds / 60, "x")])
    assert 1 <= len(drawing.ticks) <= 9
    assert drawing.ticks[0].text == "0:00"


def test_nothing_that_happened_is_no_drawing() -> None:
    assert timeline.draw([]) is None


def test_long_waits_are_read_back_from_the_story_of_the_run_also_over_midnight() -> None:
    started = at(0).replace(hour=23, minute=59, second=30)
    name = "SC-02 rebuild [not this], namespace lost [0000a1]"
    told = waits.stories(
        [
            f"23:59:50 {name}: waits for a pod, to run, 10 of 300 s; seen: phase Pending",
            f"00:00:10 {name}: waits for a pod, to run, 30 of 300 s; seen: phase Running",
            "23:59:59 SC-01 fresh install [0000b2]: when the app is declared",
            f"00:00:20 {name}: then it is backed up",
            f"00:00:40 {name}: waits for a pod, to run, 10 of 300 s; seen: nothing",
            "half a li",
            f"99:99:99 {name}: is no time",
        ],
        started,
    )
    first, second = told["0000a1"].waits
    assert told["0000a1"].name == "SC-02 rebuild [not this], namespace lost"
    assert (first.what, first.deadline_s, first.seen) == ("a pod, to run", 300, "phase Running")
    assert first.started_at == started + timedelta(seconds=10)
    assert first.seen_at == started + timedelta(seconds=40)
    assert second.started_at == started + timedelta(seconds=60)
    assert told["0000b2"].waits == ()


# --- trend ------------------------------------------------------------------------------------------------------------


def test_the_trend_counts_verdicts_and_recovery_times_of_earlier_runs(tmp_path: Path) -> None:
    earlier = {3: a_result(recovery_time_s=30.0), 2: a_result(verdict=Verdict.STALE, recovery_time_s=60.0), 1: None}
    for day, result in earlier.items():
        run = replace(
            RUN, run=f"earlier-{day}", started_at=at(0) - timedelta(days=day), versions={"volsync": "v0.14.0"}
        )
        reports.write_run(tmp_path / run.run, run)
        reports.write_report(tmp_path / run.run, Report(run, (result,) if result else ()))
    found = trend.read(tmp_path / "now", Report(RUN, (a_result(),)))
    [line] = found.lines
    assert found.runs == ("earlier-3", "earlier-2", "earlier-1", "run-1")
    assert line.verdicts == "2 pass, 1 fail"
    assert line.times == "1 min 30 s; median 1 min 00 s, from 30 s to 1 min 30 s"
    assert [cell.title for cell in line.cells] == [
        "earlier-3: pass, intact, first read after 30 s",
        "earlier-2: fail, stale, first read after 1 min 00 s",
        "earlier-1: not run",
        "run-1: pass, intact, first read after 1 min 30 s",
    ]
    assert found.changes == ("run-1: kubernetes none to v1.36.3, volsync v0.14.0 to v0.16.0",)


def test_later_runs_and_those_that_cannot_be_read_are_no_part_of_the_trend(tmp_path: Path) -> None:
    later = replace(RUN, run="later", started_at=at(1))
    reports.write_run(tmp_path / "later", later)
    reports.write_report(tmp_path / "later", Report(later, (a_result(),)))
    for name, text in (("damaged", "{"), ("newer", '{"report": 2}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(text)
    found = trend.read(tmp_path / "now", Report(RUN, (a_result(),)))
    assert found.runs == ("run-1",)
    assert [line.partition(":")[0] for line in found.unread] == ["damaged", "newer"]
    assert (
        "Left out: newer: its report.json is damaged, or of another version of firedrill"
        in Parsed(write(tmp_path / "now", a_result())).text
    )


def test_a_trend_is_as_good_as_the_worst_of_a_run_and_ends_with_the_newest_runs(tmp_path: Path) -> None:
    for day in range(1, trend.RUNS_MAX + 4):
        run = replace(RUN, run=f"day-{day}", started_at=at(0) - timedelta(days=day))
        reports.write_run(tmp_path / run.run, run)
        (tmp_path / run.run / "report.json").write_text(
            json.dumps({"report": 1, "run": json.loads((tmp_path / run.run / "run.json").read_text()), "drills": []})
        )
    twice = (a_result(), a_result("drill-b", verdict=Verdict.FOREIGN))
    found = trend.read(tmp_path / "now", Report(RUN, twice))
    assert found.left_out == 3
    assert found.runs[0] == f"day-{trend.RUNS_MAX}"
    assert [line.verdicts for line in found.lines] == ["1 fail"]


# --- in a real browser ------------------------------------------------------------------------------------------------


def in_chromium(page: Path, *options: str | Path) -> tuple[str, list[str]]:
    """The document as Chromium has it after loading, and every address that the page made it ask for."""
    assert CHROMIUM is not None
    log = page.with_suffix(".netlog")
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={page.with_suffix('.profile')}",
            f"--log-net-log={log}", *options, page.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    asked = [event["params"] for event in json.loads(log.read_text())["events"] if "url" in event.get("params", {})]
    # Chromium's own errands have no origin.
    return done.stdout, [each["url"] for each in asked if each.get("initiator", "not an origin") != "not an origin"]


RULINGS = (
    Ruling(Invariant.I5, Standing.BROKEN, ("restore point 2222 was gone by 12:02:30 UTC",)),
    Ruling(Invariant.I2, Standing.NOT_APPLICABLE, ("every store could be read all the time",)),
    Ruling(Invariant.I10, Standing.HELPED, ("orders/data by hand at 12:03:00 UTC: woken",)),
    Ruling(Invariant.I6, Standing.HELD, ("2 backup movers at 1 repositories",)),
)


def test_what_each_monitor_says_is_on_the_page_with_its_sign_and_its_reason(tmp_path: Path) -> None:
    write(tmp_path, a_result(rulings=RULINGS, overhead=0.123))
    text = (tmp_path / "report.html").read_text()
    assert "Invariants: 1 of 4 held, I5 broken, I10 held with help" in text
    for ruling in RULINGS:
        assert f"{ruling.invariant.value} {TITLES[ruling.invariant]}" in text
        assert ruling.said[0] in text
    assert "12 % of its time was firedrill" in text


def test_a_monitor_that_has_much_to_say_is_cut_and_says_so(tmp_path: Path) -> None:
    much = Ruling(Invariant.I11, Standing.BROKEN, tuple(f"thing {number} is left over" for number in range(30)))
    write(tmp_path, a_result(rulings=(much,)))
    text = (tmp_path / "report.html").read_text()
    assert "thing 7 is left over and 22 more in result.json" in text
    assert "thing 8 is" not in text


def test_every_standing_has_a_sign_and_a_meaning() -> None:
    assert set(STANDINGS) == set(Standing)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH; on Debian: apt-get install chromium")
def test_a_browser_shows_the_page_and_asks_for_nothing(tmp_path: Path) -> None:
    a_drill(tmp_path / "drill-0000a1", tree_with(SCRIPT), Verdict.FOREIGN)
    write(tmp_path, a_result(verdict=Verdict.FOREIGN, rulings=RULINGS))
    picture = tmp_path / "page.png"
    document, asked = in_chromium(
        tmp_path / "report.html", "--dump-dom", f"--screenshot={picture}", "--window-size=1280,1600"
    )
    assert asked == []
    assert document.count("<table") >= 6
    assert "held with help" in document
    assert "<script" not in document
    assert picture.stat().st_size > 50_000  # an empty page has some 7,000


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH; on Debian: apt-get install chromium")
def test_a_page_that_asks_for_something_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text('<!DOCTYPE html><img src="http://127.0.0.1:9/x.png">')
    assert in_chromium(page, "--dump-dom")[1] == ["http://127.0.0.1:9/x.png"]


# --- every night ------------------------------------------------------------------------------------------------------


def test_the_nightly_run_offers_every_version_and_engine_and_no_other() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yaml").read_text())
    inputs = workflow[True]["workflow_dispatch"]["inputs"]  # YAML 1.1 reads the key `on` as true
    known = versions._read(versions.FILE)
    assert inputs["engine"]["options"] == sorted(ENGINES)
    for component in ("kubernetes", "volsync"):
        assert inputs[component]["options"] == ["default", *known[component]]
