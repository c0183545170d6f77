"""What is done about one claim: look, decide, write, tell. The same for every event, and after every restart."""

from __future__ import annotations

import contextlib
import logging
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from controller import causes, standing_by
from controller.cluster import saying
from controller.cluster.api import ApiError
from controller.cluster.saying import Said
from controller.contract import Reason
from controller.decide import decide
from controller.lifecycle import Stage
from controller.model import Announce, Answer, RemoveLock
from controller.store.s3 import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.branch import Branch
    from controller.cluster.cache import Key
    from controller.cluster.reader import Looked, Reader
    from controller.cluster.writer import Writer
    from controller.loop.measures import Measures
    from controller.model import Claim, Decision, Write
    from controller.settings import Settings

_LOG: Final = logging.getLogger("firedrill.reconcile")
# After writes: their own events wake us, but a write that changed nothing makes none.
_AGAIN_S: Final = 2.0
# What is written and never stays so, such as under a webhook that changes it back: neither an error nor an event tells
# of it. It is written ever more seldom, and somebody has to know.
_AGAIN_LONGEST_S: Final = 300.0
_IN_VAIN_S: Final = 60.0
_FORBIDDEN: Final = 403
# What the same write is answered the next time, too: 500 is a webhook of somebody else that does not answer.
_REFUSALS: Final = frozenset({400, _FORBIDDEN, 422, 500})
# A start looks at every claim at once. Without chance, those that stay as they are would be looked at, and their stores
# asked, all at once ever after.
_LASTING: Final = frozenset({Answer.DONE, Answer.ATTENTION})
_SPREAD: Final = (0.5, 1.0)


class Reconciler:
    """Holds nothing that a restart may not lose: what was last told is on the claim itself."""

    def __init__(
        self, settings: Settings, reader: Reader, writer: Writer, measures: Measures, gone: Callable[[Key], None]
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._writer = writer
        self._measures = measures
        self._gone = gone
        self._told: dict[Key, Said] = {}  # what passes by, so that a look that is repeated tells it once
        self._since: dict[Key, tuple[Branch, float]] = {}  # since when each look ends in writes of the same branch

    async def look(self, key: Key) -> float | None:
        """Look at a claim and do what is decided; when to look again, None if only for an event."""
        looked = await self._reader.look(key)
        world = looked.world
        decision = decide(looked.reading, world, datetime.now(UTC), self._settings)
        self._measures.decided(world, decision, standing_by.behind_s(looked.reading, world))
        repeated_s = self._repeated_s(key, decision)
        # Deeds before words: a process that dies again and again after one write must get on all the same.
        for write in decision.writes:
            try:
                await self._writer.write(*key, write)
            except (ApiError, StoreError) as error:
                self._since.pop(key, None)
                await self._refused(looked, decision, write, error)
                raise
            self._measures.wrote(type(write).__name__.lower())
        if world.claim is not None:
            await self._note(world.claim, looked)
            try:
                await self._tell(key, world.claim, looked, decision, in_vain=repeated_s > _IN_VAIN_S)
            except ApiError as error:
                # A namespace that is being deleted takes no events; and what was done was done, heard or not.
                _LOG.info("not told: %s", error, extra={"claim": world.claim.full_name})
        return self._next(key, looked, decision, repeated_s)

    def failed(self, key: Key, error: Exception) -> None:
        """A look at this claim has failed, and will be tried again."""
        self._measures.failed()
        _LOG.warning("failed: %s", error, extra={"claim": "/".join(key), "error": type(error).__name__})

    def _repeated_s(self, key: Key, decision: Decision) -> float:
        """For how long each look has ended in writes of this branch, as if none had been made."""
        if decision.outcome.answer is not Answer.AGAIN:
            self._since.pop(key, None)
            return 0.0
        now_s = time.monotonic()
        branch, since_s = self._since.get(key, (decision.branch, now_s))
        if branch is not decision.branch:
            since_s = now_s
        self._since[key] = (decision.branch, since_s)
        return now_s - since_s

    async def _tell(self, key: Key, claim: Claim, looked: Looked, decision: Decision, *, in_vain: bool) -> None:
        """Events and conditions, only where they differ from what was told before by more than others' numbers.

        What passes by (writes follow at once) is an event alone; what lasts is a condition, too.
        """
        said, answer = saying.of_decision(decision), decision.outcome.answer
        if in_vain:
            message = f"{said.message}, again and again: it does not stay so; see who changes it back"
            said, answer = Said("False", Reason.REPORTED.value, message), Answer.ATTENTION
        passes_by = answer is Answer.AGAIN
        before = self._told.get(key) if passes_by else looked.said
        nobody_cares = decision.stage is Stage.OUTSIDE and looked.said is None and not decision.writes
        if nobody_cares or saying.is_told(before, said):
            return
        self._log(key, decision)
        if passes_by:
            self._told[key] = said
        else:
            self._told.pop(key, None)
            await self._writer.set_condition(claim, said)
        await self._writer.tell(claim, said, answer)

    async def _refused(self, looked: Looked, decision: Decision, write: Write, error: ApiError | StoreError) -> None:
        """A quota, a policy or a store stops a write: whoever owns the claim has to know; the log is not theirs.

        Nothing else is told meanwhile, and what was told before, such as that it is protected, may not be so any more.
        """
        claim, why = looked.world.claim, _why_refused(write, error)
        if claim is None or claim.terminating or why is None:
            return
        said = Said("False", Reason.WAITING.value, f"[{decision.branch.value}] {why}: {causes.quoted(str(error))}")
        if saying.is_told(looked.said, said):
            return
        with contextlib.suppress(ApiError):
            await self._writer.set_condition(claim, said)
            await self._writer.tell(claim, said, Answer.ATTENTION)

    async def _note(self, claim: Claim, looked: Looked) -> None:
        """What a store is told matters in the next life of the claim; that it cannot be told now stops nothing."""
        for note in looked.notes:
            try:
                await self._writer.note(claim, note)
                self._measures.wrote("note")
            except StoreError as error:
                _LOG.warning("not noted: %s", error, extra={"claim": claim.full_name, "repository": note.repo.value})

    def _next(self, key: Key, looked: Looked, decision: Decision, repeated_s: float) -> float | None:
        if decision.outcome.answer is Answer.AGAIN:
            return min(max(_AGAIN_S, repeated_s / 2), _AGAIN_LONGEST_S)
        if looked.world.claim is None and not decision.writes:
            self._told.pop(key, None)
            self._measures.gone(key)
            self._gone(key)
            return None
        if decision.outcome.answer in _LASTING and decision.look_again_s is not None:
            return decision.look_again_s * random.uniform(*_SPREAD)  # noqa: S311 - spreads load, guards nothing
        return decision.look_again_s

    def _log(self, key: Key, decision: Decision) -> None:
        details = {
            "claim": "/".join(key),
            "branch": decision.branch.value,
            "decision": decision.branch.name,
            "reason": decision.outcome.reason.value,
            "stage": decision.stage.value,
            "writes": len(decision.writes),
        }
        _LOG.info(decision.outcome.message, extra=details)


def _why_refused(write: Write, error: ApiError | StoreError) -> str | None:
    """Who stops a write; None if it passes another time."""
    if isinstance(error, StoreError):
        # Only these two write to a store.
        repo = write.repo.value if isinstance(write, Announce | RemoveLock) else "S3"
        return f"the {repo} store cannot be written to"
    if error.status not in _REFUSALS:
        return None
    return "the API server forbids it" if error.status == _FORBIDDEN else "the API server refuses it"
