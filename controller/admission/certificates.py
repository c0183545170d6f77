"""Certificates for the webhooks: our own authority, and what it signs. Pure but for the keys; the clock is passed in.

Both stand in one Secret. A new authority is trusted before anything is signed by it, and an old one until what it
signed is gone: `trusted` is a bundle of both, so that neither the API server nor another replica ever meets a stranger.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTHORITY_LASTS: Final = timedelta(days=3650)
CERTIFICATE_LASTS: Final = timedelta(days=90)
# Renewed when a third of its life is left: a month in which somebody can notice that it is not.
CERTIFICATE_LEFT_LEAST: Final = CERTIFICATE_LASTS / 3
# An authority must outlive what it signs, and be replaced while its last certificate is still good.
AUTHORITY_LEFT_LEAST: Final = 2 * CERTIFICATE_LASTS
# Clocks of nodes differ.
_BACKDATED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate with its key, both in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certificates:
    """All of it. `trusted` are the authorities to be believed in, in PEM, the present one first."""

    authority: Signed
    serving: Signed
    trusted: bytes

    @property
    def ends_at(self) -> datetime:
        """When the serving certificate runs out, in UTC."""
        return _read(self.serving.certificate).not_valid_after_utc


def why_renew(found: Certificates, names: Sequence[str], now: datetime) -> str | None:  # noqa: PLR0911
    """Why these cannot be served, or not for long; None if they can."""
    try:
        authority, serving = _read(found.authority.certificate), _read(found.serving.certificate)
        key = serialization.load_pem_private_key(found.serving.key, None)
        signer = serialization.load_pem_private_key(found.authority.key, None)
        serving.verify_directly_issued_by(authority)
        listed = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        trusted = x509.load_pem_x509_certificates(found.trusted)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        return f"it cannot be used: {type(error).__name__}"
    if key.public_key() != serving.public_key() or signer.public_key() != authority.public_key():
        return "a key is another certificate's"
    if set(listed.get_values_for_type(x509.DNSName)) != set(names):
        return "it is for other names"
    if authority not in trusted:
        return "its authority is not among the trusted"
    if authority.not_valid_after_utc - now < AUTHORITY_LEFT_LEAST:
        return "its authority is near its end"
    if serving.not_valid_after_utc - now < CERTIFICATE_LEFT_LEAST:
        return "it is near its end"
    return None


def renewed(found: Certificates | None, names: Sequence[str], now: datetime) -> Certificates:
    """Certificates for these names that `why_renew` has nothing against; the authority is kept while it is good."""
    authority = found.authority if found is not None and _is_good(found.authority, now) else _authority(now)
    old = [] if found is None else _still_good(found.trusted, now)
    own = _read(authority.certificate)
    trusted = [own, *(each for each in old if each != own)]
    serving = _serving(authority, names, now)
    return Certificates(authority, serving, b"".join(each.public_bytes(_PEM) for each in trusted))


_PEM: Final = serialization.Encoding.PEM


def _is_good(authority: Signed, now: datetime) -> bool:
    try:
        certificate = _read(authority.certificate)
        key = serialization.load_pem_private_key(authority.key, None)
    except (ValueError, TypeError):
        return False
    left = certificate.not_valid_after_utc - now
    return key.public_key() == certificate.public_key() and left >= AUTHORITY_LEFT_LEAST


def _still_good(bundle: bytes, now: datetime) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(bundle)
    except ValueError:
        return []
    return [each for each in found if each.not_valid_after_utc > now]


def _authority(now: datetime) -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    # Two authorities of one name would be taken for each other where only names are compared.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"firedrill-controller {now:%Y-%m-%dT%H:%M:%SZ}")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _begun(name, name, key, now, AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _signed(certificate, key)


def _serving(authority: Signed, names: Sequence[str], now: datetime) -> Signed:
    signer = serialization.load_pem_private_key(authority.key, None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is of another kind than ours")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "firedrill-controller")])
    listed = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    certificate = (
        _begun(subject, _read(authority.certificate).subject, key, now, CERTIFICATE_LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(listed, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return _signed(certificate, key)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lasts)
    )


def _signed(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Signed:
    pem = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Signed(certificate.public_bytes(_PEM), pem)


def _read(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)
