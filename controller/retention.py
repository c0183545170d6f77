"""How many restore points are kept, as data. Never left to VolSync's default, which keeps one."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Retention:
    """Numbers of hours, days, weeks, months and years that keep their newest restore point, as restic counts them.

    Without a policy the mover runs `forget --keep-last 1`: one backup of a wrong volume, and the history is gone (six
    restore points became one of 15 bytes on a real cluster). With all counts zero restic refuses, after it has saved
    another snapshot. Raises ValueError for either, and for negative counts, which VolSync's schema lets pass.
    """

    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    def __post_init__(self) -> None:
        counts = self.spec()
        if not counts or min(counts.values()) < 0:
            raise ValueError(f"a retention needs counts of 0 or more, and one above 0, not {asdict(self)}")

    def spec(self) -> dict[str, int]:
        """As `spec.restic.retain` of a ReplicationSource: the counts that are not zero."""
        return {period: count for period, count in asdict(self).items() if count}


HOURLY = Retention(hourly=24, daily=7)
DAILY = Retention(daily=14)
REMOTE = Retention(daily=7)
