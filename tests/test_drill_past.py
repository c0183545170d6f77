"""Drills of older restore points, time that passes and protection that ends, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_decommission import CLAIM_GONE, UNPROTECTED
from e2e.test_fresh_install import EARLIER_TRY, EMPTY_REPOSITORY
from e2e.test_older import AS_OF, OUT_OF_RANGE, PREVIOUS, REFUSED
from e2e.test_path import FOREIGN_FILES
from e2e.test_poison import POISONED
from e2e.test_readd import WEEKS_LATER, WEEKS_LATER_SMALLER
from e2e.test_rebuild import LOST_TWICE
from e2e.test_resize import DATA_DO_NOT_FIT, SHRUNK
from e2e.test_retention import MANY_BACKUPS, MANY_BACKUPS_AFAR
from fixtures.engines import NEWEST, App, Store, Wanted
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import REPLICATION_SOURCE
from fixtures.past import return_repository
from fixtures.report import Outcome
from fixtures.repository import Absent, Points, RestorePoint, Unknown
from tests.world import World, fails

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.findings import Findings
    from fixtures.repository import Truth
    from fixtures.scenario import Scenario
    from fixtures.tree import Tree

SCENARIOS = (
    EARLIER_TRY,
    EMPTY_REPOSITORY,
    FOREIGN_FILES,
    LOST_TWICE,
    MANY_BACKUPS,
    MANY_BACKUPS_AFAR,
    OUT_OF_RANGE,
    POISONED,
    PREVIOUS,
    AS_OF,
    SHRUNK,
    UNPROTECTED,
    WEEKS_LATER,
    WEEKS_LATER_SMALLER,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_honest_engine_passes(run: Callable[..., Findings], scenario: Scenario) -> None:
    findings = run(World(), scenario)
    assert findings.passed, findings.report()


class Tidy(World):
    """The destination goes with its claim."""

    def delete(self, kind: Any, name: str, namespace: str | None = None) -> None:
        super().delete(kind, name, namespace)
        self.images.pop(name, None)


def test_an_engine_whose_children_go_with_their_claim_passes(run: Callable[..., Findings]) -> None:
    findings = run(Tidy(), CLAIM_GONE)
    assert findings.passed, findings.report()


class Newest(World):
    """Whatever is asked for, the newest restore point comes."""

    def _fill(self, claim: str, capacity: str = "1Gi", wanted: Wanted = NEWEST) -> None:
        super()._fill(claim, capacity, Wanted(wanted.store))


@pytest.mark.parametrize("scenario", [PREVIOUS, AS_OF], ids=lambda scenario: scenario.name)
def test_an_engine_that_always_restores_the_newest_is_stale(run: Callable[..., Findings], scenario: Scenario) -> None:
    fails(run(Newest(), scenario), "promised intact, stale")


def test_an_engine_that_restores_a_poisoned_backup_loses_everything(run: Callable[..., Findings]) -> None:
    fails(run(Newest(), POISONED), "promised intact, empty-through-loss")


def test_a_request_that_is_refused_in_words_that_fit_is_as_it_must_be(run: Callable[..., Findings]) -> None:
    findings = run(Refusing("there is no restore point with 50 newer ones"), REFUSED)
    assert findings.passed, findings.report()


class Slow(World):
    """At first nobody can say."""

    def __init__(self, *, answers_after: float) -> None:
        super().__init__()
        self._left = answers_after

    def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
        if wanted != NEWEST and app.name not in self.claims:
            self._left -= 1
            if self._left >= 0:
                raise KubeError("apply", app.name, 503, "ServiceUnavailable", "x denied the request: try again")
            raise KubeError("apply", app.name, 403, "Forbidden", "x denied the request: there is no restore point")
        super().protect(app, wanted)


def test_a_refusal_that_asks_to_try_again_is_asked_again(run: Callable[..., Findings]) -> None:
    findings = run(Slow(answers_after=3), REFUSED)
    assert findings.passed, findings.report()


def test_a_refusal_that_asks_to_try_again_for_ever_is_no_answer_to_the_request(run: Callable[..., Findings]) -> None:
    fails(run(Slow(answers_after=float("inf")), REFUSED), "to be decided about")


class Busy(World):
    """Nobody can say at first whether a claim is to be admitted, or is refused otherwise."""

    def __init__(self, *, answers_after: float, status: int = 503) -> None:
        super().__init__()
        self._left = answers_after
        self._status = status

    def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
        if self.points and app.name not in self.claims:
            self._left -= 1
            if self._left >= 0:
                raise KubeError("apply", app.name, self._status, "-", "x denied the request: not now")
        super().protect(app, wanted)


def test_an_app_about_which_nobody_could_decide_at_first_is_declared_again(run: Callable[..., Findings]) -> None:
    findings = run(Busy(answers_after=3), PREVIOUS)
    assert findings.passed, findings.report()


def test_an_app_about_which_nobody_ever_decides_is_never_there(run: Callable[..., Findings]) -> None:
    fails(run(Busy(answers_after=float("inf")), PREVIOUS), "to be decided about")


def test_an_app_that_is_refused_is_not_declared_again(run: Callable[..., Findings]) -> None:
    assert run(Busy(answers_after=1, status=403), PREVIOUS).outcome is Outcome.INCONCLUSIVE


def test_a_refusal_that_says_something_else_is_none(run: Callable[..., Findings]) -> None:
    fails(run(Refusing("go away"), REFUSED), "the claim is refused at admission")


def test_an_error_that_is_no_refusal_leaves_the_drill_without_an_answer(run: Callable[..., Findings]) -> None:
    assert run(Refusing("no restore point", denies=False), REFUSED).outcome is Outcome.INCONCLUSIVE


def test_a_request_that_comes_up_empty_was_not_refused(run: Callable[..., Findings]) -> None:
    fails(run(World(), REFUSED), "it to be said of orders")


class Refusing(World):
    """Admission refuses what no restore point meets."""

    def __init__(self, message: str, *, denies: bool = True) -> None:
        super().__init__()
        self._message = f"admission webhook denied the request: {message}" if denies else message

    def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
        eligible = [p for p in self.points if wanted.as_of is None or p.taken_at <= wanted.as_of]
        if self.points and app.name not in self.claims and wanted.previous >= len(eligible):
            raise KubeError("apply", app.name, 403, "Forbidden", self._message)
        super().protect(app, wanted)


def test_an_app_that_is_refused_at_admission_is_told_why_and_comes_back_as_it_was(
    run: Callable[..., Findings],
) -> None:
    class Strict(World):
        def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
            if app.capacity == "64Mi":
                raise KubeError("apply", app.name, 403, "Forbidden", "x denied the request: it does not fit")
            super().protect(app, wanted)

    findings = run(Strict(), DATA_DO_NOT_FIT)
    assert findings.passed, findings.report()


def test_a_refusal_that_nobody_expected_ends_the_drill(run: Callable[..., Findings]) -> None:
    class Shut(World):
        def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
            raise KubeError("apply", app.name, 403, "Forbidden", "x denied the request: the store does not answer")

    findings = run(Shut(), PREVIOUS)
    assert findings.outcome is Outcome.INCONCLUSIVE
    assert "the store does not answer" in findings.report()


class Ticking(World):
    """The app's schedule is due in a moment, for so many looks."""

    def __init__(self, looks: float) -> None:
        super().__init__()
        self.looks = looks

    def list(self, kind: Any, namespace: str | None = None, *, labels: Any = None) -> Any:
        found = super().list(kind, namespace, labels=labels)
        if kind != REPLICATION_SOURCE:
            return found
        self.looks -= 1
        in_s = 5 if self.looks >= 0 else 3600
        due_at = datetime.now(UTC) + timedelta(seconds=in_s)
        return [{**source, "status": {"nextSyncTime": due_at.isoformat()}} for source in found]


def test_restore_points_are_not_rewritten_while_the_schedule_is_due(run: Callable[..., Findings]) -> None:
    world = Ticking(looks=3)
    findings = run(world, PREVIOUS)
    assert findings.passed, findings.report()
    assert world.looks < 0


def test_a_schedule_that_is_always_due_leaves_no_time_to_rewrite_restore_points(run: Callable[..., Findings]) -> None:
    fails(run(Ticking(looks=float("inf")), PREVIOUS), "the backup of the schedule to be over")


@pytest.mark.parametrize("scenario", [MANY_BACKUPS, MANY_BACKUPS_AFAR], ids=lambda scenario: scenario.name)
def test_a_restore_point_too_few_is_against_the_rule(run: Callable[..., Findings], scenario: Scenario) -> None:
    class Greedy(World):
        def _point(self, tree: Tree, store: Store = Store.LOCAL) -> None:
            super()._point(tree, store)
            del self._points_in(store)[:-5]

    fails(run(Greedy(), scenario), "exactly what the rule keeps")


def test_a_restore_point_too_many_is_against_the_rule(run: Callable[..., Findings]) -> None:
    class Hoarding(World):
        def _point(self, tree: Tree, store: Store = Store.LOCAL) -> None:
            kept = list(self._points_in(store))
            super()._point(tree, store)
            self._points_in(store)[:] = [*kept, self._points_in(store)[-1]]

    fails(run(Hoarding(), MANY_BACKUPS), "exactly what the rule keeps")


def test_a_damaged_repository_is_not_sound(run: Callable[..., Findings]) -> None:
    fails(run(World(damage="pack 0123 is damaged"), FOREIGN_FILES), "pack 0123 is damaged")


def test_protection_that_takes_restore_points_with_it_is_noticed(run: Callable[..., Findings]) -> None:
    class Thorough(World):
        def unprotect(self, app: App) -> None:
            super().unprotect(app)
            self.points.clear()

    fails(run(Thorough(), UNPROTECTED), "no restore point was touched")


def test_what_outlives_its_claim_is_named(run: Callable[..., Findings]) -> None:
    class Untidy(Tidy):
        def delete(self, kind: Any, name: str, namespace: str | None = None) -> None:
            super().delete(kind, name, namespace)
            self.pending["orders-left-over"] = "nobody asked for it"
            self.uids["orders-left-over"] = "1"

    fails(run(Untidy(), CLAIM_GONE), "nothing of the app to outlive its claim")


@pytest.mark.parametrize(
    ("left_there", "holds"),
    [(("theirs",), True), ((), False), (("theirs", "one more"), False), (None, None)],
    ids=["left alone", "erased", "added to", "unknown"],
)
def test_another_repository_in_the_place_of_its_own_has_to_be_left_alone(
    left_there: tuple[str, ...] | None, *, holds: bool | None
) -> None:
    def points(*names: str) -> Points:
        return Points(tuple(RestorePoint(datetime(2026, 1, 1, tzinfo=UTC), name, "", (), 0, 0) for name in names))

    there: list[Truth] = [
        Unknown("no route") if left_there is None else points(*left_there) if left_there else Absent("")
    ]
    repository: Any = SimpleNamespace(
        restore_points=lambda: there[0], put_back=lambda: there.__setitem__(0, points("own"))
    )
    part: Any = SimpleNamespace(repository=lambda _store: repository, laid=("theirs",))
    assert return_repository(part, Store.LOCAL).holds is holds
