"""Connections to the stores, with the deadlines of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from controller.configuration import S3Deadlines


def open_session(deadlines: S3Deadlines) -> aiohttp.ClientSession:
    """Connections that are kept and used again; a request that takes longer than it may is ended."""
    timeout = aiohttp.ClientTimeout(total=deadlines.answer_s, sock_connect=deadlines.connect_s)
    return aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=32))
