"""A store on loopback that answers whatever a test wants, over HTTP and to the real client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from controller.configuration import parse
from controller.store.session import open_session
from controller.store.truths import Stores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import TypeVar

    from aiohttp.typedefs import Handler

    T = TypeVar("T")


def listing(*keys: str) -> web.Response:
    """A complete listing of these keys."""
    objects = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-10T12:00:00Z</LastModified></Contents>" for key in keys
    )
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return web.Response(
        text=f'<ListBucketResult xmlns="{space}"><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>'
    )


def ask(answer: Handler, asked: Callable[[Stores], Awaitable[T]], *, answer_s: float = 3.0) -> T:
    """What is made of it by the controller's part that speaks to stores."""

    async def within() -> T:
        async with _serving(answer) as address:
            configuration = parse(
                f"stores: {{local: {{endpoint: '{address}', bucket: backups, secret: base}}}}\n"
                f"s3: {{connectSeconds: {answer_s / 2}, answerSeconds: {answer_s}}}\n",
                "here",
            )
            async with open_session(configuration.s3) as session:
                return await asked(Stores(configuration, session))

    return asyncio.run(within())


@asynccontextmanager
async def _serving(answer: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
