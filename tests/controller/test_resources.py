"""Bodies of objects, against VolSync's own CRDs."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from controller import contract, naming, resources
from controller.contract import Repo
from controller.intent import Earlier, Latest, MoverIdentity
from controller.model import Kind
from controller.settings import DAILY, HOURLY, ExternalSecrets
from tests import crds
from tests.controller.scene import BASE, EXISTS, SETTINGS, TWO_STORES, claim, decision, settled_claim, world

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.model import Object

LIFE = naming.incarnation("request-1")
AS_USER = MoverIdentity(run_as_user=1001, run_as_group=1001, fs_group=1001)
EARLIER = Earlier(previous=2, as_of=datetime(2026, 1, 14, 12, tzinfo=UTC))
RICH = replace(SETTINGS, snapshot_class="snapshots")


def destination(**changes: Any) -> Object:
    given: dict[str, Any] = {"claim": claim(), "life": LIFE, "secret_name": "s", "request": Latest(), **changes}
    return resources.destination(**{"mover": MoverIdentity(), "settings": SETTINGS, **given})


def source(**changes: Any) -> Object:
    given: dict[str, Any] = {"claim": claim(), "name": "s", "repo": Repo.LOCAL, "tier": HOURLY, **changes}
    return resources.source(**{"mover": MoverIdentity(), "cache_capacity": None, "settings": SETTINGS, **given})


BODIES = (
    destination(),
    destination(request=EARLIER, mover=AS_USER, settings=RICH),
    destination(claim=claim(storage_class=None, request="1.5Gi", access_modes=("ReadWriteMany", "ReadOnlyMany"))),
    source(),
    source(repo=Repo.REMOTE, tier=DAILY, mover=AS_USER, cache_capacity="5Gi", settings=replace(TWO_STORES)),
    resources.with_trigger(source(), {"schedule": "7 * * * *", "manual": "now-1"}),
)


@pytest.fixture
def schemas() -> Mapping[str, Object]:
    """Kind to OpenAPI schema, from VolSync's own CRDs."""
    return crds.schemas("v0.16.0")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body["metadata"]["name"])
def test_every_body_fits_the_crds(body: Object, schemas: Mapping[str, Object]) -> None:
    assert list(crds.faults(body["spec"], schemas[body["kind"]]["properties"]["spec"])) == []


def test_the_schema_check_sees_what_is_wrong(schemas: Mapping[str, Object]) -> None:
    spec = dict(
        source()["spec"], sourcePVC=5, restic={**source()["spec"]["restic"], "retian": {}, "copyMethod": "Copy"}
    )
    assert len(list(crds.faults(spec, schemas["ReplicationSource"]["properties"]["spec"]))) == 3


def test_volsyncs_schemas_have_no_defaults_so_that_each_field_can_be_compared(schemas: Mapping[str, Object]) -> None:
    def defaults(schema: Any) -> Iterator[Any]:
        if isinstance(schema, dict):
            if "default" in schema and not isinstance(schema["default"], dict):
                yield schema
            for each in schema.values():
                yield from defaults(each)

    for kind in ("ReplicationSource", "ReplicationDestination"):
        spec = schemas[kind]["properties"]["spec"]["properties"]
        assert not list(defaults({"restic": spec["restic"], "trigger": spec["trigger"]}))


def test_b4_a6_a16_b19_the_destination_is_as_large_as_the_claim_and_of_its_kind() -> None:
    wanted = claim(request="7Gi", access_modes=("ReadWriteMany",), storage_class="files")
    restic = destination(claim=wanted)["spec"]["restic"]
    assert restic["copyMethod"] == "Snapshot"
    found = (restic["capacity"], restic["accessModes"], restic["storageClassName"])
    assert found == ("7Gi", ["ReadWriteMany"], "files")
    assert "storageClassName" not in destination(claim=claim(storage_class=None))["spec"]["restic"]


def test_a4_e10_a_destination_syncs_once_and_is_named_for_one_life() -> None:
    one, other = destination(), destination(life=naming.incarnation("request-2"))
    assert one["metadata"]["name"] != other["metadata"]["name"]
    assert one["spec"]["trigger"] == {"manual": f"restore-{LIFE}"}
    assert one["spec"]["trigger"] != other["spec"]["trigger"]
    # With a clean-up VolSync may remove the volume before its image is ready (VolSync #1504).
    assert "cleanupTempPVC" not in one["spec"]["restic"]
    # An attempt that failed half-way leaves files, which the next one must not keep.
    assert one["spec"]["restic"]["enableFileDeletion"] is True


def test_e14_e15_the_request_is_handed_to_the_mover() -> None:
    restic = destination(request=EARLIER)["spec"]["restic"]
    assert (restic["previous"], restic["restoreAsOf"]) == (2, "2026-01-14T12:00:00Z")
    assert not {"previous", "restoreAsOf"} & destination()["spec"]["restic"].keys()


def test_a13_a14_c36_p10_every_source_has_its_retention_and_a_schedule() -> None:
    local, remote = source(), source(repo=Repo.REMOTE, tier=TWO_STORES.remote, settings=TWO_STORES)
    assert local["spec"]["restic"]["retain"] == {"hourly": 24, "daily": 7}
    assert remote["spec"]["restic"]["retain"] == {"daily": 7}
    assert re.fullmatch(r"\d+ \* \* \* \*", local["spec"]["trigger"]["schedule"])
    assert re.fullmatch(r"\d+ 0 \* \* \*", remote["spec"]["trigger"]["schedule"])
    assert "manual" not in local["spec"]["trigger"]
    assert local["spec"]["restic"]["copyMethod"] == "Snapshot"


def test_e34_source_and_destination_run_as_the_same_user() -> None:
    wanted = {"runAsUser": 1001, "runAsNonRoot": True, "runAsGroup": 1001, "fsGroup": 1001}
    for body in (source(mover=AS_USER), destination(mover=AS_USER)):
        assert body["spec"]["restic"]["moverSecurityContext"] == wanted
    assert "moverSecurityContext" not in source()["spec"]["restic"]


def test_i7_every_child_is_owned_by_the_claim_and_names_it() -> None:
    secret = resources.secret(claim(), "s", Repo.LOCAL, BASE, SETTINGS)
    for body in (*BODIES, secret):
        head = body["metadata"]
        assert [owner["uid"] for owner in head["ownerReferences"]] == ["uid-1"]
        assert head["annotations"] == {contract.CLAIM_ANNOTATION: "shop/orders"}
        assert head["labels"][contract.CLAIM_KEY_LABEL] == naming.claim_key("shop", "orders")
        assert all(len(value) <= 63 for value in head["labels"].values())


def test_the_secret_has_the_base_keys_and_this_claims_repository() -> None:
    body = resources.secret(claim(), "s", Repo.REMOTE, BASE, TWO_STORES)
    data = dict(body["data"])
    url = base64.b64decode(data.pop("RESTIC_REPOSITORY")).decode()
    assert url == "s3:https://far.example/offsite/cluster-a/shop/orders"
    assert data == BASE.data


def test_i12_credentials_are_in_no_text() -> None:
    found = decision(world(settled_claim(), EXISTS))
    assert BASE.data["RESTIC_PASSWORD"] not in f"{found!r}{BASE!r}"


def test_b2_an_external_secret_writes_the_same_secret() -> None:
    vault = ExternalSecrets("ClusterSecretStore", "vault", {Repo.LOCAL: "volsync/base"})
    settings = replace(SETTINGS, external_secrets=vault)
    found = decision(world(settled_claim(), EXISTS, credentials={}), settings)
    (write,) = found.writes
    body = resources.external_secret(claim(), "s", Repo.LOCAL, vault, settings)
    assert getattr(write, "kind", None) is Kind.EXTERNAL_SECRET, "no source before the Secret is written"
    assert body["spec"]["target"]["name"] == "s"
    assert body["spec"]["target"]["template"]["data"] == {
        "RESTIC_REPOSITORY": "s3:http://store.example:9000/backups/shop/orders"
    }
    assert body["spec"]["dataFrom"] == [{"extract": {"key": "volsync/base"}}]
