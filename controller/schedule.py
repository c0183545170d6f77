"""When backups begin: spread over the hour by a hash of the claim's name, so that a thousand do not fire at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MINUTES_PER_HOUR: Final = 60


@dataclass(frozen=True, slots=True)
class Hourly:
    """Once in each hour."""

    def cron(self, minute: int) -> str:
        """Five fields, in UTC, for a minute of the hour (0 to 59)."""
        return f"{minute} * * * *"


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day, in the hour given (UTC, 0 to 23)."""

    hour: int

    def __post_init__(self) -> None:
        if not 0 <= self.hour <= 23:
            raise ValueError(f"{self.hour} is no hour of the day; choose 0 to 23")

    def cron(self, minute: int) -> str:
        """Five fields, in UTC, for a minute of the hour (0 to 59)."""
        return f"{minute} {self.hour} * * *"


Cadence = Hourly | Daily


def spread_minute(name: str) -> int:
    """The minute of the hour (0 to 59) for a name, the same for ever. Different names are spread evenly."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % MINUTES_PER_HOUR


def cron(cadence: Cadence, name: str) -> str:
    """The schedule of what bears this name."""
    return cadence.cron(spread_minute(name))


def together(_name: str) -> int:
    """Everything at the full hour, as schedules are usually written; to measure against `spread_minute`."""
    return 0


def peak_concurrency(names: Iterable[str], *, minutes: int, minute_of: Callable[[str], int] = spread_minute) -> int:
    """How many hourly backups run at once at worst, if each takes this many whole minutes and none is ever late."""
    running = [0] * MINUTES_PER_HOUR
    for name in names:
        for later in range(minutes):
            running[(minute_of(name) + later) % MINUTES_PER_HOUR] += 1
    return max(running)
