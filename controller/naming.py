"""Names of everything that is made for a claim, and where its backups lie. Deterministic; no two claims share one.

Limits that shape the names (Kubernetes and VolSync 0.16.0, internal/controller/utils/utils.go): names of objects have
at most 253 characters, names of Jobs 63. VolSync calls its Jobs `volsync-src-<source>` and `volsync-dst-<destination>`,
and cuts longer names to a prefix and a 32-bit checksum, which two claims may share. So a child has at most 51.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from typing import Final

CHILD_NAME_CHARACTERS_MAX: Final = 63 - len("volsync-src-")
# What people may read of a claim's name. Short enough that it cannot hold another claim's whole prefix, which has a
# letter, a hyphen and 13 characters at least: so no child of `a-<key of a>-x` looks like one of `a`.
_READABLE_CHARACTERS: Final = 14
_CLAIM_CHARACTERS: Final = 13  # 65 bits
_INCARNATION_CHARACTERS: Final = 8  # 40 bits, among the incarnations of one claim
_DESTINATION_ROLE: Final = "dst"
_STANDBY_ROLE: Final = "sby"
_POINT_CHARACTERS: Final = 8  # 40 bits, among the restore points of one claim


def claim_key(namespace: str, claim: str) -> str:
    """13 characters that stand for one claim; a slash cannot occur in either name, so `a-b`/`c` is not `a`/`b-c`."""
    return _digest(f"{namespace}/{claim}", _CLAIM_CHARACTERS)


def incarnation(nonce: str) -> str:
    """8 characters for one life of a claim: from the uid of the claim, or of the request that creates it."""
    return _digest(nonce, _INCARNATION_CHARACTERS)


def child_prefix(namespace: str, claim: str) -> str:
    """What the names of all children of a claim begin with, in all its lives, and those of no other claim."""
    readable = claim[:_READABLE_CHARACTERS].replace(".", "-").rstrip("-")
    return f"{readable}-{claim_key(namespace, claim)}-"


def destination(namespace: str, claim: str, life: str) -> str:
    """The ReplicationDestination that restores one life (see `incarnation`) of a claim."""
    return f"{child_prefix(namespace, claim)}{life}-{_DESTINATION_ROLE}"


def standby_key(repository: str, point: str) -> str:
    """8 characters for one restore point of a claim: the name of its standby cannot be taken for a newer one's."""
    return _digest(f"{repository}/{point}", _POINT_CHARACTERS)


def standby(namespace: str, claim: str, key: str) -> str:
    """The ReplicationDestination whose image stands by, of one restore point (see `standby_key`) of a claim."""
    return f"{child_prefix(namespace, claim)}{key}-{_STANDBY_ROLE}"


def source(namespace: str, claim: str, life: str, repository: str) -> str:
    """The ReplicationSource that backs up one life of a claim to one repository."""
    return f"{child_prefix(namespace, claim)}{life}-{repository}"


def credentials(namespace: str, claim: str, life: str, repository: str) -> str:
    """The Secret of one repository of a claim. Secrets and sources may bear one name: they are of different kinds."""
    return source(namespace, claim, life, repository)


def is_destination(namespace: str, claim: str, name: str) -> bool:
    """Whether this is the name of a destination of this claim, in whichever of its lives; a standby is another."""
    return _has_role(namespace, claim, name, _DESTINATION_ROLE, _INCARNATION_CHARACTERS)


def is_standby(namespace: str, claim: str, name: str) -> bool:
    """Whether this is the name of a standby of this claim, of whichever restore point."""
    return _has_role(namespace, claim, name, _STANDBY_ROLE, _POINT_CHARACTERS)


def destination_job(name: str) -> str:
    """The mover Job of a destination."""
    return f"volsync-dst-{name}"


def source_job(name: str) -> str:
    """The mover Job of a source."""
    return f"volsync-src-{name}"


def image_prefix(name: str) -> str:
    """What the volume snapshots of a destination's images begin with; a time of 14 digits follows."""
    return f"volsync-{name}-dest-"


def is_mover_pod(namespace: str, claim: str, pod: str) -> bool:
    """Whether a pod of this name can only be a mover of this claim: `<Job>-<5 characters>`."""
    prefix = child_prefix(namespace, claim)
    return pod.startswith((source_job(prefix), destination_job(prefix)))


def repository_path(prefix: str, namespace: str, claim: str) -> str:
    """Where the repository of a claim lies in its bucket, without outer slashes: `[<prefix>/]<namespace>/<claim>`.

    restic's repositories must not be shared, and neither name can hold a slash: exactly two parts follow the prefix, so
    no path is another's, or lies within another's. A listing must end it with a slash (`path` also matches `path2/`).
    """
    return "/".join(part for part in (prefix.strip("/"), namespace, claim) if part)


def knowledge_path(prefix: str) -> str:
    """Below this the controller notes what it knows of a store; no namespace begins with a dot. Ends with a slash."""
    outer = prefix.strip("/")
    return f"{outer}/.firedrill/" if outer else ".firedrill/"


def known_prefix(prefix: str) -> str:
    """Below this lies what `known_path` gives for each claim that has had a restore point. Ends with a slash."""
    return f"{knowledge_path(prefix)}known/"


def known_path(prefix: str, namespace: str, claim: str) -> str:
    """Below this lies an object once the claim has had a restore point; its name says what `Known` does.

    Ends with a slash. All of these come before the marker, so that the first object after this path, whichever it is,
    tells that the store is the right one: one request answers for both.
    The underscores, which no name of Kubernetes has, let no folder's name begin with another's: where `shop-1/` lies
    beside `shop/`, MinIO (2026-02-12; of pages: #13619) lists nothing that comes after `shop/orders/`.
    """
    return f"{known_prefix(prefix)}{namespace}_/{claim}_/"


def known_of(prefix: str, key: str) -> tuple[str, str, str] | None:
    """Namespace, claim and name of an object below `known_prefix`; None if it is not where `known_path` leads."""
    found = re.fullmatch(r"([^/_]+)_/([^/_]+)_/([^/]+)", key.removeprefix(known_prefix(prefix)))
    return (found[1], found[2], found[3]) if found is not None else None


def announcement_path(prefix: str, namespace: str, claim: str) -> str:
    """The object that says that a source was made for a claim. It comes after those that are named for a size."""
    return f"{known_path(prefix, namespace, claim)}announced"


def marker_path(prefix: str) -> str:
    """The object that tells a new store from a wrong one. The last below `knowledge_path`."""
    return f"{knowledge_path(prefix)}store"


def _has_role(namespace: str, claim: str, name: str, role: str, characters: int) -> bool:
    prefix = child_prefix(namespace, claim)
    middle = name.removeprefix(prefix).removesuffix(f"-{role}")
    return name == f"{prefix}{middle}-{role}" and len(middle) == characters


@functools.lru_cache(maxsize=256)  # one look at a claim asks for few, and for each of them several times
def _digest(text: str, characters: int) -> str:
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
    return digest[:characters]
