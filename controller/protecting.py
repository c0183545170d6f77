"""A claim is settled: it gets its backups, and they are watched. Branches 59 to 79.

What VolSync reports of itself is used to know whether a mover runs, never whether a backup exists: after a failed one
the status keeps the last success, and the backup of an empty volume succeeds without a restore point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from controller import causes, children, contract, first_backup, locks, newest, resources, rotation, say, standing_by
from controller.branch import Branch
from controller.causes import Fault, Patience
from controller.contract import Reason, Repo
from controller.lifecycle import Stage
from controller.model import Absent, Annotate, Announce, Create, Exists, Kind, RemoveLock, Replace, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from controller.intent import Intent
    from controller.model import Child, Claim, Decision, Object, Truth, World, Write
    from controller.settings import Settings, Tier

_STAGE = Stage.PROTECTED
_AFTER_REMOVAL_S: Final = 2.0
_SOON_S: Final = 5.0


def decide(wanted: Intent, claim: Claim, world: World, settings: Settings, now: datetime) -> Decision:
    """What to do about a settled claim that asks for backups; and, whatever that is, what is to be noted of them.

    The stores are asked seldom, and what they said is lost if it is not written with this decision.
    """
    found = _decide(wanted, claim, world, settings, now)
    return replace(found, writes=(*found.writes, *_noted(claim, world)))


def _decide(wanted: Intent, claim: Claim, world: World, settings: Settings, now: datetime) -> Decision:
    if (stopping := _locked_out(wanted, claim, world, settings)) is not None:
        return stopping
    kept = children.standbys(world) if wanted.standby else ()
    destinations = [child for child in children.of_claim(world) if child.kind is Kind.DESTINATION and child not in kept]
    if leftovers := children.removal(destinations) + children.leftover_images(world, but_of=kept):
        message = "the volume is filled; what it was restored through is removed"
        return say.again(Branch.CLEAR_RESTORE, _STAGE, Reason.CONVERGING, message, leftovers)
    if world.platform:
        message = f"cannot be backed up: {'; '.join(world.platform)}"
        return say.attention(Branch.PLATFORM_MISSING, _STAGE, Reason.REPORTED, message)
    tiers = {Repo.LOCAL: wanted.tier, **({Repo.REMOTE: settings.remote} if wanted.remote else {})}
    if unwanted := _unwanted(claim, world, tiers):
        message = "removing what backs it up to a repository that is not asked for"
        return say.again(Branch.REMOVE_SOURCE, _STAGE, Reason.CONVERGING, message, unwanted)
    plan = _plan(wanted, claim, world, settings, tiers, now=now)
    patience = Patience(now, settings.patience)
    # While a source is paused no mover runs that a young lock could be of: the next one then meets none.
    held_up = _abandoned(world, now) if _is_paused(claim, world, tiers) else None
    held_up = held_up or _converge(plan) or _abandoned(world, now) or _in_doubt(world, now) or _lacking(plan)
    held_up = held_up or _storage(claim, world, tiers, patience)
    held_up = held_up or _changing(plan) or standing_by.decide(wanted, claim, world, settings)
    return held_up or _watch(wanted, claim, world, tiers, patience)


def _locked_out(wanted: Intent, claim: Claim, world: World, settings: Settings) -> Decision | None:
    """Stop a mover that cannot write any more. Its Secret is put right afterwards: till then it is the proof."""
    for repo in sorted(world.locked_out, key=lambda repo: repo.value):
        source = children.find(world, Kind.SOURCE, children.source_name(claim, repo))
        mover = rotation.running(claim, repo, world)
        if source is None or mover is None:
            continue
        stopped = source.content.get("paused") is True
        body = rotation.paused(claim, repo, source, wanted, settings)
        writes = () if stopped else (Replace(Kind.SOURCE, source.name, body, source.version),)
        message = (
            f"{mover.pod} has keys of the {repo.value} repository that were renewed since, and the store refuses them; "
            "it is stopped, and the backup begins again with the new ones"
        )
        return say.wait(Branch.MOVER_LOCKED_OUT, _STAGE, Reason.CONVERGING, message, writes)
    return None


def _unwanted(claim: Claim, world: World, repos: Iterable[Repo]) -> tuple[Write, ...]:
    wanted = {children.source_name(claim, repo) for repo in repos}
    found = [child for child in children.of_claim(world) if not children.is_standby(child, world)]
    return children.removal(child for child in found if child.name not in wanted)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be written, which credentials are missing, and which sources cannot be changed now."""

    writes: tuple[Write, ...]
    missing: tuple[str, ...]
    waiting: tuple[str, ...]


def _plan(
    wanted: Intent, claim: Claim, world: World, settings: Settings, repos: Iterable[Repo], *, now: datetime
) -> _Plan:
    """Make and heal. A repository without credentials holds up no other."""
    writes: list[Write] = []
    missing: list[str] = []
    waiting: list[str] = []
    for repo in repos:
        credentials = children.credentials(claim, repo, world, settings)
        if isinstance(credentials, children.NotReady):
            writes += credentials.writes
            missing.append(credentials.why)
            continue
        writes += credentials
        body = children.source(claim, repo, wanted, settings)
        found = children.find(world, Kind.SOURCE, body["metadata"]["name"])
        writes += _announcement(world, repo, found)
        if found is None:
            writes += children.as_made(Kind.SOURCE, body, claim, world)
            continue
        asked = _asked(wanted, found, world.truths.get(repo), now)
        body = resources.with_trigger(body, _trigger(found, body["spec"]["trigger"], asked))
        if children.is_made_as(found, body, claim):
            continue
        busy = children.is_syncing(found) or (repo is standing_by.REPO and standing_by.is_at_work(world))
        now_possible = resources.with_trigger(body, found.content.get("trigger") or {}) if busy else body
        if children.is_made_as(found, now_possible, claim) or _writes(found, world):
            waiting.append(found.name)
        else:
            writes.append(Replace(Kind.SOURCE, found.name, now_possible, found.version))
    return _Plan(tuple(writes), tuple(missing), tuple(waiting))


def _asked(wanted: Intent, source: Child, found: Truth | None, now: datetime) -> str | None:
    """The word of the backup that is wanted now. One that was answered over an empty volume asks for no other."""
    word = wanted.back_up_now
    if word is not None and source.status.get("lastManualSync") != word:
        return word
    return first_backup.word(source, found, now) or word


def _announcement(world: World, repo: Repo, found: Child | None) -> tuple[Announce, ...]:
    """What has to be noted before a source is made, and what was lost since: unless the store tells of it already."""
    match world.truths.get(repo):
        case Absent(announced):
            return () if announced else (Announce(repo),)
        case Exists():
            return ()
        case _:
            return (Announce(repo),) if found is None else ()


def _converge(plan: _Plan) -> Decision | None:
    if any(isinstance(write, Create) for write in plan.writes):
        return say.again(Branch.MAKE_CHILDREN, _STAGE, Reason.CONVERGING, "making what backs it up", plan.writes)
    if plan.writes:
        message = "putting right what backs it up"
        return say.again(Branch.HEAL_CHILDREN, _STAGE, Reason.CONVERGING, message, plan.writes)
    return None


def _lacking(plan: _Plan) -> Decision | None:
    if plan.missing:
        message = f"cannot be backed up: {'; '.join(plan.missing)}"
        return say.attention(Branch.CREDENTIALS_MISSING, _STAGE, Reason.REPORTED, message)
    return None


def _storage(claim: Claim, world: World, repos: Iterable[Repo], patience: Patience) -> Decision | None:
    """A backup that cannot be taken for want of a snapshot or a volume: the restore points are no worse for it."""
    for repo in repos:
        found = children.find(world, Kind.SOURCE, children.source_name(claim, repo))
        if found is None:
            continue
        cause = causes.of_delay(world, found, world.truths.get(repo), patience)
        if cause is not None and cause.fault is Fault.STORAGE:
            message = f"the backup to the {repo.value} repository does not get on"
            return say.hindered(Branch.STORAGE_FAULT, _STAGE, message, cause)
    return None


def _changing(plan: _Plan) -> Decision | None:
    if plan.waiting:
        message = f"a change of {', '.join(plan.waiting)} waits until the mover that runs has ended"
        return say.wait(Branch.CHANGE_WAITS, _STAGE, Reason.CONVERGING, message)
    return None


def _trigger(found: Child, schedule: Object, token: str | None) -> Object:
    """What the trigger of a source should be: its schedule, and a backup on request until that is done.

    A trigger that stays set silences the schedule. One that is changed while a sync runs is acknowledged by that sync,
    whose data are older than the request (both seen on a cluster): so `_plan` leaves it alone until the sync has ended,
    and until nothing is being made to stand by, whose restore would make the backup's `forget` fail.
    """
    if token is None or found.status.get("lastManualSync") == token:
        return schedule
    return {**schedule, "manual": token}


def _writes(found: Child, world: World) -> bool:
    """Whether a mover writes that a change would disturb: its Job is made anew, beside the pod that still runs.

    The mover of a paused source is gone or going, and its sync never ends by itself.
    """
    return not found.content.get("paused") and any(mover.owner == found.name for mover in world.movers)


def _is_paused(claim: Claim, world: World, repos: Iterable[Repo]) -> bool:
    sources = (children.find(world, Kind.SOURCE, children.source_name(claim, repo)) for repo in repos)
    return any(source is not None and source.content.get("paused") is True for source in sources)


def _abandoned(world: World, now: datetime) -> Decision | None:
    """Before anything that waits for a sync to end: under a lock that was left behind, none ever does."""
    found = [(lock, locks.classify(lock, world, now)) for lock in world.locks]
    # All at once: a mover that begins meanwhile would hide those that are young.
    abandoned = [(lock, seen.why) for lock, seen in found if isinstance(seen, locks.Abandoned)]
    if not abandoned:
        return None
    named = "; ".join(f"the lock {lock.id} ({why})" for lock, why in abandoned)
    message = f"removing {named}: under it no old restore point is forgotten"
    writes = [RemoveLock(lock.repo, lock.id) for lock, _ in abandoned]
    told = say.wait(Branch.LOCK_ABANDONED, _STAGE, Reason.REPORTED, message, writes)
    return replace(told, look_again_s=_AFTER_REMOVAL_S)  # no event tells of an object of a store


def _in_doubt(world: World, now: datetime) -> Decision | None:
    for lock in world.locks:
        seen = locks.classify(lock, world, now)
        if isinstance(seen, locks.InDoubt):
            message = f"the lock {lock.id} was left behind: {seen.why}; make sure that nobody writes, then remove it"
            return say.attention(Branch.LOCK_IN_DOUBT, _STAGE, Reason.REPORTED, message)
    return None


def _watch(wanted: Intent, claim: Claim, world: World, tiers: Mapping[Repo, Tier], patience: Patience) -> Decision:
    """Everything is as it should be; is it well?"""
    sources = [(repo, children.find(world, Kind.SOURCE, children.source_name(claim, repo))) for repo in tiers]
    is_asked = wanted.back_up_now is not None
    if is_asked and any(found is not None and "manual" in found.content["trigger"] for _, found in sources):
        message = f"backing up on request ({wanted.back_up_now}); the schedule rests meanwhile"
        return say.wait(Branch.BACKUP_ON_REQUEST, _STAGE, Reason.PROTECTED, message)
    if complaint := _replaced(claim, world, tiers):
        return complaint
    for repo, found in sources:
        # Of what was lost there is more to say than that nothing new is there.
        if found is None or _is_lost(repo, claim, world):
            continue
        if complaint := _complaint(repo, tiers[repo], found, world, patience):
            return complaint
    if complaint := _lost(claim, world):
        return complaint
    message = f"backed up by tier {wanted.tier_name}{standing_by.told(wanted, world, patience)}"
    again_at = [first_backup.again_at(found, world.truths.get(repo)) for repo, found in sources if found is not None]
    dues = [at for at in again_at if at is not None]
    if not dues:
        return say.done(Branch.PROTECTED, _STAGE, Reason.PROTECTED, message)
    message += "; its volume was empty when it was backed up, which is tried again before long"
    told = say.done(Branch.PROTECTED, _STAGE, Reason.PROTECTED, message)
    return replace(told, look_again_s=max((min(dues) - patience.at).total_seconds(), _SOON_S))


def _replaced(claim: Claim, world: World, repos: Iterable[Repo]) -> Decision | None:
    """Nobody can tell whose it is. Backups go on: to stop them would leave an app without any."""
    for repo in repos:
        if repo not in world.replaced:
            continue
        message = (
            f"the {repo.value} repository is another one than was noted as its own: none of its keys is of that. "
            f"Backups go on into it; a new claim of this name is refused. Put its own back; or, if this is its own "
            f"after all (copied by restic, or under a new password): adopt {claim.full_name} --yes"
        )
        return say.attention(Branch.REPOSITORY_REPLACED, _STAGE, Reason.REPORTED, message)
    return None


def _lost(claim: Claim, world: World) -> Decision | None:
    """A restore would give something older than it would have given. Another backup is all that can be done here."""
    for repo in world.lost:
        if not _is_lost(repo, claim, world):
            continue
        gone, there = world.lost[repo], world.truths.get(repo)
        left = f"one stored at {there.at.isoformat()}" if isinstance(there, Exists) else "none"
        message = (
            f"restore point {gone.point} was the newest in the {repo.value} repository ({gone.at.isoformat()}), and is "
            f"gone, though no rule took it: the store was put back to an earlier state, or has lost it. The newest is "
            f"now {left}. Back up now: kubectl -n {claim.namespace} annotate --overwrite pvc {claim.name} "
            f"{contract.BACK_UP_NOW_ANNOTATION}=<a new word>; and when you have looked: kubectl -n {claim.namespace} "
            f"annotate pvc {claim.name} {contract.NEWEST_SEEN_ANNOTATION}-"
        )
        return say.attention(Branch.POINTS_LOST, _STAGE, Reason.REPORTED, message)
    return None


def _is_lost(repo: Repo, claim: Claim, world: World) -> bool:
    """Whether what was lost is still what is noted: a person who has looked takes the note away."""
    noted = newest.read(claim.uid, claim.annotations)
    return repo in world.lost and noted.get(repo) == world.lost[repo]


def _noted(claim: Claim, world: World) -> tuple[Annotate, ...]:
    if not world.newest or claim.uid is None:
        return ()
    noted = {**newest.read(claim.uid, claim.annotations), **world.newest}
    return (Annotate(claim.uid, newest.written(claim.uid, noted)),)


def _why(source: Child, world: World, found: Truth, patience: Patience) -> str:
    cause = causes.of_delay(world, source, found, patience)
    if cause is not None:
        return cause.text
    return "is the volume empty, or does its mover fail?" if isinstance(found, Absent) else "see the log of the mover"


def _complaint(repo: Repo, tier: Tier, source: Child, world: World, patience: Patience) -> Decision | None:
    found, now = world.truths.get(repo, Unknown("nobody asked it")), patience.at
    match found:
        case Unknown(why):
            message = f"whether its backups in the {repo.value} repository are well is not known: {why}"
            return say.attention(Branch.TRUTH_NOT_SEEN, _STAGE, Reason.REPORTED, message)
        case Absent():
            if now - source.created_at <= tier.overdue_after:
                return None
            message = f"no restore point is in the {repo.value} repository; {_why(source, world, found, patience)}"
            return say.attention(Branch.NEVER_BACKED_UP, _STAGE, Reason.REPORTED, message)
        case Exists(newest, at, _):
            if now - max(at, source.created_at) <= tier.overdue_after:
                return None
            what = f"the newest restore point in the {repo.value} repository, {newest}, is of {at.isoformat()}"
            message = f"{what}; {_why(source, world, found, patience)}"
            return say.attention(Branch.OVERDUE, _STAGE, Reason.REPORTED, message)
        case _:
            assert_never(found)
