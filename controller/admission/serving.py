"""The process that answers the API server: webhooks with TLS on one port, health and metrics without on another."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING

from controller import operating
from controller.admission.application import Application
from controller.admission.measures import Measures
from controller.admission.trust import Trust
from controller.cluster import connection, fresh
from controller.cluster.api import Api
from controller.operating import Operations

if TYPE_CHECKING:
    from controller.configuration import Configuration


async def run(configuration: Configuration) -> None:
    """Serve until the process is asked to end. It holds nothing: any number of these can run side by side."""
    operating.log_as_json()
    measures = Measures()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    async with contextlib.AsyncExitStack() as held:
        surroundings = await held.enter_async_context(fresh.opened(configuration))
        api = Api(connection.find())
        held.push_async_callback(api.close)
        trust = Trust(api, configuration.namespace, context, measures)
        admission = configuration.admission
        application = Application(surroundings, configuration.settings, measures, deadline_s=admission.deadline_s)
        operations = Operations(measures.registry, why_not_ready=trust.why_not_ready)
        keeping = asyncio.create_task(trust.keep())
        try:
            await operating.until_stopped(
                operating.server(application, admission.port, context),
                operating.server(operations, configuration.metrics_port),
                beside=keeping,
            )
        finally:
            keeping.cancel()
