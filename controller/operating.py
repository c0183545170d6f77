"""What every process of the controller owes its operators: health, readiness, metrics, logs that a machine reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from prometheus_client import CollectorRegistry

    Application = Callable[..., Awaitable[None]]
    Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# Shorter than the grace that a pod gets, so that answers that were begun are given.
_SHUTDOWN_S: Final = 15
_RECORD_FIELDS: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "taskName", "color_message"}


class Operations:
    """`/healthz`, `/readyz` and `/metrics`. `why_not_ready` and `why_not_alive` give a reason, or None if it is.

    Of metrics, `?name[]=` asks for single ones, as Prometheus' own clients have it: all of ten thousand claims take a
    third of a second to write down.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        why_not_ready: Callable[[], str | None],
        why_not_alive: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._registry = registry
        self._states = {"/healthz": why_not_alive, "/readyz": why_not_ready}

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        """One request, as of ASGI 3."""
        if scope["type"] != "http":
            raise NotImplementedError(f"ASGI {scope['type']} is not served")
        if scope["path"] == "/metrics":
            names = parse_qs(scope["query_string"].decode("latin-1")).get("name[]")
            asked = self._registry.restricted_registry(names) if names else self._registry
            await _reply(send, 200, generate_latest(asked), CONTENT_TYPE_LATEST)
        elif scope["path"] in self._states:
            why_not = self._states[scope["path"]]()
            await _reply(send, 503 if why_not else 200, f"{why_not or 'ok'}\n".encode())
        else:
            await _reply(send, 404, b"ask /healthz, /readyz or /metrics\n")


class Server(uvicorn.Server):
    """A server that leaves the signals of the process to whoever runs several side by side."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def server(application: Application, port: int, context: ssl.SSLContext | None = None) -> Server:
    """A server of all addresses of the pod on this port; with TLS where a context is given."""
    config = uvicorn.Config(
        application,
        host="",  # IPv4 and IPv6, whichever the pod has
        port=port,
        # An answer of a webhook takes 0.4 ms of processor time so, and 0.6 ms with h11.
        http="httptools",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        # Longer than the API server keeps an idle connection to a webhook.
        timeout_keep_alive=120,
        ssl_context_factory=None if context is None else lambda _config, _default: context,
    )
    return Server(config)


async def until_stopped(*servers: Server, beside: asyncio.Task[None]) -> None:
    """Serve until the process is asked to end, a server cannot go on, or the work beside ends, as it never should.

    Raises what that work failed with: a process that no longer does its work must not look alive.
    """
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for each in servers:
            each.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = [asyncio.create_task(each.serve()) for each in servers]
    try:
        await asyncio.wait([*serving, beside], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop()
        await asyncio.gather(*serving)
    if beside.done():
        beside.result()


class _Json(logging.Formatter):
    """One line of JSON for each record, with what was given as `extra` beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _RECORD_FIELDS}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def log_as_json() -> None:
    """Log to stdout, a line of JSON for each record; libraries from warnings on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Json())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("firedrill").setLevel(logging.INFO)


async def _reply(send: Send, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
