"""Drills of apps that return, change their size or lose a store, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_decommission import UNPROTECTED
from e2e.test_fresh_install import FRESH_INSTALL
from e2e.test_offsite import LOCAL_REPOSITORY_LOST
from e2e.test_older import REFUSED
from e2e.test_readd import APP_REMOVED, CLAIM_LOST_BESIDE_ITS_DESTINATION
from e2e.test_resize import GROWS_IN_PLACE, RETURNS_LARGER, RETURNS_SMALLER, SHRINKS_IN_PLACE
from fixtures.engines import NEWEST, App, Store, Wanted
from fixtures.kube.errors import KubeError
from fixtures.oracle import Verdict
from fixtures.rejudge import rejudge
from fixtures.report import Outcome
from fixtures.wait import Expired
from tests.world import EMPTY, World, fails

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from fixtures.app import FirstReading
    from fixtures.findings import Findings
    from fixtures.repository import Truth
    from fixtures.scenario import Scenario
    from fixtures.tree import Tree

SCENARIOS = (
    APP_REMOVED,
    CLAIM_LOST_BESIDE_ITS_DESTINATION,
    GROWS_IN_PLACE,
    RETURNS_LARGER,
    RETURNS_SMALLER,
    SHRINKS_IN_PLACE,
    LOCAL_REPOSITORY_LOST,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_honest_engine_passes(run: Callable[..., Findings], scenario: Scenario) -> None:
    findings = run(World(), scenario)
    assert findings.passed, findings.report()


class Unmountable(World):
    """Nothing can be read once the app was there for the first time."""

    def first_reading(self, app: App, wait: Any, *, since: datetime | None = None) -> FirstReading:
        if since is not None:
            raise Expired(expected="the pod to run", seen="FailedMount: bad superblock", waited_s=120, wait=wait)
        return super().first_reading(app, wait, since=since)

    def observe_claim(self, app: App, claim: str, wait: Any) -> Tree:
        raise Expired(expected="the probe to run", seen="FailedMount: bad superblock", waited_s=300, wait=wait)


@pytest.mark.parametrize("scenario", [GROWS_IN_PLACE, FRESH_INSTALL], ids=["live volume", "second claim"])
def test_a_volume_that_cannot_be_mounted_is_unknown_and_never_a_pass(
    run: Callable[..., Findings], scenario: Scenario, tmp_path: Path
) -> None:
    findings = run(Unmountable(), scenario)
    assert findings.outcome is Outcome.FAIL
    decisive = findings.decisive
    assert decisive is not None
    assert (decisive.judgement.verdict, decisive.promised) == (Verdict.UNKNOWN, Verdict.INTACT)
    assert "FailedMount: bad superblock" in decisive.judgement.explanation
    *_, again = rejudge(tmp_path)
    assert (again.now.verdict, again.then) == (Verdict.UNKNOWN, "unknown")


def test_a_destination_that_restores_afresh_does_not_give_the_finding_k4(run: Callable[..., Findings]) -> None:
    class Fresh(World):
        def delete(self, kind: Any, name: str, namespace: str | None = None) -> None:
            super().delete(kind, name, namespace)
            self.images.clear()

    fails(run(Fresh(), CLAIM_LOST_BESIDE_ITS_DESTINATION), "promised stale, intact")


def test_an_app_that_is_never_gone_was_not_removed(run: Callable[..., Findings]) -> None:
    class Sticky(World):
        def remove(self, app: App) -> None:
            """Something holds it."""

    fails(run(Sticky(), APP_REMOVED), "nothing to be left of the app")


@pytest.mark.parametrize("scenario", [GROWS_IN_PLACE, RETURNS_LARGER], ids=lambda scenario: scenario.name)
def test_a_file_system_that_stays_small_in_a_larger_claim_is_noticed(
    run: Callable[..., Findings], scenario: Scenario
) -> None:
    class Small(World):
        def _in_its_space(self, claim: str, tree: Tree) -> Tree:
            self.spans[claim] = "1Gi"
            return super()._in_its_space(claim, tree)

    fails(run(Small(), scenario), "the file system fills 2Gi")


def test_a_file_system_whose_size_nobody_saw_is_not_known_to_fill_its_claim(run: Callable[..., Findings]) -> None:
    class Unmeasured(World):
        def _in_its_space(self, claim: str, tree: Tree) -> Tree:
            return tree

    assert run(Unmeasured(), RETURNS_LARGER).outcome is Outcome.INCONCLUSIVE


def test_a_claim_that_never_grows_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    class Stuck(World):
        def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
            if app.name not in self.claims:
                super().protect(app, wanted)

    fails(run(Stuck(), GROWS_IN_PLACE), "the volume of orders to have 2Gi")


def test_a_volume_that_is_made_anew_behind_the_same_data_is_not_the_one_the_app_had(
    run: Callable[..., Findings],
) -> None:
    class Swapped(World):
        def start(self, app: App) -> None:
            super().start(app)
            self.uids[app.name] = "another"

    fails(run(Swapped(), SHRINKS_IN_PLACE), "the app is on the very volume it had")


def test_a_mover_that_restores_beside_live_data_is_noticed(run: Callable[..., Findings]) -> None:
    class Eager(World):
        def stop(self, app: App) -> None:
            self._sight_mover(app, "restore")

    fails(run(Eager(), SHRINKS_IN_PLACE), "no mover restored beside the volume: restore at")


def test_a_volume_that_is_made_anew_when_the_claim_grows_is_not_the_one_the_app_had(
    run: Callable[..., Findings],
) -> None:
    class Regrown(World):
        def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
            grows = app.name in self.claims
            super().protect(app, wanted)
            if grows:
                self.uids[app.name] = "another"

    fails(run(Regrown(), GROWS_IN_PLACE), "the app is on the very volume it had")


@pytest.mark.parametrize("scenario", [UNPROTECTED, REFUSED], ids=lambda scenario: scenario.name)
def test_a_volume_that_is_made_anew_when_its_app_is_declared_otherwise_is_not_the_one_the_app_had(
    run: Callable[..., Findings], scenario: Scenario
) -> None:
    class Remade(World):
        def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
            lives = app.name in self.claims
            super().protect(app, wanted)
            if lives and wanted != NEWEST:
                self.uids[app.name] = "another"

        def unprotect(self, app: App) -> None:
            super().unprotect(app)
            self.uids[app.name] = "another"

    fails(run(Remade(), scenario), "the app is on the very volume it had")


def test_a_claim_that_may_shrink_in_place_is_noticed(run: Callable[..., Findings]) -> None:
    class Lax(World):
        def patch(self, kind: Any, name: str, namespace: str | None, changes: Any) -> None:
            """Whatever you say."""

    fails(run(Lax(), SHRINKS_IN_PLACE), "it was accepted")


def test_an_error_that_is_no_refusal_does_not_show_that_shrinking_is_refused(run: Callable[..., Findings]) -> None:
    class Ill(World):
        def patch(self, kind: Any, name: str, namespace: str | None, changes: Any) -> None:
            raise KubeError("patch", name, 500, "InternalError", "the API server is ill")

    assert run(Ill(), SHRINKS_IN_PLACE).outcome is Outcome.INCONCLUSIVE


def test_a_smaller_claim_that_waits_without_a_word_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    class Silent(World):
        def events(self, namespace: str) -> Any:
            return []

    fails(run(Silent(), RETURNS_SMALLER), "it to be said of orders that it is less than the size")


def test_an_event_of_another_claim_refuses_nothing(run: Callable[..., Findings]) -> None:
    class Elsewhere(World):
        def events(self, namespace: str) -> Any:
            return [{"involvedObject": {"name": "vs-prime-of-another"}, "message": "it is less than the size"}]

    fails(run(Elsewhere(), RETURNS_SMALLER), "it to be said of orders")


def test_a_smaller_claim_that_is_refused_and_bound_all_the_same_is_noticed(run: Callable[..., Findings]) -> None:
    class Cut(World):
        def events(self, namespace: str) -> Any:
            said = super().events(namespace)
            self.claims |= dict.fromkeys(self.pending, EMPTY)
            return said

    fails(run(Cut(), RETURNS_SMALLER), "the claim is refused")


def test_a_restore_point_that_is_touched_while_a_claim_is_refused_is_noticed(run: Callable[..., Findings]) -> None:
    class Tidy(World):
        def events(self, namespace: str) -> Any:
            self.points.clear()
            return super().events(namespace)

    fails(run(Tidy(), RETURNS_SMALLER), "no restore point was touched")


def test_a_repository_that_survives_was_not_lost(run: Callable[..., Findings]) -> None:
    class Kept(World):
        def _destroy(self, store: Store) -> None:
            """It is still there."""

    fails(run(Kept(), LOCAL_REPOSITORY_LOST), "the repository in the local store is lost")


def test_an_engine_that_only_knows_the_near_store_brings_nothing_back_from_afar(run: Callable[..., Findings]) -> None:
    class Near(World):
        def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
            super().protect(app)

    fails(run(Near(), LOCAL_REPOSITORY_LOST), "promised intact, empty-through-loss")


def test_an_older_generation_from_afar_is_stale(run: Callable[..., Findings]) -> None:
    class Late(World):
        def _restore_points(self, store: Store) -> Truth:
            points = super()._restore_points(store)
            self.oldest_far = getattr(self, "oldest_far", None) or (self.far[0] if self.far else None)
            return points

        def protect(self, app: App, wanted: Wanted = NEWEST) -> None:
            newest = self.far
            self.far = [self.oldest_far] if wanted.store is Store.OFFSITE and self.oldest_far else newest
            super().protect(app, wanted)
            self.far = newest

    fails(run(Late(), LOCAL_REPOSITORY_LOST), "promised intact, stale")
