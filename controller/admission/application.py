"""The ASGI application behind both webhooks: one question, one decision, one answer, in time."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qs

from controller import intent
from controller.admission import review
from controller.admission.review import Unreadable
from controller.decide import decide
from controller.model import Moment, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from controller.admission.measures import Measures
    from controller.admission.review import Request
    from controller.model import Claim, Decision, Object
    from controller.settings import Settings

    Message = Mapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

# An AdmissionReview holds one claim, which the API server limits to 1.5 MB in etcd.
BODY_BYTES_MAX: Final = 3 * 1024 * 1024
# What the way back takes at most on a busy machine; the API server gives up at its own time-out.
WAY_BACK_S: Final = 1.0
_TIMEOUT: Final = re.compile(r"([0-9]+)s")
_LOG: Final = logging.getLogger("firedrill.admission")
_MOMENTS: Final = {"/mutate": Moment.ADMISSION, "/validate": Moment.VALIDATION}


class Surroundings(Protocol):
    """Who reads what lies around a claim that is being created."""

    async def at_admission(self, claim: Claim, moment: Moment, nonce: str) -> World:
        """What is seen around it now. What cannot be known is in the answer as unknown."""
        ...


class Said(Enum):
    """What else than a decision an answer can be; in metrics beside the reasons of decisions."""

    TOO_LATE = "DeadlineExceeded"
    FAILED = "ControllerFailed"
    UNREADABLE = "Unreadable"


class Application:
    """Answers `/mutate` and `/validate`. Whatever goes wrong is a refusal that says so, and never an admission."""

    def __init__(
        self,
        surroundings: Surroundings,
        settings: Settings,
        measures: Measures,
        *,
        deadline_s: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._surroundings = surroundings
        self._settings = settings
        self._measures = measures
        self._deadline_s = deadline_s
        self._now = now

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One request, as of ASGI 3."""
        if scope["type"] != "http":
            raise NotImplementedError(f"ASGI {scope['type']} is not served")
        moment = _MOMENTS.get(scope["path"])
        if moment is None:
            return await _reply(send, 404, {"message": f"ask {' or '.join(_MOMENTS)}"})
        if scope["method"] != "POST":
            return await _reply(send, 405, {"message": "POST an AdmissionReview"})
        try:
            request = review.read(await _body(receive))
        except Unreadable as why:
            self._measures.unreadable(moment)
            return await _reply(send, 400, {"message": str(why)})
        deadline_s = self._in_time(scope.get("query_string", b""))
        return await _reply(send, 200, await self._answer(request, moment, deadline_s))

    async def _answer(self, request: Request, moment: Moment, deadline_s: float) -> Object:
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                decision = await self._decide(request, moment)
        except TimeoutError:
            message = (
                f"nobody could say within {deadline_s:g} s whether it has backups: the store or the API server is slow "
                "or away. Apply the claim again; if this goes on, look at the store and at the controller's log"
            )
            self._note(request, moment, Said.TOO_LATE.value, message, started_s, allowed=False)
            return review.refusal(request, message)
        except Exception as error:  # noqa: BLE001 - whatever it is: nobody decided
            _LOG.exception("failed", extra={"claim": request.claim.full_name, "request": request.uid})
            message = (
                f"the controller failed to decide ({type(error).__name__}); apply the claim again, and see its log for "
                f"request {request.uid} if this goes on"
            )
            self._note(request, moment, Said.FAILED.value, message, started_s, allowed=False)
            return review.refusal(request, message, code=500, reason="InternalError")
        outcome, answer = decision.outcome, review.answer(request, decision)
        allowed = bool(answer["response"]["allowed"])
        message = f"branch {decision.branch.value}: {outcome.message}"
        self._note(request, moment, outcome.reason.value, message, started_s, allowed=allowed)
        return answer

    async def _decide(self, request: Request, moment: Moment) -> Decision:
        claim = request.claim
        reading = intent.read(claim, self._settings)
        if moment is Moment.ADMISSION and isinstance(reading, intent.Intent):
            world = await self._surroundings.at_admission(claim, moment, request.uid)
        else:
            # What is not ours, cannot be read, or was decided before: nothing around it changes the answer.
            world = World(moment, claim.namespace, claim.name, claim, truths={}, nonce=request.uid)
        return decide(reading, world, self._now(), self._settings)

    def _in_time(self, query: bytes) -> float:
        """Our deadline, or an earlier one: the API server says by `?timeout=10s` how long it waits."""
        given = _TIMEOUT.fullmatch(parse_qs(query.decode("latin-1")).get("timeout", [""])[0])
        return self._deadline_s if given is None else min(self._deadline_s, max(float(given[1]) - WAY_BACK_S, 0.5))

    def _note(
        self, request: Request, moment: Moment, reason: str, message: str, started_s: float, *, allowed: bool
    ) -> None:
        took_s = time.monotonic() - started_s
        details = {
            "claim": request.claim.full_name,
            "moment": moment.value,
            "allowed": allowed,
            "reason": reason,
            "dry_run": request.is_dry_run,
            "took_s": round(took_s, 4),
            "request": request.uid,
        }
        _LOG.info(message, extra=details)
        # A dry run is a question without consequence, and no alert may come of it.
        if not request.is_dry_run:
            self._measures.answered(moment, reason, took_s, allowed=allowed)


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unreadable("the body ended before its end")
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise Unreadable(f"the body has more than {BODY_BYTES_MAX} bytes")
        if not message.get("more_body", False):
            return bytes(body)


async def _reply(send: Send, status: int, content: Object) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
