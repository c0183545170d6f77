"""Certificates of the webhooks: made, trusted, renewed in time, and agreed upon by replicas that start together."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from controller.admission import certificates, trust
from controller.admission.certificates import AUTHORITY_LASTS, CERTIFICATE_LASTS, renewed, why_renew
from controller.admission.measures import Measures
from controller.admission.trust import Trust
from controller.cluster.api import ApiError

if TYPE_CHECKING:
    from controller.admission.certificates import Certificates
    from controller.cluster.api import Api, Patch

NOW = datetime(2026, 1, 10, tzinfo=UTC)
NAMES = ("webhook.ns.svc", "webhook.ns.svc.cluster.local")


def test_new_certificates_are_good_and_for_their_names_alone() -> None:
    made = renewed(None, NAMES, NOW)
    assert why_renew(made, NAMES, NOW) is None
    assert why_renew(made, ("other",), NOW) == "it is for other names"
    assert made.ends_at == NOW + CERTIFICATE_LASTS


def test_a_certificate_is_renewed_long_before_its_end_by_the_same_authority() -> None:
    made = renewed(None, NAMES, NOW)
    assert why_renew(made, NAMES, NOW + timedelta(days=59)) is None
    later = NOW + timedelta(days=61)
    assert why_renew(made, NAMES, later) == "it is near its end"
    again = renewed(made, NAMES, later)
    assert why_renew(again, NAMES, later) is None
    assert again.authority == made.authority
    assert again.trusted == made.trusted, "nobody has to learn to trust anew"


def test_a_new_authority_is_trusted_beside_the_old_one_while_that_has_still_signed_what_is_served() -> None:
    made = renewed(None, NAMES, NOW)
    late = NOW + AUTHORITY_LASTS - timedelta(days=100)
    assert why_renew(made, NAMES, late) == "its authority is near its end"
    again = renewed(made, NAMES, late)
    assert why_renew(again, NAMES, late) is None
    assert again.authority != made.authority
    assert made.authority.certificate in again.trusted
    after = renewed(again, NAMES, late + timedelta(days=200))
    assert made.authority.certificate not in after.trusted, "what has ended is not trusted for ever"


@pytest.mark.parametrize("part", ["certificate", "key"])
@pytest.mark.parametrize("whose", ["authority", "serving"])
def test_whatever_is_damaged_or_exchanged_is_made_anew(whose: str, part: str) -> None:
    made, other = renewed(None, NAMES, NOW), renewed(None, NAMES, NOW)
    for value in (b"", b"junk", getattr(getattr(other, whose), part)):
        broken = replace(made, **{whose: replace(getattr(made, whose), **{part: value})})
        assert why_renew(broken, NAMES, NOW) is not None
        assert why_renew(renewed(broken, NAMES, NOW), NAMES, NOW) is None


def test_a_bundle_without_the_authority_is_made_anew() -> None:
    made = renewed(None, NAMES, NOW)
    for bundle in (b"", b"junk", renewed(None, NAMES, NOW).trusted):
        broken = replace(made, trusted=bundle)
        assert why_renew(broken, NAMES, NOW) is not None
        assert why_renew(renewed(broken, NAMES, NOW), NAMES, NOW) is None


def test_a_client_that_trusts_the_bundle_takes_the_certificate() -> None:
    made = renewed(None, NAMES, datetime.now(UTC))
    assert handshake(made, made.trusted)
    assert not handshake(made, renewed(None, NAMES, datetime.now(UTC)).trusted)


# --- in the cluster --------------------------------------------------------------------------------------------------


class Server:
    """The few objects of an API server that matter here, with its versions and its conflicts."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {
            webhooks.path(name=trust.CONFIGURATION): {
                "metadata": {"resourceVersion": "1"},
                "webhooks": [{"name": "a", "clientConfig": {"service": {"name": "webhook"}}}],
            }
            for webhooks in trust.WEBHOOKS
        }
        self.writes: list[str] = []
        self.version = 1

    async def get(self, path: str) -> Any:
        await asyncio.sleep(0)
        if path not in self.objects:
            raise ApiError(404, path, "not found")
        return json.loads(json.dumps(self.objects[path]))

    async def create(self, path: str, body: Any) -> Any:
        await asyncio.sleep(0)
        where = f"{path}/{body['metadata']['name']}"
        if where in self.objects:
            raise ApiError(409, path, "exists")
        return self._store(where, body)

    async def replace(self, path: str, body: Any) -> Any:
        await asyncio.sleep(0)
        if body["metadata"]["resourceVersion"] != self.objects[path]["metadata"]["resourceVersion"]:
            raise ApiError(409, path, "changed")
        return self._store(path, body)

    async def patch(self, path: str, body: Any, _how: Patch) -> Any:
        for change in body["webhooks"]:
            for each in self.objects[path]["webhooks"]:
                if each["name"] == change["name"]:
                    each["clientConfig"] |= change["clientConfig"]
        return self._store(path, self.objects[path])

    def _store(self, path: str, body: Any) -> Any:
        self.version += 1
        self.objects[path] = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self.writes.append(path)
        return self.objects[path]

    def bundles(self) -> set[bytes]:
        return {
            base64.b64decode(each["clientConfig"]["caBundle"])
            for webhooks in trust.WEBHOOKS
            for each in self.objects[webhooks.path(name=trust.CONFIGURATION)]["webhooks"]
        }


def replica(server: Server) -> tuple[Trust, ssl.SSLContext]:
    api: Api = server  # type: ignore[assignment]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    return Trust(api, "ns", context, Measures()), context


def test_replicas_that_start_together_serve_one_certificate_which_the_api_server_trusts() -> None:
    server = Server()
    (one, first), (two, second) = replica(server), replica(server)
    assert one.why_not_ready()

    async def both() -> None:
        await asyncio.gather(one.look(), two.look())

    asyncio.run(both())
    [bundle] = server.bundles()
    assert served(first, bundle) == served(second, bundle) != None  # noqa: E711 - one chain of comparisons
    assert one.why_not_ready() is two.why_not_ready() is None


def test_a_look_at_what_is_right_writes_nothing() -> None:
    server = Server()
    one, _ = replica(server)
    asyncio.run(one.look())
    before = list(server.writes)
    asyncio.run(one.look())
    assert server.writes == before


def test_a_bundle_that_somebody_took_out_is_put_back_and_a_configuration_that_is_gone_is_no_error() -> None:
    server = Server()
    one, _ = replica(server)
    asyncio.run(one.look())
    expected = server.bundles()
    path = trust.WEBHOOKS[0].path(name=trust.CONFIGURATION)
    server.objects[path]["webhooks"][0]["clientConfig"]["caBundle"] = ""
    asyncio.run(one.look())
    assert server.bundles() == expected
    del server.objects[path]
    asyncio.run(one.look())
    assert one.why_not_ready() is None


def test_a_renewed_certificate_is_served_by_the_live_context(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    one, context = replica(server)
    asyncio.run(one.look())
    [bundle] = server.bundles()
    before = served(context, bundle)
    monkeypatch.setattr(certificates, "CERTIFICATE_LEFT_LEAST", CERTIFICATE_LASTS + timedelta(seconds=1))
    monkeypatch.setattr(certificates, "CERTIFICATE_LASTS", 2 * CERTIFICATE_LASTS)
    asyncio.run(one.look())
    assert served(context, bundle) not in {None, before}


def served(context: ssl.SSLContext, bundle: bytes) -> int | None:
    """The serial number of the certificate that a new client is given; None if it does not trust it."""
    client = ssl.create_default_context(cadata=bundle.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, server_hostname="webhook.ns.svc")
    ours = context.wrap_bio(to_server, to_client, server_side=True)
    done = {theirs: False, ours: False}
    for _ in range(10):
        for side in (theirs, ours):
            try:
                side.do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return None
    assert all(done.values())
    presented = theirs.getpeercert(binary_form=True)
    assert presented is not None
    return x509.load_der_x509_certificate(presented).serial_number


def handshake(made: Certificates, bundle: bytes) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust._serve(context, made)
    return served(context, bundle) is not None
