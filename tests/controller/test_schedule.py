"""Schedules and retention."""

from __future__ import annotations

import pytest

from controller import schedule
from controller.retention import DAILY, HOURLY, REMOTE, Retention
from controller.schedule import Daily, Hourly


def test_b7_b8_each_tier_has_its_cron_string_in_a_minute_of_its_own() -> None:
    assert schedule.cron(Hourly(), "shop/orders") == f"{schedule.spread_minute('shop/orders')} * * * *"
    assert schedule.cron(Daily(hour=2), "shop/orders") == f"{schedule.spread_minute('shop/orders')} 2 * * *"


def test_the_minute_of_a_name_is_the_same_for_ever() -> None:
    assert [schedule.spread_minute(f"shop/claim-{number}") for number in range(6)] == [30, 45, 49, 21, 18, 41]


def test_names_are_spread_over_every_minute_of_the_hour() -> None:
    minutes = [schedule.spread_minute(f"shop/claim-{number}") for number in range(6000)]
    counts = [minutes.count(minute) for minute in range(60)]
    assert min(counts) > 60
    assert max(counts) < 140


def test_e18_of_200_claims_few_back_up_at_once_when_spread_and_all_when_not() -> None:
    names = [f"shop/claim-{number}" for number in range(200)]
    assert schedule.peak_concurrency(names, minutes=1, minute_of=schedule.together) == 200
    assert schedule.peak_concurrency(names, minutes=1) <= 12
    assert schedule.peak_concurrency(names, minutes=5) <= 40
    assert schedule.peak_concurrency(names, minutes=60) == 200
    assert schedule.peak_concurrency([], minutes=5) == 0


def test_an_hour_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="choose 0 to 23"):
        Daily(hour=24)


def test_a13_a14_c36_what_the_tiers_keep() -> None:
    assert HOURLY.spec() == {"hourly": 24, "daily": 7}
    assert DAILY.spec() == {"daily": 14}
    assert REMOTE.spec() == {"daily": 7}


def test_a_retention_that_keeps_nothing_or_less_is_refused() -> None:
    for counts in ({}, {"hourly": 0}, {"daily": -5}, {"hourly": 24, "daily": -1}):
        with pytest.raises(ValueError, match="one above 0"):
            Retention(**counts)
