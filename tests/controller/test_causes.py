"""What keeps a restore or a backup from getting on, and whose fault it is: A22, A23, A24, C25."""

from __future__ import annotations

import base64
import os
import subprocess
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from clusters import versions
from controller import causes, contract, naming
from controller.causes import Cause, Fault, Patience
from controller.cluster import saying
from controller.contract import Reason, Repo
from controller.model import Credentials, Kind, Unknown
from controller.stalls import (
    AwaitedMover,
    AwaitedSnapshot,
    AwaitedVolume,
    Complaint,
    FailedMover,
    Presence,
    SnapshotContent,
    Stall,
)
from tests.controller import real_store
from tests.controller.scene import (
    ANNOUNCED,
    EXISTS,
    HOUR,
    NOW,
    SETTINGS,
    decision,
    finished,
    protecting,
    restoring,
    restoring_claim,
    settled_claim,
    world,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

PATIENCE: Final = Patience(NOW, SETTINGS.patience)
LONG_AGO: Final = NOW - HOUR
JUST_NOW: Final = NOW - SETTINGS.patience
RESTORING: Final = restoring_claim()
BEGUN: Final = restoring(RESTORING)
[DESTINATION] = (child for child in BEGUN if child.kind is Kind.DESTINATION)
[SOURCE] = (child for child in protecting() if child.kind is Kind.SOURCE)


@dataclass(frozen=True)
class Row:
    """What is awaited, and what has to be said of it."""

    ids: str
    stall: Stall
    fault: Fault
    says: str

    def __str__(self) -> str:
        return self.ids.replace(" ", "-")


def snapshot(**changes: Any) -> Stall:
    base = AwaitedSnapshot("image", LONG_AGO, "orders-copy", taken_up=False)
    return Stall("owner", (replace(base, **changes),))


def volume(reason: str, note: str) -> Stall:
    return Stall("owner", volumes=(AwaitedVolume("vs-prime-1", LONG_AGO, Complaint(reason, note)),))


def mover(why: Complaint | None, complaint: Complaint | None = None) -> Stall:
    return Stall("owner", movers=(AwaitedMover("mover-1", LONG_AGO, why, complaint),))


MADE: Final = {"taken_up": True, "content_name": "snapcontent-1"}
ROWS: Final = (
    Row(
        "A22 terminating source",
        snapshot(of_is=Presence.LEAVING),
        Fault.STORAGE,
        "orders-copy that it is taken of is being",
    ),
    Row("A22 source gone", snapshot(of_is=Presence.GONE), Fault.STORAGE, "orders-copy that it is taken of is gone"),
    Row("A22 dead snapshot-controller", snapshot(), Fault.STORAGE, "snapshot controller has not taken it up"),
    Row("A22 slow snapshot-controller", snapshot(taken_up=True), Fault.STORAGE, "has not got further"),
    Row("A22 missing content", snapshot(**MADE), Fault.STORAGE, "its content snapcontent-1 is missing"),
    Row("A22 snapshot deleted", snapshot(terminating=True), Fault.STORAGE, "image is not ready, and is being deleted"),
    Row("A22 error", snapshot(error="no default class"), Fault.STORAGE, 'not ready: "no default class"'),
    Row(
        "A22 error of its content",
        snapshot(**MADE, content=SnapshotContent(made=False, error="pool full")),
        Fault.STORAGE,
        "pool full",
    ),
    Row(
        "A22 dead snapshotter", snapshot(**MADE, content=SnapshotContent(made=False)), Fault.STORAGE, "csi-snapshotter"
    ),
    Row(
        "A22 slow driver", snapshot(**MADE, content=SnapshotContent(made=True)), Fault.STORAGE, "made and not finished"
    ),
    Row(
        "A23 provisioner",
        volume("ProvisioningFailed", "rpc error:\n  code = ResourceExhausted desc = pool full"),
        Fault.STORAGE,
        'vs-prime-1 is not bound: ProvisioningFailed: "rpc error: code = ResourceExhausted desc = pool full"',
    ),
    Row("A23 quota", volume("VolSyncPopulatorPVCCreationError", "exceeded quota"), Fault.MOVER, "exceeded quota"),
    Row(
        "A23 snapshot first",
        replace(snapshot(), volumes=volume("ProvisioningFailed", "snapshot is not Ready").volumes),
        Fault.STORAGE,
        "snapshot controller has not taken it up",
    ),
    Row(
        "C25 no node has the volume",
        mover(Complaint("Unschedulable", "0/3 nodes are available: volume node affinity conflict")),
        Fault.STORAGE,
        'the mover of owner cannot start: Unschedulable: "0/3 nodes',
    ),
    Row("C25 not mounted", mover(None, Complaint("FailedMount", "no such device")), Fault.STORAGE, "FailedMount"),
    Row("A24 no image", mover(Complaint("ErrImagePull", "not found")), Fault.MOVER, 'ErrImagePull: "not found"'),
    Row("A24 no room", mover(Complaint("Unschedulable", "Insufficient cpu")), Fault.MOVER, "Insufficient cpu"),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a22_a23_what_is_awaited_is_told_with_whose_fault_it_is(row: Row) -> None:
    found = causes.of_stall(world(RESTORING, stalls=(row.stall,)), "owner", PATIENCE)
    assert found is not None
    assert row.says in found.text
    assert found.fault is row.fault


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_has_waited_no_longer_than_is_usual_is_no_stall(row: Row) -> None:
    young = Stall(
        "owner",
        tuple(replace(each, since=JUST_NOW) for each in row.stall.snapshots),
        tuple(replace(each, since=JUST_NOW) for each in row.stall.volumes),
        tuple(replace(each, since=JUST_NOW) for each in row.stall.movers),
    )
    seen = world(RESTORING, stalls=(young,))
    assert causes.of_stall(seen, "owner", PATIENCE) is None
    assert causes.of_stall(seen, "owner", Patience(NOW + timedelta(seconds=1), SETTINGS.patience)) is not None


def test_a_stall_of_another_is_not_ours() -> None:
    assert causes.of_stall(world(RESTORING, stalls=(snapshot(),)), "somebody", PATIENCE) is None


def test_a_volume_that_nobody_complains_of_may_wait_for_its_pod() -> None:
    waiting = Stall("owner", volumes=(AwaitedVolume("orders", LONG_AGO),), movers=(AwaitedMover("p", LONG_AGO),))
    assert causes.of_stall(world(RESTORING, stalls=(waiting,)), "owner", PATIENCE) is None


# Words of restic 0.18.1, of stores and of the kernel.
LOGS: Final = (
    ("Fatal: wrong password or no key found", Fault.REPOSITORY, "password does not open"),
    ("Fatal: repository does not exist: unable to open config file", Fault.REPOSITORY, "no repository at its place"),
    (
        "Fatal: unable to open config file: Stat: The specified bucket does not exist.\n"
        "Is there a repository at the following location?",
        Fault.REPOSITORY,
        "bucket does not exist",
    ),
    ("repository is already locked exclusively by PID 12 on mover-x", Fault.REPOSITORY, "is locked"),
    ("ERROR: failure locking repository", Fault.REPOSITORY, "is locked"),
    (
        "dial tcp 10.0.0.1:9000: connect: connection refused\nERROR: failure checking existence of repository",
        Fault.REPOSITORY,
        "does not answer the mover",
    ),
    ("dial tcp: lookup s3.example.org: no such host", Fault.REPOSITORY, "does not answer the mover"),
    ("Stat: Access Denied.", Fault.REPOSITORY, "refuses the access key"),
    (
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        Fault.REPOSITORY,
        "not trusted",
    ),
    ("Fatal: unsupported repository version", Fault.REPOSITORY, "a format that this restic does not know"),
    ("Load(<data/1234>) failed: ciphertext verification failed", Fault.REPOSITORY, "is damaged"),
    (
        "Put: XMinioStorageFull: Storage backend has reached its minimum free drive threshold",
        Fault.REPOSITORY,
        "is full",
    ),
    ("ignoring error for /a: write /data/a: no space left on device", Fault.STORAGE, "is full"),
    ("open /cache/x: read-only file system", Fault.STORAGE, "read-only"),
    ("read /data/a: input/output error", Fault.STORAGE, "gives errors"),
)


@pytest.mark.parametrize(("log", "fault", "says"), LOGS, ids=[row[0][:30] for row in LOGS])
def test_a24_a_failed_mover_is_told_by_what_its_log_says(log: str, fault: Fault, says: str) -> None:
    told = {"latestMoverStatus": {"result": "Failed", "logs": f"Starting container\n{log}\n"}}
    failed = replace(DESTINATION, status=told)
    found = decision(world(RESTORING, EXISTS, children=(failed,)))
    assert says in found.outcome.message
    assert found.outcome.reason is (Reason.STORAGE if fault is Fault.STORAGE else Reason.REPORTED)
    # The same words as a termination message, where the cluster has movers write one.
    words = Stall(DESTINATION.name, failed=(FailedMover("mover-1", 1, "Error", log),))
    assert says in decision(world(RESTORING, EXISTS, children=BEGUN, stalls=(words,))).outcome.message


def test_a24_before_volsync_shows_a_log_the_store_is_told_as_it_answers_ourselves() -> None:
    failed = Stall(DESTINATION.name, failed=(FailedMover("mover-1", 3, "Error"),))
    seen = world(RESTORING, Unknown("connection refused"), children=BEGUN, stalls=(failed,))
    assert "the store does not answer clearly: connection refused" in decision(seen).outcome.message


@pytest.mark.parametrize(
    ("failed", "cause"),
    [
        (FailedMover("m-1", 3, "Error"), Cause(Fault.REPOSITORY, "the mover cannot open its repository")),
        (FailedMover("m-1", 137, "OOMKilled"), Cause(Fault.MOVER, "the mover has failed (OOMKilled, exit code 137)")),
        (FailedMover("m-1", None), Cause(Fault.MOVER, "the mover has failed (no reason given, no exit code)")),
    ],
    ids=str,
)
def test_a24_without_a_known_word_the_exit_code_is_told_and_where_the_log_is(failed: FailedMover, cause: Cause) -> None:
    stall = Stall(DESTINATION.name, failed=(failed,))
    found = causes.of_failure(world(RESTORING, stalls=(stall,)), DESTINATION, EXISTS)
    job = naming.destination_job(DESTINATION.name)
    assert found == Cause(cause.fault, f"{cause.text}; see kubectl -n shop logs job/{job}")


def test_a_log_of_a_success_is_no_failure_whatever_is_in_it() -> None:
    logs = {"latestMoverStatus": {"result": "Successful", "logs": "no space left on device"}}
    assert causes.of_failure(world(RESTORING), replace(DESTINATION, status=logs), EXISTS) is None


# --- C25 -------------------------------------------------------------------------------------------------------------


def test_c25_a_backup_that_storage_holds_up_is_no_overdue_backup() -> None:
    source = replace(SOURCE, created_at=NOW - 9 * HOUR)
    others = tuple(child for child in protecting() if child.kind is not Kind.SOURCE)
    seen = world(settled_claim(), ANNOUNCED, children=(*others, source))
    stall = Stall(source.name, (AwaitedSnapshot("s", LONG_AGO, "orders", error="pool full"),))
    without, held_up = decision(seen).outcome, decision(replace(seen, stalls=(stall,))).outcome
    assert (without.reason, held_up.reason) == (Reason.REPORTED, Reason.STORAGE)
    assert "restore point" not in held_up.message
    assert 'storage holds it up: the volume snapshot s is not ready: "pool full"' in held_up.message


def test_c25_a_repository_that_refuses_is_no_fault_of_storage() -> None:
    told = {"result": "Failed", "logs": "Stat: Access Denied."}
    late = tuple(replace(each, created_at=NOW - 9 * HOUR) for each in protecting(latestMoverStatus=told))
    found = decision(world(settled_claim(), ANNOUNCED, children=late)).outcome
    assert found.reason is Reason.REPORTED
    assert "the store refuses the access key" in found.message


def test_what_holds_up_a_backup_stops_no_healing() -> None:
    seen = world(settled_claim(), EXISTS, children=(SOURCE,), stalls=(Stall(SOURCE.name, snapshot().snapshots),))
    assert decision(seen).writes


# --- I12 -------------------------------------------------------------------------------------------------------------


def test_i12_nothing_of_a_movers_log_is_quoted_and_no_credentials_of_an_address() -> None:
    secret = "correct horse battery staple"  # noqa: S105 - of this test
    given = {Repo.LOCAL: Credentials({"RESTIC_PASSWORD": base64.b64encode(secret.encode()).decode()})}
    for log in (f"Fatal: {secret}", f"{secret}: no space left on device", f"Access Denied for {secret}"):
        told = replace(DESTINATION, status={"latestMoverStatus": {"result": "Failed", "logs": log}})
        stall = Stall(DESTINATION.name, failed=(FailedMover("m-1", 1, "Error", log),))
        seen = world(RESTORING, EXISTS, children=(told,), stalls=(stall,), credentials=given)
        assert secret not in decision(seen).outcome.message
    unbound = volume("ProvisioningFailed", f"dial https://user:{secret.replace(' ', '')}@storage.example: refused")
    found = causes.of_stall(world(RESTORING, stalls=(unbound,)), "owner", PATIENCE)
    assert found is not None
    assert found.text.endswith('dial https://storage.example: refused"')


def test_a_cause_fits_into_an_event() -> None:
    long = volume("ProvisioningFailed", "x" * 5000)
    seen = world(RESTORING, EXISTS, children=finished(BEGUN), stalls=(replace(long, owner=DESTINATION.name),))
    seen = replace(seen, snapshots=(contract.image_prefix(DESTINATION.name) + "20260110115900",))
    found = decision(seen)
    event = saying.event(RESTORING, saying.of_decision(found), found.outcome.answer, NOW, "us")
    assert "ProvisioningFailed" in event["note"]
    assert event["note"].endswith('..."')
    assert event["type"] == "Warning"


# --- the real restic -------------------------------------------------------------------------------------------------


def said_by_restic(arguments: list[str], password: str, folder: Path) -> str:
    """What restic says; one that tries again and again is ended after some seconds, as the mover's script does."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RESTIC_PASSWORD": password,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    restic = real_store.program("restic", versions.choose().restic)
    command = [str(restic), "--no-cache", *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=20)
    except subprocess.TimeoutExpired as expired:
        return (expired.stderr or b"").decode()
    return done.stderr


@pytest.mark.built
def test_a24_what_restic_really_says_is_known(tmp_path: Path) -> None:
    place = ["-r", str(tmp_path / "repository")]
    assert said_by_restic([*place, "init"], "right", tmp_path) == ""
    refused = f"s3:http://127.0.0.1:{real_store.free_port()}/bucket/orders"
    heard = {
        "does not open": said_by_restic([*place, "cat", "config"], "wrong", tmp_path),
        "no repository": said_by_restic(["-r", str(tmp_path / "nothing"), "cat", "config"], "right", tmp_path),
        "does not answer the mover": said_by_restic(["-r", refused, "cat", "config"], "right", tmp_path),
    }
    for says, log in heard.items():
        found = causes.of_log(log)
        assert found is not None, log
        assert says in found.text, log
