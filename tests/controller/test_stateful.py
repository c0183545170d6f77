"""The core against a small model of a cluster: any order of events, stale reads, lost writes, repeated deliveries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller import admit, contract, intent, lifecycle
from controller.branch import Branch
from controller.decide import decide
from controller.lifecycle import Event, Stage
from controller.model import Answer, Kind, Moment, Phase
from tests.controller.cluster import Cluster, Point, is_settled
from tests.controller.scene import HOUR, SETTINGS, new_claim, stored

if TYPE_CHECKING:
    from controller.model import Claim, Decision, World

LEGAL_RETENTION = [tier.retention.spec() for tier in SETTINGS.tiers.values()]
ROUNDS_TO_REST_MAX = 25
SKIP = {contract.SKIP_RESTORE_ANNOTATION: "a test data set"}


def decided(seen: World, cluster: Cluster) -> Decision:
    reading = intent.NotOurs() if seen.claim is None else intent.read(seen.claim, SETTINGS)
    return decide(reading, seen, cluster.now, SETTINGS)


def reachable(stage: Stage) -> set[Stage]:
    """The stages that a claim can be in at the next look: up to three events of one life may have passed."""
    reached = {stage}
    for _ in range(3):
        events = [event for event in Event if event is not Event.GONE]
        following = {lifecycle.advance(each, event) for each in reached for event in events}
        reached |= {each for each in following if isinstance(each, Stage)}
    return reached


class Controller(RuleBasedStateMachine):
    """Chooses what happens next; the invariants hold after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.view: World | None = None
        self.last_manifest: Claim | None = None
        self.uids = 0
        self.checked_backups = 0
        self.checked_forgets = 0
        self.meddled = False
        self.misled = False  # at any time of this life
        self.last_stage: tuple[str, Stage] | None = None

    @initialize(past=st.integers(0, 3), rounds=st.integers(0, 8))
    def a_store_with_a_past_and_a_claim(self, past: int, rounds: int) -> None:
        for number in range(past):
            at = self.cluster.now - (past - number) * 25 * HOUR
            self.cluster.points.append(Point(f"{number + 1:x}" * 64, at, tuple(range(number + 1))))
        self.create_claim("plain")
        self.a_while_passes(rounds)

    # --- people and Kubernetes

    @precondition(lambda self: self.cluster.claim is None)
    @rule(kind=st.sampled_from(["plain", "plain", "plain", "skip", "copied", "daily"]))
    def create_claim(self, kind: str) -> None:
        cluster = self.cluster
        if cluster.claim is not None:
            return  # its deletion is held up
        cluster.tick()
        created = self._manifest(kind)
        found = decided(self._seen_at_admission(created), cluster)
        if found.outcome.answer is Answer.REFUSE:
            return
        if found.branch is Branch.FRESH:
            # Whoever starts empty must not be overtaken by a backup of an earlier life.
            assert not cluster.sources()
            assert not cluster.running
        self._store(created, found)

    def _seen_at_admission(self, created: Claim) -> World:
        """The store, and what an earlier life has left only where the decision rests on it."""
        seen, wanted = self.cluster.world(created, Moment.ADMISSION), intent.read(created, SETTINGS)
        assert isinstance(wanted, intent.Intent)
        if admit.must_look_back(wanted, seen.truths):
            return seen
        return replace(seen, children=(), movers=(), looked_back=False)

    @precondition(lambda self: self.cluster.claim is None and not self.cluster.sources() and not self.cluster.running)
    @rule(kind=st.sampled_from(["plain", "copied"]))
    def create_claim_while_no_webhook_is_called(self, kind: str) -> None:
        self._store(self._manifest(kind), None)

    def _manifest(self, kind: str) -> Claim:
        annotations = SKIP if kind == "skip" else {}
        labels = {contract.TIER_LABEL: "daily" if kind == "daily" else "hourly"}
        created = new_claim(annotations, labels=labels)
        if kind == "copied" and self.last_manifest is not None:
            # Read from the cluster and applied again: marks and data source of an earlier life come along.
            last = self.last_manifest
            annotations = {k: v for k, v in last.annotations.items() if k != contract.SKIP_RESTORE_ANNOTATION}
            created = replace(created, annotations=annotations, source=last.source)
        return created

    def _store(self, created: Claim, found: Decision | None) -> None:
        self.uids += 1
        claim = stored(created, found.mutation if found else None, uid=f"uid-{self.uids}")
        self.cluster.store_claim(claim, found)
        self.meddled, self.misled = False, self.cluster.movers_misled

    @precondition(lambda self: self.cluster.claim is not None and not self.cluster.claim.terminating)
    @rule()
    def delete_claim(self) -> None:
        assert self.cluster.claim is not None
        self.last_manifest = self.cluster.claim
        self.cluster.claim = replace(self.cluster.claim, terminating=True)

    @precondition(lambda self: self.cluster.claim is not None and not self.cluster.claim.terminating)
    @rule(kind=st.sampled_from(["plain", "copied"]))
    def the_claim_returns_within_a_second(self, kind: str) -> None:
        """Nobody reconciles between; what was made for the old one may still be there, and may still write."""
        self.delete_claim()
        self.cluster.finish_deletion()
        self.create_claim(kind)

    @rule()
    def kubernetes_goes_on(self) -> None:
        self.cluster.finish_deletion()
        self.cluster.bind()

    @rule()
    def garbage_is_collected(self) -> None:
        self.cluster.collect_garbage()

    @rule(rounds=st.integers(1, 6))
    def a_while_passes(self, rounds: int) -> None:
        """Everybody does their work in turn."""
        for _ in range(rounds):
            self.cluster.tick()
            self.cluster.finish_deletion()
            self.cluster.bind()
            self.cluster.restore()
            self.backups_begin()
            self.the_app_writes()
            self.backups_end()
            self.reconcile(writes_done=9, twice=False)

    @rule()
    def the_app_writes(self) -> None:
        if self.cluster.claim is None or self.cluster.claim.phase is not Phase.BOUND:
            return
        self.cluster.content = (*self.cluster.content, self.cluster.tick() + 1000)

    @precondition(lambda self: self.cluster.claim is not None)
    @rule(label=st.sampled_from(["hourly", "hourly", "daily", "daily", "hurly", None]))
    def label(self, label: str | None) -> None:
        assert self.cluster.claim is not None
        labels = {contract.TIER_LABEL: label} if label else {}
        self.cluster.claim = replace(self.cluster.claim, labels=labels)

    @precondition(lambda self: self.cluster.claim is not None)
    @rule(token=st.sampled_from(["now-1", "now-2"]))
    def ask_for_a_backup(self, token: str) -> None:
        assert self.cluster.claim is not None
        annotations = {**self.cluster.claim.annotations, contract.BACK_UP_NOW_ANNOTATION: token}
        self.cluster.claim = replace(self.cluster.claim, annotations=annotations)

    @precondition(lambda self: self.cluster.objects)
    @rule(data=st.data(), how=st.sampled_from(["delete", "pause", "trigger", "strip"]))
    def somebody_meddles_with_a_child(self, data: st.DataObject, how: str) -> None:
        found = data.draw(st.sampled_from(sorted(self.cluster.objects.values(), key=lambda child: child.name)))
        self.meddled = self.meddled or found.kind is Kind.DESTINATION
        if how == "delete" or found.kind is Kind.SECRET:
            self.cluster.delete(found)
        elif how == "pause":
            self.cluster.update(found, content={**found.content, "paused": True})
        elif how == "trigger":
            trigger = {**found.content["trigger"], "manual": "by hand"}
            self.cluster.update(found, content={**found.content, "trigger": trigger})
        else:
            self.cluster.update(found, claim=None, owner_uid=None)

    @rule()
    def images_are_lost(self) -> None:
        self.cluster.images.clear()

    @rule()
    def the_store_comes_or_goes(self) -> None:
        self.cluster.store_up = not self.cluster.store_up

    @rule()
    def movers_are_misled_or_led_right(self) -> None:
        """A restore finds nothing, although there is something, and succeeds."""
        self.cluster.movers_misled = not self.cluster.movers_misled
        self.misled = True

    # --- VolSync

    @rule()
    def backups_begin(self) -> None:
        for found in self.cluster.sources():
            self.cluster.begin_backup(found)

    @precondition(lambda self: self.cluster.running)
    @rule()
    def backups_end(self) -> None:
        for mover in list(self.cluster.running.values()):
            self.cluster.end_backup(mover)

    @precondition(lambda self: self.cluster.running)
    @rule(exclusive=st.booleans())
    def a_mover_is_killed(self, exclusive: bool) -> None:
        self.cluster.kill(next(iter(self.cluster.running.values())), exclusive=exclusive)

    @rule()
    def destinations_restore(self) -> None:
        self.cluster.restore()

    # --- the controller

    @rule()
    def look_without_acting(self) -> None:
        """What is seen now may be acted upon much later."""
        self.view = self.cluster.world(self.cluster.claim)

    @precondition(lambda self: self.view is not None)
    @rule(writes_done=st.integers(0, 4))
    def reconcile_what_was_seen_before(self, writes_done: int) -> None:
        assert self.view is not None
        self.cluster.carry_out(decided(self.view, self.cluster).writes[:writes_done])

    @rule(writes_done=st.sampled_from([9, 9, 9, 0, 1, 2, 3]), twice=st.booleans())
    def reconcile(self, writes_done: int, twice: bool) -> None:
        """Sees what is there, decides, and is killed after so many writes, or delivered twice."""
        found = decided(self.cluster.world(self.cluster.claim), self.cluster)
        self._follow(found)
        for _ in range(2 if twice else 1):
            self.cluster.carry_out(found.writes[:writes_done])

    def _follow(self, found: Decision) -> None:
        claim = self.cluster.claim
        if claim is None or claim.uid is None:
            return
        if self.last_stage is not None and self.last_stage[0] == claim.uid:
            assert found.stage in reachable(self.last_stage[1]), (self.last_stage, found.branch)
        self.last_stage = (claim.uid, found.stage)

    # --- what always holds

    @invariant()
    def i1_no_volume_is_empty_over_a_backup(self) -> None:
        life = self.cluster.life
        if life is None or life.bound_with is None or life.waived or life.unguarded or life.due is None:
            return
        if self.misled:
            return  # the populator was faster than anybody could be: the next invariant keeps such a volume from harm
        assert life.bound_with in life.right, "neither the newest restore point nor one that came later"

    @invariant()
    def i5_no_backup_begins_before_the_volume_is_what_it_should_be(self) -> None:
        for source, claim, _ in self.cluster.backups_begun[self.checked_backups :]:
            assert is_settled(claim), source
            assert source.owner_uid in {None, claim.uid}, "a source of an earlier life"
            life = self.cluster.life
            if life is not None and life.due is not None and not life.waived:
                assert life.bound_with in life.right, "a volume that was born wrong, over backups"
        self.checked_backups = len(self.cluster.backups_begun)

    @invariant()
    def i5_history_is_pruned_by_a_rule_alone(self) -> None:
        for _, _, retain in self.cluster.forgotten[self.checked_forgets :]:
            assert retain in LEGAL_RETENTION
        self.checked_forgets = len(self.cluster.forgotten)

    @invariant()
    def e29_a_request_is_acknowledged_by_a_backup_that_began_after_it(self) -> None:
        for manual, begun_with in self.cluster.acknowledged:
            if manual is not None and manual.startswith("now-"):
                assert begun_with == manual

    @invariant()
    def i6_one_mover_writes_for_one_life(self) -> None:
        owners = [mover.owner for mover in self.cluster.running.values()]
        assert len(owners) == len(set(owners))

    def teardown(self) -> None:
        """Everything is left in peace, and the store answers: it converges, and then is quiet (I9)."""
        cluster = self.cluster
        cluster.store_up, cluster.movers_misled = True, False
        if cluster.claim is not None and cluster.claim.labels.get(contract.TIER_LABEL) == "hurly":
            self.label("hourly")
        quiet, branch, seen = 0, None, []
        for _ in range(ROUNDS_TO_REST_MAX):
            cluster.tick()
            cluster.finish_deletion()
            cluster.bind()
            cluster.restore()
            if quiet == 0:
                self.backups_begin()
            for mover in list(cluster.running.values()):
                cluster.end_backup(mover)
            cluster.collect_garbage()
            found = decided(cluster.world(cluster.claim), cluster)
            seen.append(found.branch)
            cluster.carry_out(found.writes)
            quiet = quiet + 1 if not found.writes and found.outcome.answer is not Answer.WAIT else 0
            branch = found.branch
            if quiet == 3:
                break
        assert quiet == 3, seen
        self._check_end(branch)
        self.i1_no_volume_is_empty_over_a_backup()
        self.i5_no_backup_begins_before_the_volume_is_what_it_should_be()
        self.i5_history_is_pruned_by_a_rule_alone()

    def _check_end(self, branch: Branch | None) -> None:
        cluster, life = self.cluster, self.cluster.life
        if cluster.claim is None:
            assert branch is Branch.GONE
            assert not cluster.objects
            return
        if not cluster.claim.labels:
            assert branch is Branch.RELEASED
            assert not cluster.objects
            return
        assert life is not None
        if not life.unguarded and not self.meddled and not self.misled:
            wanted: set[Any] = {Branch.PROTECTED, Branch.NEVER_BACKED_UP, Branch.OVERDUE}
            # A mover of the life before may have ended its backup after this one was admitted.
            assert branch in wanted | {Branch.FRESH_OVER_BACKUPS}, branch
        if branch is Branch.PROTECTED:
            kinds = sorted(child.kind.value for child in cluster.objects.values())
            assert kinds == ["ReplicationSource", "Secret"]


Controller.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestTheCoreInAnyOrderOfEvents = Controller.TestCase
