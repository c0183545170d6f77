"""What decisions are made of: what was seen, and what is to be done about it. Frozen, and without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from controller.branch import Branch
    from controller.contract import Reason, Repo
    from controller.lifecycle import Stage
    from controller.newest import Newest
    from controller.stalls import Stall

Object = Mapping[str, Any]

# --- the claim -------------------------------------------------------------------------------------------------------


class Phase(Enum):
    """`status.phase` of a claim; one that is being created has none yet and counts as pending."""

    PENDING = "Pending"
    BOUND = "Bound"
    LOST = "Lost"


@dataclass(frozen=True, slots=True)
class DataSource:
    """`spec.dataSource` or `spec.dataSourceRef` of a claim; the empty group is the core's."""

    group: str
    kind: str
    name: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim as seen. `uid` is None while it is being created; `request` is a quantity as written.

    `source` is `spec.dataSourceRef`, `source_without_ref` is `spec.dataSource`; the API server copies the one to the
    other when it stores a claim, or drops both.
    """

    namespace: str
    name: str
    uid: str | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    request: str
    access_modes: tuple[str, ...]
    phase: Phase = Phase.PENDING
    storage_class: str | None = None
    volume_mode: str = "Filesystem"
    volume_name: str | None = None
    source: DataSource | None = None
    source_without_ref: DataSource | None = None
    terminating: bool = False
    created_at: datetime | None = None

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


# --- the truth about backups -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class RestorePoint:
    """One backup inside a repository. `at` is when it was begun, in UTC; sizes are what a restore of it needs."""

    at: datetime
    id: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """The repository holds this many restore points. `points` are all of them, oldest first, or none if only counted.

    Counting is cheap (a listing of object names), reading the points needs the repository's password.
    """

    newest: str
    at: datetime
    count: int
    points: tuple[RestorePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """The store answered, it is the right one, and there is no restore point: no repository, or one without any.

    `announced` is whether a source was ever made for a claim of this name (see `Announce`): a mover of an earlier claim
    may be about to store the first restore point. Where nothing was announced, there can be none.
    """

    announced: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing can be said: no answer, an error, a refusal, a wrong password, a store that is not the known one."""

    why: str


Truth = Exists | Absent | Unknown

# --- the rest of the world -------------------------------------------------------------------------------------------


class Kind(Enum):
    """The kinds of objects that are made, changed or removed for a claim."""

    SOURCE = "ReplicationSource"
    DESTINATION = "ReplicationDestination"
    EXTERNAL_SECRET = "ExternalSecret"  # noqa: S105 - a kind
    SECRET = "Secret"  # noqa: S105 - a kind
    SNAPSHOT = "VolumeSnapshot"


@dataclass(frozen=True, slots=True)
class Child:
    """An object in the claim's namespace that bears our mark for it, or a name that we would give.

    `claim` is its `CLAIM_ANNOTATION`, `owner_uid` the uid of the claim that owns it. `content` is its `spec`, or a
    Secret's `data`, which is kept out of any text.
    """

    kind: Kind
    name: str
    uid: str
    version: str
    claim: str | None
    owner_uid: str | None
    created_at: datetime
    content: Object = field(repr=False)
    status: Object = field(default_factory=dict)
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class Mover:
    """A mover pod that may still write: it exists and has not ended. `owner` is its source or destination by name.

    `waiting` is whether none of its containers has begun.
    """

    pod: str
    owner: str
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What every repository's Secret starts from: the keys of the base Secret, base64 as in the API."""

    data: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MissingCredentials:
    """Why a repository's Secret cannot be made, and what to do about it."""

    why: str


class PodState(Enum):
    """What the API server says of a pod that could hold a lock."""

    ALIVE = "alive"
    ENDED = "ended"  # the kubelet has reported that its containers ended


@dataclass(frozen=True, slots=True)
class Pods:
    """All pods of the namespace by name, listed completely and after the locks were read.

    `nodes_ready` is whether every node of the cluster is heard of. While one is not, a pod that was deleted by force
    may still run there.
    """

    states: Mapping[str, PodState]
    nodes_ready: bool


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock in a repository. `host` is the pod that took it; a living holder renews `refreshed_at` every 5 minutes."""

    repo: Repo
    id: str
    host: str
    refreshed_at: datetime
    exclusive: bool


class Moment(Enum):
    """Which question is asked about the claim."""

    ADMISSION = "admission"  # it is being created, and may be changed or refused
    VALIDATION = "validation"  # it is about to be stored as it is, and may be refused
    RECONCILE = "reconcile"  # it is stored


@dataclass(frozen=True, slots=True)
class World:
    """Everything that was seen around one claim. `claim` is None when it is gone.

    `truths` has one entry for each repository of the installation. `snapshots` are the names of the volume snapshots in
    the namespace that begin like an image of this claim, without those that are being deleted; they are listed after
    the children, so that an image which a destination names is missing only if it is gone. `populated_from` is the
    annotation of the claim's volume; `platform` names what the cluster lacks (VolSync's CRDs, a snapshot class); `pods`
    is None if they could not be listed; `nonce` is the uid of the request at admission. `stalls` are what waits for
    longer than it should; nothing but what people are told rests on them. `locked_out` are the repositories whose mover
    was started with keys that the store refuses, while it takes those that are given now. `looked_back` is whether
    children and movers were looked for; at admission that is done only where the decision rests on it
    (`admit.must_look_back`). `lost` are the restore points that were the newest and are gone, and no rule took them;
    `newest` those that are it now, where the claim does not say so yet. `replaced` are the repositories in whose place
    another one lies than was noted as the settled claim's own.
    """

    moment: Moment
    namespace: str
    name: str
    claim: Claim | None
    truths: Mapping[Repo, Truth]
    children: tuple[Child, ...] = ()
    movers: tuple[Mover, ...] = ()
    snapshots: tuple[str, ...] = ()
    populated_from: str | None = None
    credentials: Mapping[Repo, Credentials | MissingCredentials] = field(default_factory=dict)
    locks: tuple[Lock, ...] = ()
    pods: Pods | None = None
    platform: tuple[str, ...] = ()
    stalls: tuple[Stall, ...] = ()
    locked_out: frozenset[Repo] = frozenset()
    lost: Mapping[Repo, Newest] = field(default_factory=dict)
    newest: Mapping[Repo, Newest] = field(default_factory=dict)
    replaced: frozenset[Repo] = frozenset()
    nonce: str = ""
    looked_back: bool = True


# --- what is to be done ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Create:
    """Create this object; that it exists already is no error. Only while the claim, read afresh, has this uid.

    A source names its claim by name alone, so one made for a claim that is gone would back up its successor.
    """

    kind: Kind
    name: str
    body: Object = field(repr=False)
    while_claim_uid: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace the whole object, only if it still has this version: a sync that begins changes the version as well."""

    kind: Kind
    name: str
    body: Object = field(repr=False)
    version: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object, only if it still has this uid; None for those that are known by name alone."""

    kind: Kind
    name: str
    uid: str | None


@dataclass(frozen=True, slots=True)
class Annotate:
    """Set these annotations of the claim, only if it still has this uid."""

    uid: str
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RemoveLock:
    """Remove exactly this lock; whoever else has locked the repository keeps theirs."""

    repo: Repo
    lock: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Note in the store that backups of this claim begin. Whoever looks into the store later knows that there may be.

    It comes before the source that makes them, so that the store alone tells of a first backup that is under way.
    """

    repo: Repo


Write = Create | Replace | Delete | Annotate | RemoveLock | Announce


class Source(Enum):
    """What becomes of the data source that a claim came with."""

    KEEP = "keep"
    CLEAR = "clear"  # both `dataSource` and `dataSourceRef`


@dataclass(frozen=True, slots=True)
class Mutation:
    """What admission changes in a claim: its annotations (None removes one) and where its data come from.

    A `DataSource` replaces both fields of the claim: it becomes `dataSourceRef`, and `dataSource` is removed.
    """

    annotations: Mapping[str, str | None]
    source: DataSource | Source


class Answer(Enum):
    """What is said to whoever asked."""

    ALLOW = "allow"
    REFUSE = "refuse"
    DONE = "done"  # nothing is left to do
    AGAIN = "again"  # writes follow, and then another look
    WAIT = "wait"  # for something that will happen by itself, or once what is named was given
    ATTENTION = "attention"  # a person has to look


@dataclass(frozen=True, slots=True)
class Outcome:
    """What people are told: an answer, a reason in one word, and what, why and what to do."""

    answer: Answer
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, in this order. After each write the rest may be lost: the next look takes it up again.

    `mutation` is for admission only, `look_again_s` for when nothing would wake us.
    """

    branch: Branch
    stage: Stage
    outcome: Outcome
    writes: tuple[Write, ...] = ()
    mutation: Mutation | None = None
    look_again_s: float | None = None
