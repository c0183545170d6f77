"""What a repository itself says, read by restic without a lock and without a cache. Nothing is written.

restic asks a store that does not answer for up to 15 minutes, so each run has a deadline of its own. Few run at once,
since each derives its key in 32 MB of memory or more; to wait for a turn counts as time. Exit codes tell 10, no
repository, and 12, wrong password (restic 0.18.1, cmd/restic/main.go).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from controller.model import RestorePoint
from controller.truth import Failed, Listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.model import Credentials
    from controller.truth import Listing

_NO_REPOSITORY: Final = 10
_WRONG_PASSWORD: Final = 12
_MOVERS_PATH: Final = "/data"
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
# A key to the store, an address of an object or a time in restic's words would make each telling another one.
_WORDS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class LockFile:
    """The content of a lock: which pod took it, when it was renewed for the last time, and whether for itself alone."""

    host: str
    refreshed_at: datetime
    exclusive: bool


class Restic:
    """One repository. `program` is restic's own, `url` as restic addresses it; `turns` are how many may run at once."""

    def __init__(self, program: str, url: str, credentials: Credentials, turns: asyncio.Semaphore) -> None:
        self._program = program
        self._turns = turns
        # Nothing of our own environment but where programs lie: a RESTIC_* or AWS_* of it would lead elsewhere.
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            **{name: _plain(value) for name, value in credentials.data.items()},
            "RESTIC_REPOSITORY": url,
        }

    async def points(self, deadline_s: float) -> Listing:
        """All restore points, with their times and sizes; or why nobody can say. No repository is an empty list."""
        done = await self._run(deadline_s, "snapshots")
        if isinstance(done, Failed):
            return done
        if done.code == _NO_REPOSITORY:
            return Listed((), times_are_exact=True)
        if done.code != 0:
            return _failed(done)
        try:
            found = json.loads(done.out) or []
            points = tuple(_point(item) for item in found if _MOVERS_PATH in item["paths"])
        except (ValueError, KeyError, TypeError):
            return Failed("restic's list of restore points could not be read")
        if found and not points:
            return Failed("the repository holds restore points, but none that a mover made")
        return Listed(points, times_are_exact=True)

    async def lock(self, lock_id: str, deadline_s: float) -> LockFile | Failed:
        """What a lock says. One that is gone meanwhile has failed as well."""
        done = await self._run(deadline_s, "cat", "lock", lock_id)
        if isinstance(done, Failed):
            return done
        if done.code != 0:
            return _failed(done)
        try:
            found = json.loads(done.out)
            return LockFile(str(found["hostname"]), _time(found["time"]), bool(found["exclusive"]))
        except (ValueError, KeyError, TypeError):
            return Failed("restic's lock could not be read")

    async def _run(self, deadline_s: float, *arguments: str) -> _Done | Failed:
        why_late = "restic had no turn in time: other repositories are read now"
        try:
            async with asyncio.timeout(deadline_s), self._turns:
                why_late = "the store did not answer restic in time"
                return await self._ended(*arguments)
        except TimeoutError:
            return Failed(why_late)

    async def _ended(self, *arguments: str) -> _Done | Failed:
        """What it says until it ends; if nobody waits for that any more, it is killed."""
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                "--no-cache",
                "--no-lock",
                "--json",
                "--quiet",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
            )
        except OSError as error:
            return Failed(f"{self._program} could not be run: {error.strerror}")
        try:
            out, told = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _Done(process.returncode or 0, out, told)


@dataclass(frozen=True, slots=True)
class _Done:
    code: int
    out: bytes
    told: bytes


def _failed(done: _Done) -> Failed:
    match done.code:
        case _ if done.code == _NO_REPOSITORY:
            return Failed("there is no repository")
        case _ if done.code == _WRONG_PASSWORD:
            return Failed("the password of the base Secret does not open the repository; give the one it was made with")
        case code:
            return Failed(f"restic ended with {code}: {_last_words(done.told)}")


def _last_words(told: bytes) -> str:
    lines = [line for line in told.decode(errors="replace").splitlines() if line.strip()]
    last = lines[-1] if lines else "without a word"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        last = str(json.loads(last)["message"])  # some errors come as JSON
    return " ".join(last.split())[:_WORDS_MAX]


def _point(item: Mapping[str, Any]) -> RestorePoint:
    size = (item.get("summary") or {}).get("total_bytes_processed")
    return RestorePoint(_time(item["time"]), str(item["id"]), None if size is None else int(size))


def _time(text: str) -> datetime:
    """restic prints nanoseconds; datetime holds microseconds."""
    found = datetime.fromisoformat(_FRACTION.sub(r"\1", text.replace("Z", "+00:00")))
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found.astimezone(UTC)


def _plain(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
