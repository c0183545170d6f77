"""The configuration of an installation: what it says, and what is said about one that cannot be used."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from controller import configuration
from controller.configuration import Misconfigured
from controller.contract import Repo
from controller.schedule import Daily
from controller.settings import DAILY, HOURLY, REMOTE, Store

SMALLEST = "stores: {local: {endpoint: 'http://s3:9000', bucket: backups, secret: base}}"
EXAMPLE = Path(configuration.__file__).parent / "deploy" / "configuration.yaml"


def refused(text: str) -> str:
    with pytest.raises(Misconfigured) as problem:
        configuration.parse(text, "the file")
    return str(problem.value)


def test_one_store_is_enough_and_the_tiers_are_the_documented_ones() -> None:
    found = configuration.parse(SMALLEST, "the file")
    assert found.settings.stores == {Repo.LOCAL: Store("http://s3:9000", "backups", "")}
    assert found.settings.tiers == {"hourly": HOURLY, "daily": DAILY}
    assert found.settings.remote == REMOTE
    assert found.base_secrets == {Repo.LOCAL: "base"}
    assert found.admission.deadline_s < found.admission.timeout_s


def test_the_example_that_is_shipped_says_what_is_the_default_anyway() -> None:
    found = configuration.read(EXAMPLE)
    assert found.settings.tiers == {"hourly": HOURLY, "daily": DAILY}
    assert found.settings.remote == REMOTE
    assert set(found.settings.stores) == {Repo.LOCAL, Repo.REMOTE}


def test_ten_thousand_claims_are_looked_at_within_20_s_although_their_store_is_30_ms_away() -> None:
    # A look mostly waits for its store: side by side they have to be as many as its distance takes.
    for found in (configuration.read(EXAMPLE), configuration.parse(SMALLEST, "the file")):
        assert 10_000 / found.workers * 0.030 <= 20


def test_images_that_stand_by_are_kept_for_those_who_ask_unless_the_installation_asks_for_all() -> None:
    assert not configuration.parse(SMALLEST, "the file").settings.standby
    assert configuration.parse(f"{SMALLEST}\nstandby: true", "the file").settings.standby


def test_tiers_are_the_installations_choice() -> None:
    weekly = "tiers: {rare: {every: day, hour: 4, keep: {weekly: 8}, overdueAfterHours: 30}}"
    tiers = configuration.parse(f"{SMALLEST}\n{weekly}", "the file").settings.tiers
    assert tiers["rare"].cadence == Daily(4)
    assert tiers["rare"].overdue_after == timedelta(hours=30)
    assert tiers["rare"].retention.spec() == {"weekly": 8}


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    text = """
stores: {local: {endpoint: 's3:9000', bucket: B, secrets: base}}
tiers: {hourly: {every: day, keep: {}, overdueAfterHours: 0}}
pruneIntervalDays: often
"""
    said = refused(text)
    for place in (
        "stores.local.endpoint",
        "stores.local.bucket",
        "stores.local.secret is missing",
        "stores.local.secrets is not known",
        "tiers.hourly.keep",
        "tiers.hourly.overdueAfterHours",
        "pruneIntervalDays",
    ):
        assert place in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("admission: {timeoutSeconds: 5, deadlineSeconds: 5}", "below admission.timeoutSeconds"),
        ("s3: {answerSeconds: 9}", "grow in this order"),
        ("metricsPort: 8443", "differ"),
        ("externalSecrets: {storeKind: SecretStore, storeName: vault, keys: {}}", "externalSecrets.keys.local"),
        ("tiers: {hourly: {every: day, keep: {daily: 1}, overdueAfterHours: 3}}", "hour (0 to 23, UTC)"),
    ],
)
def test_what_does_not_fit_together_is_refused(more: str, said: str) -> None:
    assert said in refused(f"{SMALLEST}\n{more}")


@pytest.mark.parametrize("prefix", ["prod//a", "a/./b", "a/../b", "..", "/prod//a/"])
def test_a_prefix_that_restic_would_write_in_another_way_is_refused(prefix: str) -> None:
    store = f"{{endpoint: 'http://s3:9000', bucket: backups, prefix: '{prefix}', secret: base}}"
    assert "without empty, . and .. parts" in refused(f"stores: {{local: {store}}}")


@pytest.mark.parametrize("prefix", ["", "/", "prod", "/prod/a/", "a.b/..c"])
def test_a_prefix_may_be_any_path(prefix: str) -> None:
    store = f"{{endpoint: 'http://s3:9000', bucket: backups, prefix: '{prefix}', secret: base}}"
    found = configuration.parse(f"stores: {{local: {store}}}", "here")
    assert found.settings.stores[Repo.LOCAL].prefix == prefix


def test_one_place_cannot_be_both_stores() -> None:
    store = "{endpoint: 'http://s3:9000', bucket: backups, secret: base}"
    assert "same place" in refused(f"stores: {{local: {store}, remote: {store}}}")


@pytest.mark.parametrize("text", ["", "[]", "a: {", "stores: 3"])
def test_a_file_of_another_kind_is_one_message(text: str) -> None:
    assert refused(text).startswith("the file cannot be used:")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        configuration.read(tmp_path / "absent.yaml")
