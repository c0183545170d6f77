"""What the owner of a claim asks for, read from its label, annotations and spec; or every reason why not, at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from controller import contract, naming, quantity
from controller.contract import Repo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.model import Claim
    from controller.settings import Settings, Tier

VOLSYNC_GROUP: Final = "volsync.backube"
DESTINATION_KIND: Final = "ReplicationDestination"
# The API server knows these in `dataSource`; all others it drops there without a word (seen by dry run).
_KINDS_WITHOUT_REF: Final = frozenset({("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")})
# RFC 3339: a date, a time, and a zone. Python's own parser takes more than that, and VolSync's schema less.
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)")
_ID_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest restore point."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The newest point at or before `as_of` (UTC, whole seconds; None is the newest of all), less `previous` points."""

    previous: int = 0
    as_of: datetime | None = None


Request = Latest | Earlier


@dataclass(frozen=True, slots=True)
class MoverIdentity:
    """As whom the movers run; None leaves it to VolSync. Source and destination must have the same."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    fs_group: int | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """What is asked for. `own_source` says in words which data source of the owner is respected."""

    tier: Tier
    tier_name: str
    request: Request = field(default_factory=Latest)
    restore_from: Repo | None = None
    skip_reason: str | None = None
    own_source: str | None = None
    back_up_now: str | None = None
    remote: bool = False
    mover: MoverIdentity = field(default_factory=MoverIdentity)
    cache_capacity: str | None = None
    standby: bool = False


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The claim asks for nothing."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what was found, and what to write instead."""

    where: str
    why: str
    instead: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}; {self.instead}"


@dataclass(frozen=True, slots=True)
class Problems:
    """Everything that is wrong with what a claim asks for; at least one thing."""

    all: tuple[Problem, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.all))


Reading = Intent | NotOurs | Problems


def read(claim: Claim, settings: Settings) -> Reading:
    """What the claim asks for. Answers for every claim."""
    tier_name = claim.labels.get(contract.TIER_LABEL)
    if tier_name is None:
        return NotOurs()
    problems: list[Problem] = []
    tier = settings.tiers.get(tier_name)
    if tier is None:
        known = " or ".join(sorted(settings.tiers))
        problems.append(Problem(f"label {contract.TIER_LABEL}={tier_name!r}", "there is no such tier", f"use {known}"))
    problems += _problems_of_spec(claim)
    request = _request(claim, problems)
    restore_from = _restore_from(claim, settings, problems)
    skip_reason = _skip_reason(claim, problems)
    own_source = None if claim.uid else _own_source(claim)
    asked = not isinstance(request, Latest) or restore_from is not None
    if asked and (skip_reason is not None or own_source is not None):
        other = own_source or contract.SKIP_RESTORE_ANNOTATION
        problems.append(Problem("restore annotations", f"they contradict {other}", "keep the one or the other"))
    mover = mover_identity(claim, problems)
    remote = _remote(claim, settings, problems)
    back_up_now = _back_up_now(claim, problems)
    cache_capacity = _cache_capacity(claim, problems)
    standby = _yes_or_no(claim, contract.STANDBY_ANNOTATION, problems)
    if problems or tier is None:
        return Problems(tuple(problems))
    return Intent(
        tier=tier,
        tier_name=tier_name,
        request=request,
        restore_from=restore_from,
        skip_reason=skip_reason,
        own_source=own_source,
        back_up_now=back_up_now,
        remote=remote,
        mover=mover,
        cache_capacity=cache_capacity,
        standby=settings.standby if standby is None else standby,
    )


def is_stale_destination(claim: Claim) -> bool:
    """Whether the claim names a destination of ours from an earlier life of it, or a standby.

    A manifest that was read from the cluster and applied again brings it along; its image is as old as that life.
    """
    found = claim.source or claim.source_without_ref
    return (
        found is not None
        and (found.group, found.kind) == (VOLSYNC_GROUP, DESTINATION_KIND)
        and (
            naming.is_destination(claim.namespace, claim.name, found.name)
            or naming.is_standby(claim.namespace, claim.name, found.name)
        )
    )


def mover_identity(claim: Claim, problems: list[Problem]) -> MoverIdentity:
    """As whom the movers of this claim run, labelled or not."""
    return MoverIdentity(
        run_as_user=_id(claim, contract.RUN_AS_USER_ANNOTATION, problems),
        run_as_group=_id(claim, contract.RUN_AS_GROUP_ANNOTATION, problems),
        fs_group=_id(claim, contract.FS_GROUP_ANNOTATION, problems),
    )


def _problems_of_spec(claim: Claim) -> list[Problem]:
    problems: list[Problem] = []
    if not claim.name:
        why = "a generated name is new each time, so no backup could ever be found again"
        problems.append(Problem("metadata.generateName", why, "give the claim a name"))
    if quantity.bytes_of(claim.request) is None:
        where = f"spec.resources.requests.storage={claim.request!r}"
        problems.append(Problem(where, "this is no size", "write one such as 10Gi"))
    if claim.volume_mode != "Filesystem":
        why = "the mover backs up files, and this volume has none"
        problems.append(Problem(f"spec.volumeMode={claim.volume_mode}", why, "use Filesystem, or remove the label"))
    if not claim.access_modes:
        problems.append(Problem("spec.accessModes", "there is none", "name at least one, such as ReadWriteOnce"))
    if claim.uid is None and not is_stale_destination(claim):
        problems += _problems_of_source(claim)
    return problems


def _problems_of_source(claim: Claim) -> list[Problem]:
    """Sources that the API server drops in silence when it stores the claim, which would then be born empty."""
    without_ref, source = claim.source_without_ref, claim.source
    if source is not None and source.namespace is not None and source.namespace != claim.namespace:
        why = "the API server drops a source in another namespace without a word, and the volume would be empty"
        return [Problem("spec.dataSourceRef.namespace", why, "copy what it names into the namespace of the claim")]
    if source is not None and source.namespace is not None:
        why = "the API server drops a source with a namespace without a word, and the volume would be empty"
        return [Problem("spec.dataSourceRef.namespace", why, "remove the namespace: it is the claim's own")]
    if source is None and without_ref is not None and (without_ref.group, without_ref.kind) not in _KINDS_WITHOUT_REF:
        why = f"the API server drops the kind {without_ref.kind} here without a word, and the volume would be empty"
        return [Problem("spec.dataSource", why, "move it to spec.dataSourceRef")]
    return []


def _own_source(claim: Claim) -> str | None:
    if is_stale_destination(claim):
        return None
    if (source := claim.source or claim.source_without_ref) is not None:
        return f"data source {source.kind} {source.name}"
    # A claim that names its volume is bound to it as it is: no populator ever touches it.
    return f"volume {claim.volume_name}" if claim.volume_name else None


def _skip_reason(claim: Claim, problems: list[Problem]) -> str | None:
    reason = claim.annotations.get(contract.SKIP_RESTORE_ANNOTATION)
    if reason is None or reason.strip().lower() not in {"", "true", "false", "yes", "no", "1", "0"}:
        return None if reason is None else reason.strip()
    where = f"annotation {contract.SKIP_RESTORE_ANNOTATION}={reason!r}"
    why = "to start empty needs a reason that can be read later"
    problems.append(Problem(where, why, "write why in a few words, or remove it to have the volume restored"))
    return None


def _request(claim: Claim, problems: list[Problem]) -> Request:
    previous_text = claim.annotations.get(contract.RESTORE_PREVIOUS_ANNOTATION)
    as_of_text = claim.annotations.get(contract.RESTORE_AS_OF_ANNOTATION)
    if previous_text is None and as_of_text is None:
        return Latest()
    previous, as_of = 0, None
    if previous_text is not None:
        if re.fullmatch(r"[0-9]{1,9}", previous_text):
            previous = int(previous_text)
        else:
            where = f"annotation {contract.RESTORE_PREVIOUS_ANNOTATION}={previous_text!r}"
            problems.append(Problem(where, "this is no count", "write 0 for the newest, 1 for the one before"))
    if as_of_text is not None:
        as_of = moment(as_of_text)
        if as_of is None:
            where = f"annotation {contract.RESTORE_AS_OF_ANNOTATION}={as_of_text!r}"
            why = "this is no time of RFC 3339 with a zone"
            problems.append(Problem(where, why, "write it like 2026-01-14T12:00:00Z"))
    return Earlier(previous, as_of)


def moment(text: str) -> datetime | None:
    """The time in UTC, cut to the second (restic's movers see no less); None if it is not RFC 3339 with a zone."""
    if _RFC_3339.fullmatch(text) is None:
        return None
    try:
        found = datetime.fromisoformat(text.upper())
        return found.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


def _restore_from(claim: Claim, settings: Settings, problems: list[Problem]) -> Repo | None:
    text = claim.annotations.get(contract.RESTORE_FROM_ANNOTATION)
    if text is None:
        return None
    for repo in settings.stores:
        if repo.value == text:
            return repo
    known = " or ".join(repo.value for repo in settings.stores)
    where = f"annotation {contract.RESTORE_FROM_ANNOTATION}={text!r}"
    problems.append(Problem(where, "there is no such repository", f"use {known}"))
    return None


def _remote(claim: Claim, settings: Settings, problems: list[Problem]) -> bool:
    offered = Repo.REMOTE in settings.stores
    asked = _yes_or_no(claim, contract.REMOTE_BACKUP_ANNOTATION, problems)
    if asked and not offered:
        where = f"annotation {contract.REMOTE_BACKUP_ANNOTATION}='true'"
        problems.append(Problem(where, "the installation has no remote repository", "remove it, or configure one"))
    return offered if asked is None else offered and asked


def _yes_or_no(claim: Claim, annotation: str, problems: list[Problem]) -> bool | None:
    text = claim.annotations.get(annotation)
    if text not in {None, "true", "false"}:
        where = f"annotation {annotation}={text!r}"
        problems.append(Problem(where, "this is neither yes nor no", 'write "true" or "false"'))
    return None if text is None else text == "true"


def _back_up_now(claim: Claim, problems: list[Problem]) -> str | None:
    token = claim.annotations.get(contract.BACK_UP_NOW_ANNOTATION)
    if token is None or re.fullmatch(r"[A-Za-z0-9._:+-]{1,63}", token):
        return token
    where = f"annotation {contract.BACK_UP_NOW_ANNOTATION}={token!r}"
    instead = "write one word of at most 63 letters, digits and . _ : + -, such as the time"
    problems.append(Problem(where, "this cannot be a trigger", instead))
    return None


def _cache_capacity(claim: Claim, problems: list[Problem]) -> str | None:
    text = claim.annotations.get(contract.CACHE_CAPACITY_ANNOTATION)
    if text is not None and quantity.bytes_of(text) is None:
        where = f"annotation {contract.CACHE_CAPACITY_ANNOTATION}={text!r}"
        problems.append(Problem(where, "this is no size", "write one such as 2Gi"))
    return text


def _id(claim: Claim, annotation: str, problems: list[Problem]) -> int | None:
    text = claim.annotations.get(annotation)
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,10}", text) and int(text) <= _ID_MAX:
        return int(text)
    problems.append(Problem(f"annotation {annotation}={text!r}", "this is no user or group", "write a number, as 1001"))
    return None


def own_annotations(annotations: Mapping[str, str]) -> frozenset[str]:
    """Which annotations of the controller's own hand a claim bears. One that is being created can only have copies."""
    ours = {
        contract.DECISION_ANNOTATION,
        contract.SETTLED_ANNOTATION,
        contract.ACCEPT_VOLUME_ANNOTATION,
        contract.NEWEST_SEEN_ANNOTATION,
    }
    return frozenset(ours & annotations.keys())
