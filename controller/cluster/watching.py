"""Follows a list of objects: read once, then changed as the server tells, for ever, through whatever breaks it off."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from controller.cluster.api import ApiError

if TYPE_CHECKING:
    from controller.cluster.api import Api
    from controller.model import Object

_LOG: Final = logging.getLogger("firedrill.watching")
_GONE: Final = 410


class Follower(Protocol):
    """Who is told of objects. Each may be told more than once."""

    def put(self, body: Object) -> None:
        """An object is there, new or changed."""
        ...

    def drop(self, body: Object) -> None:
        """An object is gone; `body` is what it was."""
        ...

    def keep_only(self, found: set[tuple[str, str]], version: str) -> None:
        """A list is complete: what has none of these namespaces and names was gone at this version."""
        ...


class WentBack(Exception):
    """The versions of the API server are lower than they were: what was seen of it may never have been."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What to follow. `selector` is one of labels; with `metadata_only` objects come without spec and status."""

    path: str
    selector: str | None = None
    metadata_only: bool = False


@dataclass(slots=True)
class Backoff:
    """Growing pauses, in seconds; with chance in them, so that many do not come back at once."""

    shortest_s: float = 0.2
    longest_s: float = 5.0
    _failures: int = field(default=0)

    def next_s(self) -> float:
        """How long to wait after one more failure."""
        pause_s = min(self.longest_s, self.shortest_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return float(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """It worked."""
        self._failures = 0


async def follow(api: Api, watched: Watched, follower: Follower, seen: asyncio.Event) -> NoReturn:
    """Tell the follower of every object. `seen` is set once all were told, or where the server knows no such kind.

    Raises `WentBack`, after which nothing that is kept can be believed: a process has to begin anew.
    """
    backoff = Backoff()
    version: str | None = None
    highest = 0
    is_doubted = False
    while True:
        try:
            if version is None:
                version = await _list(api, watched, follower)
                _check_forward(watched, version, highest)
                highest = max(highest, int(version))
                seen.set()
            elif is_doubted:
                # A watch from a version that is still to come says nothing until then, and not that it is so.
                _check_forward(watched, await _present_version(api, watched), highest)
            is_doubted = False
            began_s = time.monotonic()
            async for kind, body in api.watch(
                watched.path, version, watched.selector, metadata_only=watched.metadata_only
            ):
                version = body["metadata"]["resourceVersion"]
                highest = max(highest, int(version))
                backoff.reset()
                if kind in {"ADDED", "MODIFIED"}:
                    follower.put(body)
                elif kind == "DELETED":
                    follower.drop(body)
            if time.monotonic() - began_s > 1:
                continue
            # Nobody else would notice: what is watched seems never to change.
            _LOG.warning("the watch of %s was ended at once", watched.path)
        except ApiError as error:
            is_doubted = True
            if error.status == _GONE:
                version = None
            elif error.is_missing:
                # No such kind, such as before VolSync is installed: there is nothing to see.
                version = None
                follower.keep_only(set(), "0")
                seen.set()
            else:
                _LOG.warning("broken off: %s", error)
        await asyncio.sleep(backoff.next_s())


async def _list(api: Api, watched: Watched, follower: Follower) -> str:
    found: set[tuple[str, str]] = set()
    version = "0"
    async for page in api.pages(watched.path, watched.selector, metadata_only=watched.metadata_only):
        for body in page.items:
            follower.put(body)
            found.add((body["metadata"].get("namespace", ""), body["metadata"]["name"]))
        version = page.version
    follower.keep_only(found, version)
    return version


async def _present_version(api: Api, watched: Watched) -> str:
    return (await anext(api.pages(watched.path, watched.selector, metadata_only=True))).version


def _check_forward(watched: Watched, version: str, highest: int) -> None:
    if int(version) < highest:
        raise WentBack(f"{watched.path} is at {version} and was at {highest}: etcd was restored from an earlier copy")
