"""The objects that a claim should have, against those it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from controller import naming, resources
from controller.contract import Repo
from controller.model import Child, Create, Delete, Kind, MissingCredentials, Replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.intent import Intent, MoverIdentity
    from controller.model import Claim, Object, World, Write
    from controller.settings import Settings
    from controller.stamp import Stamp

# Movers need the Secret to their end, so it goes last; sources go first, since they write.
_REMOVAL_ORDER: Final = (Kind.SOURCE, Kind.DESTINATION, Kind.EXTERNAL_SECRET, Kind.SECRET, Kind.SNAPSHOT)


def of_claim(world: World) -> tuple[Child, ...]:
    """The children that are this claim's in whichever life, stripped of their annotation or not."""
    full_name = f"{world.namespace}/{world.name}"
    return tuple(child for child in world.children if child.claim in {None, full_name} and not _is_operators(child))


def strangers(world: World) -> tuple[Child, ...]:
    """Objects that bear a name of ours and say that they are another claim's."""
    full_name = f"{world.namespace}/{world.name}"
    return tuple(child for child in world.children if child.claim not in {None, full_name})


def removal(found: Iterable[Child]) -> tuple[Write, ...]:
    """The writes that remove these, in an order in which each may be the last."""
    listed = sorted(found, key=lambda child: (_REMOVAL_ORDER.index(child.kind), child.name))
    return tuple(Delete(child.kind, child.name, child.uid) for child in listed if not child.terminating)


def standbys(world: World) -> tuple[Child, ...]:
    """The destinations whose images are kept ready, done or not (`standing_by`)."""
    return tuple(child for child in of_claim(world) if is_standby(child, world))


def is_standby(child: Child, world: World) -> bool:
    """Whether a child of the claim is one of those."""
    return child.kind is Kind.DESTINATION and naming.is_standby(world.namespace, world.name, child.name)


def leftover_images(world: World, but_of: Iterable[Child] = ()) -> tuple[Write, ...]:
    """The writes that remove images of this claim's destinations, in whichever life, but for those that are named."""
    prefix = f"volsync-{naming.child_prefix(world.namespace, world.name)}"
    kept = tuple(naming.image_prefix(child.name) for child in but_of)
    left = [name for name in sorted(world.snapshots) if name.startswith(prefix) and not name.startswith(kept)]
    return tuple(Delete(Kind.SNAPSHOT, name, None) for name in left)


def find(world: World, kind: Kind, name: str) -> Child | None:
    """The child of this kind and name."""
    return next((child for child in world.children if (child.kind, child.name) == (kind, name)), None)


def life_of(claim: Claim) -> str:
    """The incarnation of a stored claim, for all its children but the destination, which was named before."""
    return naming.incarnation(claim.uid or "")


def source_name(claim: Claim, repo: Repo) -> str:
    """The source, and the credentials, of this life of a claim for one repository."""
    return naming.source(claim.namespace, claim.name, life_of(claim), repo.value)


def current_names(claim: Claim, stamp: Stamp | None) -> frozenset[str]:
    """The names that sources and destinations of this life may have."""
    destination = {destination_name(claim, stamp)} if stamp else set()
    return frozenset({source_name(claim, repo) for repo in Repo} | destination)


def destination_name(claim: Claim, stamp: Stamp) -> str:
    """The destination that a claim with this stamp names, or would: one of its life, or the standby promised to it."""
    if stamp.restore is not None and stamp.restore.standby is not None:
        return naming.standby(claim.namespace, claim.name, stamp.restore.standby)
    return naming.destination(claim.namespace, claim.name, stamp.life)


def is_syncing(source: Child) -> bool:
    """Whether VolSync says that a sync runs, or fails again and again: it does not tell the one from the other."""
    return bool(source.status.get("lastSyncStartTime"))


def is_made_as(child: Child, body: Object, claim: Claim) -> bool:
    """Whether the object is as we would make it, its marks included.

    VolSync's kinds and Secrets have no defaults in their schemas, so each field is compared: one more is an edit too
    (`trigger.manual`, `paused`). The External Secrets operator's kinds have many, so there what we set is compared.
    """
    wanted = body["data"] if child.kind is Kind.SECRET else body["spec"]
    same = _covers(child.content, wanted) if child.kind is Kind.EXTERNAL_SECRET else child.content == wanted
    return bool(same) and child.claim == claim.full_name and child.owner_uid == claim.uid


@dataclass(frozen=True, slots=True)
class NotReady:
    """Why a repository's Secret is not there and cannot be made now, with the writes that lead to it."""

    why: str
    writes: tuple[Write, ...] = ()


def credentials(claim: Claim, repo: Repo, world: World, settings: Settings) -> tuple[Write, ...] | NotReady:
    """What has to be written so that the Secret of a repository is as it should be; nothing if it is."""
    name = source_name(claim, repo)
    if settings.external_secrets is not None:
        return _external(claim, name, repo, world, settings)
    given = world.credentials.get(
        repo, MissingCredentials(f"the base Secret of the {repo.value} repository was not read")
    )
    if isinstance(given, MissingCredentials):
        return NotReady(given.why)
    if lacking := resources.missing_keys(given.data):
        return NotReady(
            f"the base Secret of the {repo.value} repository lacks {', '.join(lacking)}; add what is missing"
        )
    return as_made(Kind.SECRET, resources.secret(claim, name, repo, given, settings), claim, world)


def as_made(kind: Kind, body: Object, claim: Claim, world: World) -> tuple[Write, ...]:
    """The write that makes an object so: a creation, a replacement, or none."""
    name = body["metadata"]["name"]
    child = find(world, kind, name)
    if child is None:
        return (Create(kind, name, body, while_claim_uid=claim.uid or ""),)
    return () if is_made_as(child, body, claim) else (Replace(kind, name, body, child.version),)


def source(claim: Claim, repo: Repo, intent: Intent, settings: Settings) -> Object:
    """The source that this claim should have for a repository, without a manual trigger."""
    tier = intent.tier if repo is Repo.LOCAL else settings.remote
    name = source_name(claim, repo)
    return resources.source(claim, name, repo, tier, intent.mover, intent.cache_capacity, settings)


def destination(claim: Claim, stamp: Stamp, mover: MoverIdentity, settings: Settings) -> Object | None:
    """The destination that a stamp promises; None if it promises none."""
    if stamp.restore is None:
        return None
    secret = source_name(claim, stamp.restore.repo)
    if stamp.restore.standby is not None:
        return resources.standby(claim, stamp.restore.standby, secret, mover, settings)
    return resources.destination(claim, stamp.life, secret, stamp.restore.request, mover, settings)


def standby(claim: Claim, key: str, mover: MoverIdentity, settings: Settings) -> Object:
    """The destination that should stand by for this claim, of the restore point with this key."""
    return resources.standby(claim, key, source_name(claim, Repo.LOCAL), mover, settings)


def restores_as(found: Child, body: Object) -> bool:
    """Whether a destination was made as this body says.

    A standby whose sync is done needs its Secret no more: that was an earlier life's, and went with it.
    """
    content, wanted = found.content, body["spec"]
    is_done = found.status.get("lastManualSync") == wanted["trigger"]["manual"]
    if is_done and body["metadata"].get("ownerReferences") is None:
        content = {**content, "restic": {**(content.get("restic") or {}), "repository": wanted["restic"]["repository"]}}
    return bool(content == wanted)


def _external(claim: Claim, name: str, repo: Repo, world: World, settings: Settings) -> tuple[Write, ...] | NotReady:
    vault = settings.external_secrets
    if vault is None or repo not in vault.keys:
        return NotReady(f"no entry of the vault is named for the {repo.value} repository; name it in the settings")
    body = resources.external_secret(claim, name, repo, vault, settings)
    writes = as_made(Kind.EXTERNAL_SECRET, body, claim, world)
    written = find(world, Kind.SECRET, name)
    if written is None or not written.content.get(resources.REPOSITORY_KEY) or resources.missing_keys(written.content):
        why = f"the ExternalSecret {name} has not written a complete Secret yet; see its status"
        return NotReady(why, writes)
    return writes


def _is_operators(child: Child) -> bool:
    """Whether this is a Secret that the External Secrets operator wrote: it goes with the ExternalSecret."""
    return child.kind is Kind.SECRET and child.claim is None


def _covers(found: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and _covers(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_covers, found, wanted))
    return bool(found == wanted)
