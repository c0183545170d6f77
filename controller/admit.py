"""A claim is being created: what its volume starts from, or why it has to wait. Branches 1 to 12.

This is the only moment at which that can be decided: the data source of a stored claim cannot be changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from controller import children, contract, intent, naming, quantity, stamp, truth
from controller.branch import Branch
from controller.contract import Reason
from controller.intent import DESTINATION_KIND, VOLSYNC_GROUP, Intent, Latest, NotOurs, Problems
from controller.lifecycle import Stage
from controller.model import (
    Absent,
    Answer,
    DataSource,
    Decision,
    Exists,
    Kind,
    Mutation,
    Outcome,
    RestorePoint,
    Source,
    Unknown,
)
from controller.stamp import Restore, Stamp, Start
from controller.truth import Unmeetable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from controller.contract import Repo
    from controller.intent import Reading
    from controller.model import Claim, Truth, World


def decide(reading: Reading, claim: Claim, world: World, now: datetime) -> Decision:
    """What becomes of a claim that is being created. Unknown is never taken for absent."""
    match reading:
        case NotOurs():
            message = "the claim does not ask for backups"
            return Decision(Branch.NOT_OURS, Stage.OUTSIDE, Outcome(Answer.ALLOW, Reason.NOT_PROTECTED, message))
        case Problems():
            return _refuse(Branch.UNREADABLE, Reason.MISCONFIGURED, str(reading))
        case Intent() if not world.looked_back and must_look_back(reading, world.truths):
            message = "nobody looked for what the previous claim of this name has left; apply it again"
            return _refuse(Branch.TRUTH_UNKNOWN, Reason.UNDECIDED, message)
        case Intent():
            return _decide(reading, claim, world, now)
        case _:
            assert_never(reading)


def must_look_back(wanted: Intent, truths: Mapping[Repo, Truth]) -> bool:
    """Whether the decision rests on the sources and movers of an earlier claim of the name, as they are now.

    It does not where the newest restore point is restored: before its destination is made, all that the earlier claim
    left is removed, its movers are waited for and the store is asked again (23, 24, 54), so that nothing is filled
    before. It does not where the store holds nothing and no backup was ever announced: then there was no source. It
    does for whoever starts empty beside a backup that may be under way, or chooses among restore points by number.
    """
    if wanted.own_source is not None or wanted.skip_reason is not None or not isinstance(wanted.request, Latest):
        return True
    return any(isinstance(found, Absent) and found.announced for found in truths.values())


def _decide(wanted: Intent, claim: Claim, world: World, now: datetime) -> Decision:
    remaining = _predecessors_at_work(world)
    if remaining:
        # It names its claim by name alone: it would back up the new volume before that is filled, or end a backup of
        # the old one after we have looked.
        message = (
            f"{', '.join(remaining)} of the previous claim of this name is still there; apply it again in a moment"
        )
        return _refuse(Branch.PREDECESSOR_REMAINS, Reason.CONVERGING, message)
    if wanted.own_source is not None:
        message = f"starting from its own {wanted.own_source}; no backup is restored"
        return _allow(Branch.OWN_SOURCE, claim, Stamp(Start.OWN_SOURCE, _life(world), now, message), Source.KEEP)
    if wanted.skip_reason is not None:
        message = f"starting empty, backups or not, because: {wanted.skip_reason}"
        return _allow(Branch.RESTORE_SKIPPED, claim, Stamp(Start.SKIPPED, _life(world), now, message), Source.CLEAR)
    repo, found = truth.combined(world.truths, wanted.restore_from)
    match found:
        case Unknown(why):
            return _refuse_unknown(repo, why)
        case Absent():
            return _start_fresh(wanted, claim, world, now)
        case Exists():
            return _restore(wanted, claim, world, (repo, found), now)
        case _:
            assert_never(found)


def _start_fresh(wanted: Intent, claim: Claim, world: World, now: datetime) -> Decision:
    if wanted.restore_from is not None or not isinstance(wanted.request, Latest):
        message = "a restore is asked for, and there is no restore point; remove the annotation to start empty"
        return _refuse(Branch.RESTORE_UNMEETABLE, Reason.UNMEETABLE, message)
    message = "starting empty: the store holds no restore point of it"
    return _allow(Branch.FRESH, claim, Stamp(Start.FRESH, _life(world), now, message), Source.CLEAR)


def _restore(wanted: Intent, claim: Claim, world: World, where: tuple[Repo, Exists], now: datetime) -> Decision:
    repo, found = where
    point = truth.select(found, wanted.request)
    match point:
        case Unknown(why):
            return _refuse_unknown(repo, why)
        case Unmeetable(why):
            message = f"the restore that is asked for cannot be met: {why}; ask for one of these, or for the newest"
            return _refuse(Branch.RESTORE_UNMEETABLE, Reason.UNMEETABLE, message)
        case RestorePoint():
            pass
        case _:
            assert_never(point)
    size_bytes = quantity.bytes_of(claim.request) or 0
    if point.size_bytes is not None and point.size_bytes > size_bytes:
        message = (
            f"restore point {point.id} needs {point.size_bytes} bytes, the claim asks for {claim.request}; ask for more"
        )
        return _refuse(Branch.TOO_SMALL, Reason.UNMEETABLE, message)
    at = point.at.replace(microsecond=0)
    message = f"restoring {point.id} of {at.isoformat()}, one of {found.count} in the {repo.value} repository"
    decided = Stamp(Start.RESTORE, _life(world), now, message, Restore(repo, point.id, at, wanted.request))
    return _allow(Branch.RESTORE, claim, decided, destination_source(claim, decided))


def destination_source(claim: Claim, decided: Stamp) -> DataSource:
    """The data source that a stamp promises. Without a namespace: with one, the API server drops it in silence."""
    name = naming.destination(claim.namespace, claim.name, decided.life)
    return DataSource(VOLSYNC_GROUP, DESTINATION_KIND, name)


def validate(reading: Reading, claim: Claim) -> Decision:
    """Whether a claim is about to be stored as it was decided. A guard against all that changes claims after us.

    A claim without a stamp is refused: then nobody decided.
    """
    if isinstance(reading, NotOurs):
        message = "the claim does not ask for backups"
        return Decision(Branch.STORED_AS_DECIDED, Stage.OUTSIDE, Outcome(Answer.ALLOW, Reason.NOT_PROTECTED, message))
    decided = stamp.read(claim.annotations)
    if decided is None:
        message = "nobody has decided whether it is to be restored; make sure that the controller's webhook is called"
        return _refuse(Branch.STORED_OTHERWISE, Reason.UNDECIDED, message)
    if not stored_as_decided(claim, decided):
        message = f"decided was: {decided.why}; but another webhook or policy changed its data source: correct that one"
        return _refuse(Branch.STORED_OTHERWISE, Reason.MISCONFIGURED, message)
    outcome = Outcome(Answer.ALLOW, _REASONS[decided.start], decided.why)
    return Decision(Branch.STORED_AS_DECIDED, _stage(decided), outcome)


def stored_as_decided(claim: Claim, decided: Stamp) -> bool:
    """Whether the data source of a claim is what its stamp says."""
    match decided.start:
        case Start.RESTORE:
            return claim.source == destination_source(claim, decided)
        case Start.FRESH | Start.SKIPPED:
            return claim.source is None and claim.source_without_ref is None
        case Start.OWN_SOURCE:
            own = claim.source or claim.source_without_ref
            return (own is not None and not intent.is_stale_destination(claim)) or claim.volume_name is not None
        case _:
            assert_never(decided.start)


_REASONS = {
    Start.RESTORE: Reason.RESTORING,
    Start.FRESH: Reason.STARTED_FRESH,
    Start.SKIPPED: Reason.STARTED_FRESH,
    Start.OWN_SOURCE: Reason.STARTED_FRESH,
}


def _predecessors_at_work(world: World) -> list[str]:
    prefix = naming.child_prefix(world.namespace, world.name)
    sources = {f"source {child.name}" for child in children.of_claim(world) if child.kind is Kind.SOURCE}
    movers = {
        f"mover {mover.pod}"
        for mover in world.movers
        if mover.owner.startswith(prefix) and not naming.is_destination(world.namespace, world.name, mover.owner)
    }
    return sorted(sources | movers)


def _life(world: World) -> str:
    return naming.incarnation(world.nonce)


def _stage(decided: Stamp) -> Stage:
    return Stage.RESTORING if decided.start is Start.RESTORE else Stage.UNSETTLED


def _refuse_unknown(repo: Repo, why: str) -> Decision:
    message = (
        f"nobody can say whether the {repo.value} repository holds a backup of it: {why}. Make the store answer and "
        f"apply the claim again; to start empty all the same, annotate it with {contract.SKIP_RESTORE_ANNOTATION}=<why>"
    )
    return _refuse(Branch.TRUTH_UNKNOWN, Reason.UNDECIDED, message)


def _refuse(branch: Branch, reason: Reason, message: str) -> Decision:
    return Decision(branch, Stage.OUTSIDE, Outcome(Answer.REFUSE, reason, message))


def _allow(branch: Branch, claim: Claim, decided: Stamp, source: DataSource | Source) -> Decision:
    """Stamped, and rid of marks that can only be copies of another claim's."""
    copies: dict[str, str | None] = dict.fromkeys(sorted(intent.own_annotations(claim.annotations)))
    mutation = Mutation({**copies, contract.DECISION_ANNOTATION: stamp.written(decided)}, source)
    outcome = Outcome(Answer.ALLOW, _REASONS[decided.start], decided.why)
    return Decision(branch, _stage(decided), outcome, mutation=mutation)
