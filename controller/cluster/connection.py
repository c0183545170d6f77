"""How to reach the API server: as a pod, or with a person's kubeconfig."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# The kubelet renews a pod's token long before it ends, and says so by the file alone.
_TOKEN_READ_EVERY_S: Final = 60.0


class NoCluster(Exception):
    """The API server cannot be reached for want of an address or of credentials; the text says what to give."""


@dataclass(slots=True)
class Token:
    """A bearer token, from a file that is renewed or given once."""

    file: Path | None = None
    given: str | None = field(default=None, repr=False)
    _read_at_s: float = field(default=float("-inf"), repr=False)

    def current(self) -> str | None:
        """The token that is valid now; None if the client certificate is all that is needed."""
        now_s = time.monotonic()
        if self.file is not None and now_s - self._read_at_s > _TOKEN_READ_EVERY_S:
            self.given, self._read_at_s = self.file.read_text().strip(), now_s
        return self.given


@dataclass(frozen=True, slots=True)
class Connection:
    """An address with scheme and without a slash at its end, and whom to trust and to be."""

    server: str
    trust: ssl.SSLContext
    token: Token


def find() -> Connection:
    """The cluster of `KUBECONFIG`, else that of this pod, else that of the user. Raises `NoCluster`."""
    if named := os.environ.get("KUBECONFIG"):
        return from_kubeconfig(Path(named))
    if host := os.environ.get("KUBERNETES_SERVICE_HOST"):
        address = f"[{host}]" if ":" in host else host
        server = f"https://{address}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"
        trust = ssl.create_default_context(cafile=str(_SERVICE_ACCOUNT / "ca.crt"))
        return Connection(server, trust, Token(file=_SERVICE_ACCOUNT / "token"))
    return from_kubeconfig(Path.home() / ".kube" / "config")


def from_kubeconfig(path: Path) -> Connection:
    """The cluster of the current context. Raises `NoCluster`."""
    try:
        found = yaml.safe_load(path.read_text())
        context = _named(found["contexts"], found["current-context"])["context"]
        cluster = _named(found["clusters"], context["cluster"])["cluster"]
        user = _named(found["users"], context["user"])["user"]
        return Connection(cluster["server"].rstrip("/"), _trust(cluster, user), _token(user, path))
    except (OSError, KeyError, TypeError, yaml.YAMLError, ssl.SSLError) as error:
        message = f"{path} leads to no cluster: {error!r}; name another one in KUBECONFIG"
        raise NoCluster(message) from error


def _named(entries: list[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


def _trust(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority")
    trust = ssl.create_default_context(cadata=authority.decode() if authority else None)
    certificate, key = _content(user, "client-certificate"), _content(user, "client-key")
    if certificate is not None and key is not None:
        # Python reads a key from a file alone; this one is readable by us alone, and gone after the next line.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            trust.load_cert_chain(file.name)
    return trust


def _token(user: Mapping[str, Any], path: Path) -> Token:
    if "exec" in user or "auth-provider" in user:
        raise NoCluster(
            f"{path} gets its credentials from another program, which is not run; use one with a certificate or a token"
        )
    file = user.get("tokenFile")
    return Token(file=Path(file) if file else None, given=user.get("token"))


def _content(entry: Mapping[str, Any], name: str) -> bytes | None:
    if data := entry.get(f"{name}-data"):
        return base64.b64decode(data)
    return Path(entry[name]).read_bytes() if entry.get(name) else None
