"""What others may know of the controller: labels, annotations, names, paths, reasons. They import nothing else."""

from __future__ import annotations

from enum import Enum
from typing import Final

from controller.naming import (
    child_prefix,
    claim_key,
    credentials,
    destination,
    image_prefix,
    incarnation,
    knowledge_path,
    known_of,
    known_path,
    known_prefix,
    marker_path,
    repository_path,
    source,
    standby,
    standby_key,
)

__all__ = [
    "ACCEPT_VOLUME_ANNOTATION",
    "BACK_UP_NOW_ANNOTATION",
    "CACHE_CAPACITY_ANNOTATION",
    "CLAIM_ANNOTATION",
    "CLAIM_KEY_LABEL",
    "DECISION_ANNOTATION",
    "FS_GROUP_ANNOTATION",
    "MANAGED_BY",
    "MANAGED_BY_LABEL",
    "NEWEST_SEEN_ANNOTATION",
    "POPULATED_FROM_ANNOTATION",
    "REMOTE_BACKUP_ANNOTATION",
    "RESTORE_AS_OF_ANNOTATION",
    "RESTORE_FROM_ANNOTATION",
    "RESTORE_PREVIOUS_ANNOTATION",
    "RUN_AS_GROUP_ANNOTATION",
    "RUN_AS_USER_ANNOTATION",
    "SETTLED_ANNOTATION",
    "SKIP_RESTORE_ANNOTATION",
    "STANDBY_ANNOTATION",
    "TIER_LABEL",
    "Reason",
    "Repo",
    "child_prefix",
    "claim_key",
    "credentials",
    "destination",
    "image_prefix",
    "incarnation",
    "knowledge_path",
    "known_of",
    "known_path",
    "known_prefix",
    "marker_path",
    "repository_path",
    "source",
    "standby",
    "standby_key",
]

# --- what a person sets on a claim -----------------------------------------------------------------------------------

TIER_LABEL: Final = "backup"  # hourly, daily, or a tier of the installation
SKIP_RESTORE_ANNOTATION: Final = "firedrill.dev/skip-restore"  # the reason, in words
RESTORE_PREVIOUS_ANNOTATION: Final = "firedrill.dev/restore-previous"  # 0 is the newest, 1 the one before
RESTORE_AS_OF_ANNOTATION: Final = "firedrill.dev/restore-as-of"  # RFC 3339 with a zone
RESTORE_FROM_ANNOTATION: Final = "firedrill.dev/restore-from"  # a `Repo`
REMOTE_BACKUP_ANNOTATION: Final = "firedrill.dev/remote-backup"  # "true" or "false"
BACK_UP_NOW_ANNOTATION: Final = "firedrill.dev/back-up-now"  # any new word asks for one more backup
# "<uid of the claim> <reason>": a person has looked, and what this volume holds is right. The uid keeps a copy of the
# annotation in somebody's Git from vouching for the next volume as well.
ACCEPT_VOLUME_ANNOTATION: Final = "firedrill.dev/accept-volume"
STANDBY_ANNOTATION: Final = "firedrill.dev/standby"  # "true" or "false": keep an image of the newest restore point
RUN_AS_USER_ANNOTATION: Final = "firedrill.dev/run-as-user"
RUN_AS_GROUP_ANNOTATION: Final = "firedrill.dev/run-as-group"
FS_GROUP_ANNOTATION: Final = "firedrill.dev/fs-group"
CACHE_CAPACITY_ANNOTATION: Final = "firedrill.dev/cache-capacity"

# --- what the controller writes --------------------------------------------------------------------------------------

DECISION_ANNOTATION: Final = "firedrill.dev/decision"  # what was decided when the claim was created (`stamp.py`)
SETTLED_ANNOTATION: Final = "firedrill.dev/settled"  # "<uid of the claim> <how>": the volume holds what it should
# The newest restore point that each store was seen to hold (`newest.py`). Take it off, and none of before is missed.
NEWEST_SEEN_ANNOTATION: Final = "firedrill.dev/newest-seen"
CLAIM_KEY_LABEL: Final = "firedrill.dev/claim-key"  # on each child: `claim_key`, to list those of one claim
CLAIM_ANNOTATION: Final = "firedrill.dev/claim"  # on each child: "<namespace>/<claim>"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "firedrill-controller"

# --- what VolSync writes ---------------------------------------------------------------------------------------------

# On a volume: "<namespace>/<volume snapshot>". The only proof that the populator has filled it (its event
# VolSyncPopulatorFinished also comes for volumes that it never touched; seen with VolSync 0.16.0).
POPULATED_FROM_ANNOTATION: Final = "volsync.backube/populated-from"


class Repo(Enum):
    """One of the two places to which a claim is backed up. The value is part of names and annotations."""

    LOCAL = "local"
    REMOTE = "remote"


class Reason(Enum):
    """Why, in one word: the reason of the event and condition on a claim. Each stands for what a person has to do."""

    NOT_PROTECTED = "NotProtected"  # nothing; the claim does not ask for backups
    MISCONFIGURED = "Misconfigured"  # correct the label or the annotation named
    UNDECIDED = "BackupTruthUnknown"  # make the store answer; nothing else helps, and nothing else is needed
    UNMEETABLE = "RestoreCannotBeMet"  # ask for a restore point that exists
    RESTORING = "Restoring"  # wait
    STARTED_FRESH = "StartedFresh"  # nothing
    WAITING = "Waiting"  # wait, or give what is named
    BLOCKED = "BackupsBlocked"  # the volume may not hold what it should: look, then recreate or accept it
    CONVERGING = "Converging"  # wait
    STORAGE = "StorageFault"  # see snapshots, volumes and their driver: backups wait for them, and are not at fault
    REPORTED = "NeedsAttention"  # protected, and yet something is wrong that the message names
    PROTECTED = "Protected"  # nothing
    LEAVING = "Leaving"  # nothing
