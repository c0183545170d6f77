"""Metrics of the reconciler. Their names are part of the alert rules.

What is said of single claims is made when it is asked for: ten thousand gauges that wait for it would cost more memory
than all claims do.
"""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controller.contract import Reason, Repo
from controller.lifecycle import Stage
from controller.model import Exists, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from controller.branch import Branch
    from controller.model import Decision, World

_QUIET: Final = frozenset({Reason.PROTECTED, Reason.NOT_PROTECTED})
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _State:
    branch: Branch
    reason: Reason
    stage: Stage
    # Tuples, since there is one of each for every claim: a mapping of one entry takes three times as much.
    newest: tuple[tuple[Repo, float], ...]
    unknown: tuple[Repo, ...]
    standby_behind_s: float | None


class _Claims(Collector):
    """What is known of the claims, as it is when it is asked for."""

    def __init__(self, queue_depth: Callable[[], int]) -> None:
        self.states: dict[Key, _State] = {}
        self._queue_depth = queue_depth

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names, so that single metrics can be asked for."""
        return _Claims(lambda: 0).collect()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        depth = GaugeMetricFamily("firedrill_queue_depth", "Claims that wait to be looked at.")
        depth.add_metric([], self._queue_depth())
        yield depth
        stages = GaugeMetricFamily("firedrill_claims", "Claims by stage.", labels=["stage"])
        tally = Tally(state.stage for state in self.states.values())
        for stage in Stage:
            stages.add_metric([stage.value], tally[stage])
        yield stages
        unknown = GaugeMetricFamily(
            "firedrill_truth_unknown",
            "Claims of which nobody can say whether a repository holds backups.",
            labels=["repository"],
        )
        for repo in Repo:
            unknown.add_metric([repo.value], sum(repo in state.unknown for state in self.states.values()))
        yield unknown
        yield self._reasons()
        yield self._newest()
        yield self._standbys()

    def _reasons(self) -> GaugeMetricFamily:
        found = GaugeMetricFamily(
            "firedrill_claim_reason",
            "1 for each claim that is not simply protected, with why; its condition says what to do.",
            labels=["namespace", "claim", "reason", "branch"],
        )
        for key, state in self.states.items():
            if state.reason not in _QUIET:
                found.add_metric([*key, state.reason.value, str(state.branch.value)], 1)
        return found

    def _newest(self) -> GaugeMetricFamily:
        found = GaugeMetricFamily(
            "firedrill_newest_restore_point_timestamp_seconds",
            "When the newest restore point of a claim was stored.",
            labels=["namespace", "claim", "repository"],
        )
        for key, state in self.states.items():
            for repo, at_s in state.newest:
                found.add_metric([*key, repo.value], at_s)
        return found

    def _standbys(self) -> GaugeMetricFamily:
        found = GaugeMetricFamily(
            "firedrill_standby_behind_seconds",
            "How much older a claim's standby image is than its newest restore point; +Inf if no image is ready.",
            labels=["namespace", "claim"],
        )
        for key, state in self.states.items():
            if state.standby_behind_s is not None:
                found.add_metric([*key], state.standby_behind_s)
        return found


class Measures:
    """What is counted."""

    def __init__(self, queue_depth: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self._claims = _Claims(queue_depth)
        self.registry.register(self._claims)
        self._decisions = Counter(
            "firedrill_decisions",
            "Decisions about stored claims that differed from the one before.",
            ["branch", "reason"],
            registry=self.registry,
        )
        self._writes = Counter(
            "firedrill_writes", "Writes to the API server and the stores.", ["verb"], registry=self.registry
        )
        self._errors = Counter("firedrill_reconcile_errors", "Looks at a claim that failed.", registry=self.registry)

    def decided(self, world: World, decision: Decision, standby_behind_s: float | None) -> None:
        """A decision was taken, new or not. `standby_behind_s` is as in `standing_by.behind_s`."""
        key = (world.namespace, world.name)
        before = self._claims.states.get(key)
        newest = {repo: truth.at.timestamp() for repo, truth in world.truths.items() if isinstance(truth, Exists)}
        unknown = tuple([repo for repo, truth in world.truths.items() if isinstance(truth, Unknown)])
        # A look that did not need to ask, or that got no answer, does not take away what was known.
        known = tuple((dict(before.newest if before else ()) | newest).items())
        outcome = decision.outcome
        state = _State(decision.branch, outcome.reason, decision.stage, known, unknown, standby_behind_s)
        if before is None or (before.branch, before.reason) != (state.branch, state.reason):
            self._decisions.labels(str(state.branch.value), state.reason.value).inc()
        self._claims.states[key] = state

    def gone(self, key: Key) -> None:
        """Nobody asks about this claim any more."""
        self._claims.states.pop(key, None)

    def wrote(self, verb: str) -> None:
        """Something was written; `verb` is one of a few."""
        self._writes.labels(verb).inc()

    def failed(self) -> None:
        """A look at a claim has failed."""
        self._errors.inc()
