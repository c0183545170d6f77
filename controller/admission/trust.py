"""Keeps the certificates in one Secret, what is served, and what the API server trusts, in agreement; for ever.

Every replica does the same. The Secret is the only truth: who writes it second meets a conflict, and takes what the
first one wrote. Trust comes first: the bundle is in both webhook configurations before its certificate is served.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from controller.admission import certificates
from controller.admission.certificates import Certificates, Signed
from controller.cluster.api import CHILDREN, ApiError, Patch, Resource
from controller.model import Kind

if TYPE_CHECKING:
    import ssl

    from controller.admission.measures import Measures
    from controller.cluster.api import Api
    from controller.model import Object

SECRET: Final = "webhook-certificates"  # noqa: S105 - a name
SERVICE: Final = "webhook"
CONFIGURATION: Final = "firedrill-controller"
WEBHOOKS: Final = (
    Resource("apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations"),
    Resource("apis/admissionregistration.k8s.io/v1", "validatingwebhookconfigurations"),
)
# How soon a certificate that another replica renewed is served here, and a caBundle that somebody took out is back.
LOOK_EVERY_S: Final = 60.0
_RETRY_S: Final = 2.0
# Two replicas that start together write at once; who loses looks again, and finds what is good.
_ATTEMPTS_MAX: Final = 5
_LOG: Final = logging.getLogger("firedrill.certificates")
_KEYS: Final = ("ca.crt", "ca.key", "tls.crt", "tls.key", "trusted.crt")


class Disagreed(Exception):
    """Others kept changing the Secret; the next look comes soon."""


class Trust:
    """The certificates of this installation, and the TLS context that serves them."""

    def __init__(self, api: Api, namespace: str, context: ssl.SSLContext, measures: Measures) -> None:
        self._api = api
        self._context = context
        self._measures = measures
        self._path = CHILDREN[Kind.SECRET].path(namespace, SECRET)
        self._collection = CHILDREN[Kind.SECRET].path(namespace)
        self._namespace = namespace
        self._served: Certificates | None = None
        self._why_not: str | None = "no certificate yet"

    @property
    def names(self) -> tuple[str, ...]:
        """What the API server calls the Service."""
        return (f"{SERVICE}.{self._namespace}.svc", f"{SERVICE}.{self._namespace}.svc.cluster.local")

    def why_not_ready(self) -> str | None:
        """Why nobody can be answered with a certificate that the API server trusts; None if all is in place."""
        if self._served is not None and self._served.ends_at <= datetime.now(UTC):
            return f"the certificate ran out at {self._served.ends_at.isoformat()}"
        return self._why_not

    async def keep(self) -> None:
        """Look, and put right what is not, until cancelled. A trouble is logged, and tried again."""
        while True:
            wait_s = LOOK_EVERY_S
            try:
                await self.look()
            except (ApiError, Disagreed) as error:
                # What is served stays good: only a first certificate is missed by anybody.
                self._why_not = None if self._served is not None else str(error)
                wait_s = _RETRY_S
                _LOG.warning("certificates could not be looked after: %s", error)
            await asyncio.sleep(wait_s)

    async def look(self) -> None:
        """One look. Raises `ApiError` or `Disagreed`."""
        agreed = await self._agreed(datetime.now(UTC))
        for webhooks in WEBHOOKS:
            await self._believed(webhooks, agreed)
        if agreed != self._served:
            _serve(self._context, agreed)
            self._served = agreed
            self._measures.serves_until(agreed.ends_at)
            _LOG.info("serving a certificate until %s", agreed.ends_at.isoformat())
        self._why_not = None

    async def _agreed(self, now: datetime) -> Certificates:
        """What stands in the Secret and is good; made, or renewed, by whoever comes first."""
        for _ in range(_ATTEMPTS_MAX):
            secret = await self._secret()
            found = None if secret is None else _read(secret)
            why = "there is none" if found is None else certificates.why_renew(found, self.names, now)
            if found is not None and why is None:
                return found
            made = certificates.renewed(found, self.names, now)
            try:
                await self._write(secret, made)
            except ApiError as error:
                if not error.is_conflict:
                    raise
                continue
            _LOG.info("made a certificate: %s", why)
            return made
        raise Disagreed(f"Secret {SECRET} kept changing")

    async def _secret(self) -> Object | None:
        try:
            return await self._api.get(self._path)
        except ApiError as error:
            if error.is_missing:
                return None
            raise

    async def _write(self, secret: Object | None, made: Certificates) -> None:
        if secret is None:
            metadata = {"name": SECRET, "namespace": self._namespace}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": _written(made)}
            await self._api.create(self._collection, body)
        else:
            # With the version that was read: a conflict if another replica was first.
            await self._api.replace(self._path, {**secret, "data": _written(made)})

    async def _believed(self, webhooks: Resource, agreed: Certificates) -> None:
        """Have the API server trust our authorities. A configuration that was deleted is the guard's to make up for."""
        path = webhooks.path(name=CONFIGURATION)
        try:
            found = await self._api.get(path)
        except ApiError as error:
            if error.is_missing:
                _LOG.warning("%s %s is not there: labelled claims are refused", webhooks.plural, CONFIGURATION)
                return
            raise
        bundle = base64.b64encode(agreed.trusted).decode()
        listed = found.get("webhooks") or []
        if all(each["clientConfig"].get("caBundle") == bundle for each in listed):
            return
        # By name: a strategic merge leaves all else of each webhook as it is.
        changes = [{"name": each["name"], "clientConfig": {"caBundle": bundle}} for each in listed]
        version = found["metadata"]["resourceVersion"]
        await self._api.patch(path, {"metadata": {"resourceVersion": version}, "webhooks": changes}, Patch.STRATEGIC)
        _LOG.info("put our authority into %s", webhooks.plural)


def _read(secret: Object) -> Certificates | None:
    data = secret.get("data") or {}
    try:
        ca, ca_key, tls, tls_key, trusted = (base64.b64decode(data[key], validate=True) for key in _KEYS)
    except (KeyError, binascii.Error):
        return None
    return Certificates(Signed(ca, ca_key), Signed(tls, tls_key), trusted)


def _written(made: Certificates) -> dict[str, str]:
    authority, serving = made.authority, made.serving
    values = (authority.certificate, authority.key, serving.certificate, serving.key, made.trusted)
    return {key: base64.b64encode(value).decode() for key, value in zip(_KEYS, values, strict=True)}


def _serve(context: ssl.SSLContext, found: Certificates) -> None:
    """New connections get the new certificate. Python reads a chain from a file alone; this one is in memory."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(found.serving.certificate + found.serving.key)
        file.flush()
        context.load_cert_chain(file.name)
