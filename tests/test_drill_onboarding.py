"""Drills of apps that come to be protected while they live, in a stand-in that can be made to lie."""

# ruff: noqa: ARG002 - the stand-ins have the signatures of what they stand in for, and need less
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from e2e.test_onboarding import LABELLED_LATE, LONG_NAMES
from fixtures.casting import apps_of
from fixtures.engines import App
from tests.world import TIERS, World, fails

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.findings import Findings


def test_an_honest_engine_passes(run: Callable[..., Findings]) -> None:
    findings = run(World(), LABELLED_LATE)
    assert findings.passed, findings.report()


def test_an_app_that_asks_for_nothing_and_is_protected_is_noticed(run: Callable[..., Findings]) -> None:
    class Eager(World):
        def _delete_sources(self, claim: str) -> None:
            self._make_source(claim)

    fails(run(Eager(), LABELLED_LATE), "nothing of the app but PersistentVolumeClaim orders")


def test_an_app_that_asks_late_and_is_not_protected_is_noticed(run: Callable[..., Findings]) -> None:
    fails(run(World(makes_children=False), LABELLED_LATE), "0 times ReplicationSource")


def test_a_schedule_that_stays_as_it_was_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    class Stuck(World):
        def _schedule(self, app: App) -> None:
            for source in self.sources.values():
                source.setdefault("spec", {"trigger": {"schedule": "0 * * * *"}, "restic": {"retain": {}}})

    fails(run(Stuck(), LABELLED_LATE), "what backs orders up to do so daily")


def test_a_schedule_without_its_own_retention_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    class Half(World):
        def _schedule(self, app: App) -> None:
            super()._schedule(app)
            for source in self.sources.values():
                source["spec"]["restic"]["retain"] = TIERS["hourly"][1]

    fails(run(Half(), LABELLED_LATE), "what backs orders up to do so daily")


def test_another_schedule_and_retention_than_the_tier_promises_is_a_broken_promise(
    run: Callable[..., Findings],
) -> None:
    class Yearly(World):
        def _schedule(self, app: App) -> None:
            super()._schedule(app)
            for source in self.sources.values():
                if app.tier == "daily":
                    source["spec"] = {"trigger": {"schedule": "0 0 1 1 *"}, "restic": {"retain": {"yearly": 1}}}

    fails(run(Yearly(), LABELLED_LATE), "what backs orders up to do so daily")


def test_a_source_that_is_made_anew_for_another_schedule_is_noticed(run: Callable[..., Findings]) -> None:
    class Anew(World):
        def _schedule(self, app: App) -> None:
            self.sources.clear()
            self._make_source(app.name)
            super()._schedule(app)

    fails(run(Anew(), LABELLED_LATE), "the same objects back it up daily")


def test_an_odd_wish_that_nobody_reports_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    fails(run(World(reports=False), LABELLED_LATE), "it to be said of orders that it there is no such tier")


def test_an_app_that_is_not_protected_any_more_without_a_word_is_a_broken_promise(run: Callable[..., Findings]) -> None:
    class Silent(World):
        def unprotect(self, app: App) -> None:
            super().unprotect(app)
            self.told = ""

    fails(run(Silent(), LABELLED_LATE), "it to be said of orders that it backups are not asked for")


def test_an_odd_wish_that_ends_the_backups_is_noticed(run: Callable[..., Findings]) -> None:
    class Strict(World):
        def events(self, namespace: str) -> Any:
            if self.odd:
                self.sources.clear()
            return super().events(namespace)

    fails(run(Strict(), LABELLED_LATE), "what backs it up is as it was")


def test_a_new_claim_with_an_odd_wish_that_is_made_all_the_same_is_noticed(run: Callable[..., Findings]) -> None:
    class Lax(World):
        def protect(self, app: App, wanted: Any = None) -> None:
            if self.believes_oddities and app.tier not in TIERS and app.name not in self.claims:
                self._fill(app.name)
            super().protect(app, *([wanted] if wanted else []))

    fails(run(Lax(believes_oddities=True), LABELLED_LATE), "the claim is held, because there is no such tier")


def test_long_names_differ_at_their_ends_alone_and_fit_into_a_label() -> None:
    app = App(name="orders-a1b2c3", namespace="drill-a1b2c3", drill="d", repository_password="-")  # noqa: S106
    first, second = apps_of(LONG_NAMES.cast, app)
    assert len(first.name) == len(second.name) >= 60
    assert max(len(first.name), len(second.name)) <= 63
    assert first.name[:-2] == second.name[:-2]
    assert first.name.startswith("orders-a1b2c3-")
