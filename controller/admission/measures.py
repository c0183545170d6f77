"""Metrics of admission. Their names are part of the alert rules, which a test holds against this registry."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from controller.contract import Reason
from controller.model import Moment

if TYPE_CHECKING:
    from datetime import datetime

_ASKED_AT: Final = (Moment.ADMISSION, Moment.VALIDATION)
# Around the goal of 25 ms, and up to the time-out of a webhook.
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Measures:
    """What is counted. One for each process, with a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "firedrill_admission_answers",
            "Claims answered, by which webhook, whether allowed, and why; without dry runs",
            ["moment", "allowed", "reason"],
            registry=self.registry,
        )
        # A counter that appears with its first count has not grown, as Prometheus sees it: nobody would be told.
        for moment, reason in product(_ASKED_AT, Reason):
            self._answers.labels(moment.value, "false", reason.value)
        self._seconds = Histogram(
            "firedrill_admission_seconds",
            "How long an answer took",
            ["moment"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._unreadable = Counter(
            "firedrill_admission_unreadable",
            "Requests that were no question about a claim that is being created",
            ["moment"],
            registry=self.registry,
        )
        self._certificate_ends = Gauge(
            "firedrill_certificate_ends_timestamp_seconds",
            "When the certificate that is served runs out; 0 while there is none",
            registry=self.registry,
        )

    def answered(self, moment: Moment, reason: str, took_s: float, *, allowed: bool) -> None:
        """Count an answer."""
        self._answers.labels(moment.value, str(allowed).lower(), reason).inc()
        self._seconds.labels(moment.value).observe(took_s)

    def unreadable(self, moment: Moment) -> None:
        """Count a request that asked nothing."""
        self._unreadable.labels(moment.value).inc()

    def serves_until(self, ends_at: datetime) -> None:
        """Note when the certificate that is served runs out."""
        self._certificate_ends.set(ends_at.timestamp())
