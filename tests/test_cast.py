"""Who takes part in a scenario, what it has to be promised by, and how its steps read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from e2e.test_older import OUT_OF_RANGE, PREVIOUS
from e2e.test_path import NAMES_READ_ALIKE
from e2e.test_rebuild import TEN_AT_ONCE
from fixtures.casting import apps_of, neighbour_of
from fixtures.engines import App
from fixtures.scenario import Cast
from fixtures.steps.asking import Ask
from fixtures.steps.points import PastBackUps, TimePasses

APP = App(name="orders-a1b2c3", namespace="drill-a1b2c3", drill="d", repository_password="-")  # noqa: S106


def test_the_apps_of_a_cast_are_spread_over_namespaces_and_no_name_begins_another() -> None:
    apps = apps_of(Cast(apps=12, namespaces=3), APP)
    names = [app.name for app in apps]
    assert len(set(names)) == 12
    assert not [(one, other) for one in names for other in names if one != other and other.startswith(one)]
    assert {app.namespace for app in apps} == {"drill-a1b2c3", "drill-a1b2c3-1", "drill-a1b2c3-2"}
    assert {app.drill for app in apps} == {"d"}


def test_a_cast_of_one_is_the_app_itself() -> None:
    assert apps_of(Cast(), APP) == (APP,)


def test_the_neighbours_namespace_and_name_read_like_the_apps_own() -> None:
    other = neighbour_of(APP)
    assert (other.namespace, other.name) != (APP.namespace, APP.name)
    assert f"{other.namespace}-{other.name}" == f"{APP.namespace}-{APP.name}"


def test_an_app_whose_name_cannot_be_divided_has_no_neighbour() -> None:
    with pytest.raises(ValueError, match="no dash"):
        neighbour_of(replace(APP, name="orders"))


def test_the_replicas_of_a_set_bear_the_names_that_kubernetes_gives_to_claims_and_pods() -> None:
    apps = apps_of(Cast(apps=2, of_one_set=True), APP)
    assert [app.name for app in apps] == ["data-orders-a1b2c3-0", "data-orders-a1b2c3-1"]
    assert [app.replica.pod for app in apps if app.replica] == ["orders-a1b2c3-0", "orders-a1b2c3-1"]
    assert {app.namespace for app in apps} == {APP.namespace}


@pytest.mark.parametrize("cast", [{"namespaces": 2}, {"long_names": True}, {"apps": 11}], ids=str)
def test_a_set_whose_claims_could_not_be_told_apart_is_no_cast(cast: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no such cast"):
        Cast(**{"apps": 2, "of_one_set": True, **cast})


@pytest.mark.parametrize(("apps", "namespaces", "idle"), [(1, 2, 0), (2, 0, 0), (2, 1, 2), (1, 1, -1)])
def test_a_cast_in_which_nobody_writes_or_a_namespace_is_empty_is_none(apps: int, namespaces: int, idle: int) -> None:
    with pytest.raises(ValueError, match="no such cast"):
        Cast(apps, namespaces, idle)


def test_a_finding_has_to_be_promised_by_its_own_name() -> None:
    assert (PREVIOUS.needs, OUT_OF_RANGE.needs) == ("SC-10", "P17")


def test_who_takes_the_cluster_apart_needs_all_of_it_and_who_has_a_neighbour_is_known() -> None:
    assert TEN_AT_ONCE.needs_whole_cluster
    assert not NAMES_READ_ALIKE.needs_whole_cluster
    assert NAMES_READ_ALIKE.has_neighbour
    assert not TEN_AT_ONCE.has_neighbour


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (TimePasses(timedelta(weeks=5)), "35 days pass"),
        (TimePasses(timedelta(hours=30)), "30 h pass"),
        (PastBackUps(31, timedelta(hours=6)), "it has been backed up 31 times before, every 6 h"),
        (Ask(), "the newest restore point"),
        (Ask(previous=2), "restore point 2 before the newest"),
        (Ask(as_of=2, offset_s=-1), "the newest restore point as of the backup of generation 2 -1 s"),
    ],
    ids=str,
)
def test_a_step_reads_as_a_person_would_say_it(step: object, text: str) -> None:
    assert str(step) == text
