"""What an installation chooses: stores, tiers, classes. The same for all claims, and passed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from controller import retention
from controller.schedule import Cadence, Daily, Hourly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.contract import Repo
    from controller.retention import Retention


@dataclass(frozen=True, slots=True)
class Tier:
    """How often a claim is backed up, what is kept, and after how long without a restore point somebody should look."""

    cadence: Cadence
    retention: Retention
    overdue_after: timedelta


HOURLY: Final = Tier(Hourly(), retention.HOURLY, timedelta(hours=3))
DAILY: Final = Tier(Daily(hour=2), retention.DAILY, timedelta(hours=27))
REMOTE: Final = Tier(Daily(hour=0), retention.REMOTE, timedelta(hours=27))


@dataclass(frozen=True, slots=True)
class Store:
    """An S3 store: `endpoint` with scheme, as pods reach it; one prefix for all claims of one cluster."""

    endpoint: str
    bucket: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class ExternalSecrets:
    """Where an ExternalSecret gets the base credentials from, instead of a base Secret."""

    store_kind: str
    store_name: str
    keys: Mapping[Repo, str]  # the entry of the vault for each repository


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. A remote repository is used where `stores` has one.

    `prune_interval_days` is how often VolSync frees the space of what retention has forgotten. What waits for longer
    than `patience` is looked into, so that people are told why. `standby` is for claims that do not say themselves
    whether an image of their newest restore point is kept ready.
    """

    stores: Mapping[Repo, Store]
    tiers: Mapping[str, Tier] = field(default_factory=lambda: {"hourly": HOURLY, "daily": DAILY})
    remote: Tier = REMOTE
    snapshot_class: str | None = None
    cache_capacity: str = "1Gi"
    prune_interval_days: int = 7
    external_secrets: ExternalSecrets | None = None
    patience: timedelta = timedelta(seconds=60)
    standby: bool = False
