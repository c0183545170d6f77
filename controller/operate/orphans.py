"""`orphans`: backups without a claim, and destinations without a use. It lists, and deletes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller import children, contract, intent, naming, stamp
from controller.cluster.api import CHILDREN, CLAIMS
from controller.cluster.claims import claim_from
from controller.model import Kind
from controller.operate.site import Name, Refused
from controller.store import known
from controller.store.s3 import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.contract import Repo
    from controller.model import Claim
    from controller.operate.site import Site
    from controller.settings import Settings


async def run(site: Site) -> None:
    """Print them. Raises `Refused` if a store did not answer: what is not seen is not told as absent."""
    bodies = await site.api.list(CLAIMS.path())
    claims = {(claim.namespace, claim.name): claim for claim in map(claim_from, bodies)}
    for repo in site.configuration.settings.stores:
        for name in await _backed_up(site, repo):
            if (name.namespace, name.claim) not in claims:
                site.tell(f"{repo.value} repository of {name}: backups, and no claim; `backups {name}` lists them")
    for line in await _idle_destinations(site, claims):
        site.tell(line)


async def _backed_up(site: Site, repo: Repo) -> tuple[Name, ...]:
    """The claims that have had restore points, from the controller's notes: one key each, and no LIST of backups."""
    access = await site.access(repo)
    prefix = site.configuration.settings.stores[repo].prefix
    try:
        entries = await site.stores.bucket(repo, access).all(naming.known_prefix(prefix))
    except StoreError as error:
        raise Refused(f"the {repo.value} store could not be listed: {error}") from error
    noted = (place for entry in entries if (place := naming.known_of(prefix, entry.key)) is not None)
    # What says nothing of a volume was noted before there were restore points.
    places = {(namespace, claim) for namespace, claim, name in noted if known.read(name) is not None}
    return tuple(Name(namespace, claim) for namespace, claim in sorted(places))


async def _idle_destinations(site: Site, claims: Mapping[tuple[str, str], Claim]) -> tuple[str, ...]:
    selector = f"{contract.MANAGED_BY_LABEL}={contract.MANAGED_BY}"
    bodies = await site.api.list(CHILDREN[Kind.DESTINATION].path(), selector, metadata_only=True)
    lines = []
    for body in bodies:
        metadata = body["metadata"]
        marked = (metadata.get("annotations") or {}).get(contract.CLAIM_ANNOTATION, "")
        namespace, _, name = marked.partition("/")
        claim, destination = claims.get((namespace, name)), metadata["name"]
        is_standby = naming.is_standby(namespace, name, destination)
        settings = site.configuration.settings
        if why := _why_not_asked_for(claim, settings) if is_standby else _why_idle(claim, destination):
            lines.append(f"ReplicationDestination {metadata['namespace']}/{metadata['name']}: {why}")
    return tuple(lines)


def _why_not_asked_for(claim: Claim | None, settings: Settings) -> str | None:
    if claim is None:
        return "its claim is gone; its image stands by for the return, until `delete-backups`"
    reading = intent.read(claim, settings)
    if isinstance(reading, intent.NotOurs) or (isinstance(reading, intent.Intent) and not reading.standby):
        return "its claim asks for no standby image any more"
    return None


def _why_idle(claim: Claim | None, destination: str) -> str | None:
    if claim is None:
        return "its claim is gone"
    if stamp.is_settled(claim.uid, claim.annotations):
        return "its claim is restored already"
    decided = stamp.read(claim.annotations)
    if decided is None or children.destination_name(claim, decided) != destination:
        return "it belongs to an earlier claim of this name"
    return None
