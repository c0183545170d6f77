"""What a claim asks for, and every reason why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import contract, intent, naming, quantity
from controller.contract import Repo
from controller.intent import Earlier, Intent, Latest, MoverIdentity, NotOurs, Problems
from controller.model import DataSource
from tests.controller.scene import SETTINGS, TWO_STORES, claim, new_claim

DESTINATION = "ReplicationDestination"


def asked(**annotations: str) -> intent.Reading:
    """The reading of a new claim with these annotations; `restore_as_of` stands for `firedrill.dev/restore-as-of`."""
    return intent.read(
        new_claim({f"firedrill.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}), TWO_STORES
    )


def test_without_the_label_nothing_is_asked_for() -> None:
    assert intent.read(new_claim(labels={}), SETTINGS) == NotOurs()


def test_b1_one_label_is_enough() -> None:
    for tier in ("hourly", "daily"):
        found = intent.read(new_claim(labels={"backup": tier}), SETTINGS)
        assert found == Intent(tier=SETTINGS.tiers[tier], tier_name=tier)


@pytest.mark.parametrize("value", ["weekly", "", "Hourly", "true", "x" * 300])
def test_b26_a_tier_that_nobody_knows_is_named_with_those_that_are(value: str) -> None:
    found = intent.read(new_claim(labels={"backup": value}), SETTINGS)
    assert isinstance(found, Problems)
    assert "use daily or hourly" in str(found)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    annotations = {
        contract.SKIP_RESTORE_ANNOTATION: "",
        contract.RESTORE_PREVIOUS_ANNOTATION: "-1",
        contract.RESTORE_AS_OF_ANNOTATION: "yesterday",
        contract.RESTORE_FROM_ANNOTATION: "mars",
        contract.REMOTE_BACKUP_ANNOTATION: "perhaps",
        contract.BACK_UP_NOW_ANNOTATION: "two words",
        contract.RUN_AS_USER_ANNOTATION: "root",
        contract.CACHE_CAPACITY_ANNOTATION: "much",
    }
    broken = new_claim(
        annotations, name="", labels={"backup": "?"}, request="big", volume_mode="Block", access_modes=()
    )
    found = intent.read(broken, SETTINGS)
    assert isinstance(found, Problems)
    said = {problem.where.partition("=")[0].removeprefix("annotation ") for problem in found.all}
    assert annotations.keys() | {"label backup", "metadata.generateName", "spec.volumeMode", "spec.accessModes"} <= said
    assert len(found.all) == len(annotations) + 5


def test_skipping_a_restore_needs_a_reason_in_words() -> None:
    for value in ("", "  ", "true", "Yes", "1"):
        assert isinstance(asked(skip_restore=value), Problems), value
    found = asked(skip_restore=" the data were moved ")
    assert isinstance(found, Intent)
    assert found.skip_reason == "the data were moved"


def test_skipping_and_asking_for_a_restore_contradict_each_other() -> None:
    assert isinstance(asked(skip_restore="moved", restore_previous="1"), Problems)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-01-14T12:00:00Z", datetime(2026, 1, 14, 12, tzinfo=UTC)),
        ("2026-01-14T13:00:00.9+01:00", datetime(2026, 1, 14, 12, tzinfo=UTC)),
        ("2026-01-14t12:00:00z", datetime(2026, 1, 14, 12, tzinfo=UTC)),
        ("2026-01-14T12:00:00", None),
        ("2026-01-14", None),
        ("20260114T120000Z", None),
        ("2026-02-30T12:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("newest", None),
    ],
)
def test_e15_a_time_is_rfc_3339_with_a_zone_and_in_whole_seconds(text: str, wanted: datetime | None) -> None:
    found = asked(restore_as_of=text)
    assert (found.request == Earlier(0, wanted)) if isinstance(found, Intent) else wanted is None


def test_e14_e36_previous_and_as_of_go_together() -> None:
    found = asked(restore_previous="2", restore_as_of="2026-01-14T12:00:00Z", restore_from="remote")
    assert isinstance(found, Intent)
    assert found.request == Earlier(2, datetime(2026, 1, 14, 12, tzinfo=UTC))
    assert found.restore_from is Repo.REMOTE
    assert isinstance(asked(restore_previous="0"), Intent)
    newest = asked()
    assert isinstance(newest, Intent)
    assert newest.request == Latest()


def test_a14_the_remote_repository_is_used_where_there_is_one_unless_the_owner_says_no() -> None:
    for found, wanted in ((asked(), True), (asked(remote_backup="false"), False), (asked(remote_backup="true"), True)):
        assert isinstance(found, Intent)
        assert found.remote is wanted
    alone = intent.read(new_claim({contract.REMOTE_BACKUP_ANNOTATION: "true"}), SETTINGS)
    assert isinstance(alone, Problems)
    assert "no remote repository" in str(alone)


def test_e34_movers_run_as_asked() -> None:
    found = asked(run_as_user="1001", run_as_group="1002", fs_group="1003")
    assert isinstance(found, Intent)
    assert found.mover == MoverIdentity(1001, 1002, 1003)


@pytest.mark.parametrize("field", ["source", "source_without_ref"])
def test_b18_a_data_source_of_the_owner_is_respected(field: str) -> None:
    for group, kind in (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")):
        changes: dict[str, Any] = {field: DataSource(group, kind, "theirs")}
        found = intent.read(new_claim(**changes), SETTINGS)
        assert isinstance(found, Intent)
        assert found.own_source == f"data source {kind} theirs"


@pytest.mark.parametrize(
    "changes",
    [
        {"source_without_ref": DataSource("volsync.backube", DESTINATION, "theirs")},
        {"source": DataSource("volsync.backube", DESTINATION, "theirs", namespace="elsewhere")},
        {"source": DataSource("volsync.backube", DESTINATION, "theirs", namespace="shop")},
    ],
)
def test_a_source_that_the_api_server_would_drop_in_silence_is_refused(changes: dict[str, Any]) -> None:
    found = intent.read(new_claim(**changes), SETTINGS)
    assert isinstance(found, Problems)
    assert "without a word" in str(found)


def test_a_destination_of_the_owner_is_respected_and_one_of_ours_from_an_earlier_life_is_not() -> None:
    theirs = new_claim(source=DataSource("volsync.backube", DESTINATION, "orders-dst"))
    ours = naming.destination("shop", "orders", naming.incarnation("an earlier request"))
    copied = new_claim(source=DataSource("volsync.backube", DESTINATION, ours))
    found = intent.read(theirs, SETTINGS), intent.read(copied, SETTINGS)
    assert [each.own_source for each in found if isinstance(each, Intent)] == [
        f"data source {DESTINATION} orders-dst",
        None,
    ]
    anothers = naming.destination("shop", "other", naming.incarnation("an earlier request"))
    assert not intent.is_stale_destination(new_claim(source=DataSource("volsync.backube", DESTINATION, anothers)))


def test_a_stored_claim_is_not_asked_for_its_source_again() -> None:
    found = intent.read(claim(source=DataSource("volsync.backube", DESTINATION, "x", namespace="y")), SETTINGS)
    assert isinstance(found, Intent)
    assert found.own_source is None


@given(
    st.dictionaries(
        st.sampled_from([value for name, value in vars(contract).items() if name.endswith("_ANNOTATION")]),
        st.text(max_size=20),
    ),
    st.text(max_size=8),
    st.text(max_size=8),
)
def test_whatever_is_written_is_read_or_refused(annotations: dict[str, str], label: str, request: str) -> None:
    found = intent.read(new_claim(annotations, labels={"backup": label}, request=request), TWO_STORES)
    assert isinstance(found, Intent | Problems)
    if isinstance(found, Problems):
        assert all(str(problem) for problem in found.all)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1Gi", 2**30),
        ("1.5Gi", 3 * 2**29),
        ("500M", 500_000_000),
        ("1e3", 1000),
        ("1E", 10**18),
        ("100m", 1),
        (".5k", 500),
        ("0", None),
        ("-1Gi", None),
        ("1 Gi", None),
        ("1GiB", None),
        ("", None),
    ],
)
def test_sizes_are_read_as_kubernetes_reads_them(text: str, wanted: int | None) -> None:
    assert quantity.bytes_of(text) == wanted
