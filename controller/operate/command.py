"""The command line of the operations, and how each ends: 0 if it is done, 2 with one message if not."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controller import intent
from controller.cluster.api import ApiError
from controller.cluster.connection import NoCluster
from controller.contract import Repo
from controller.operate import adopting, backing_up, backups, leaving, orphans, resizing, restoring, site
from controller.operate.site import Name, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from controller.configuration import Configuration
    from controller.operate.site import Site

    Parsers = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_REFUSED: Final = 2
_BACKUP_DEADLINE_S: Final = 1800.0


def add(commands: Parsers) -> None:
    """Add the operations to a command line."""
    _add(commands, "backups", "list the restore points of a claim", _backups)
    one = _add(commands, "adopt", "take restore points for a claim's own that nothing notes as its own", _adopt)
    one.add_argument("--yes", action="store_true", help="do it; without, they are only listed")
    one = _add(commands, "back-up", "back a claim up now, and wait for the restore point", _back_up)
    _deadline(one)
    one = _add(
        commands, "restore", "delete a claim and have it restored, from the newest or an earlier backup", _restore
    )
    one.add_argument("--previous", type=_count, default=0, metavar="N", help="this many before the newest (default 0)")
    one.add_argument("--as-of", type=_moment, metavar="TIME", help="the newest at or before it: 2026-01-14T12:00:00Z")
    one.add_argument(
        "--from",
        choices=[each.value for each in Repo],
        dest="repo",
        help="the repository (default: the first with any)",
    )
    _agreement(one)
    one = _add(commands, "resize", "grow a claim in place, or shrink it through a backup and a restore", _resize)
    one.add_argument("size", help="such as 20Gi")
    _agreement(one)
    _deadline(one)
    _add(commands, "decommission", "back a claim up no more; its backups stay", _decommission)
    one = _add(
        commands, "delete-backups", "delete all backups of a claim that is gone or decommissioned", _delete_backups
    )
    one.add_argument("--yes", action="store_true", help="do it; it cannot be undone")
    one = commands.add_parser("orphans", help="list backups without a claim and destinations without a use")
    one.set_defaults(operation=_orphans, endpoint=[])
    _endpoints(one)


async def run(configuration: Configuration, arguments: Namespace) -> int:
    """Do what was asked, and return the exit code."""
    try:
        found = _with_endpoints(configuration, arguments.endpoint)
        async with site.opened(found, _tell) as here:
            await arguments.operation(here, arguments)
    except (Refused, ApiError, NoCluster) as why:
        sys.stderr.write(f"controller: {why}\n")
        return EXIT_REFUSED
    return 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _backups(here: Site, asked: Namespace) -> None:
    await backups.run(here, asked.claim)


async def _adopt(here: Site, asked: Namespace) -> None:
    await adopting.run(here, asked.claim, agreed=asked.yes)


async def _back_up(here: Site, asked: Namespace) -> None:
    await backing_up.run(here, asked.claim, asked.within)


async def _restore(here: Site, asked: Namespace) -> None:
    order = restoring.Order(asked.previous, asked.as_of, Repo(asked.repo) if asked.repo else None)
    await restoring.run(here, asked.claim, order, asked.folder, agreed=asked.yes)


async def _resize(here: Site, asked: Namespace) -> None:
    await resizing.run(here, asked.claim, asked.size, asked.folder, asked.within, agreed=asked.yes)


async def _decommission(here: Site, asked: Namespace) -> None:
    await leaving.decommission(here, asked.claim)


async def _delete_backups(here: Site, asked: Namespace) -> None:
    await leaving.delete_backups(here, asked.claim, agreed=asked.yes)


async def _orphans(here: Site, _asked: Namespace) -> None:
    await orphans.run(here)


def _add(
    commands: Parsers, name: str, what: str, operation: Callable[[Site, Namespace], Awaitable[None]]
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=what, description=what)
    parser.add_argument("claim", type=_name, metavar="NAMESPACE/CLAIM")
    parser.set_defaults(operation=operation)
    _endpoints(parser)
    return parser


def _agreement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it; without, it is only told what would be done")
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="where the claim's manifest is kept before it goes (default: here)"
    )


def _deadline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--within",
        type=float,
        default=_BACKUP_DEADLINE_S,
        metavar="SECONDS",
        help="give up after (default %(default)s)",
    )


def _endpoints(parser: argparse.ArgumentParser) -> None:
    what = "where a store is reached from here, if not as pods reach it: local=https://s3.example.org"
    parser.add_argument("--endpoint", action="append", default=[], type=_endpoint, metavar="STORE=URL", help=what)


def _with_endpoints(configuration: Configuration, endpoints: list[tuple[Repo, str]]) -> Configuration:
    stores = dict(configuration.settings.stores)
    for repo, url in endpoints:
        if repo not in stores:
            raise Refused(f"--endpoint {repo.value}=…: the installation has no {repo.value} store")
        stores[repo] = replace(stores[repo], endpoint=url)
    return replace(configuration, settings=replace(configuration.settings, stores=stores))


def _endpoint(text: str) -> tuple[Repo, str]:
    repo, _, url = text.partition("=")
    if repo not in {each.value for each in Repo} or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is no STORE=URL; write local=https://s3.example.org")
    return Repo(repo), url


def _name(text: str) -> Name:
    namespace, _, claim = text.partition("/")
    if not namespace or not claim or "/" in claim:
        raise argparse.ArgumentTypeError(f"{text!r} names no claim; write <namespace>/<claim>")
    return Name(namespace, claim)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count; write 0 for the newest, 1 for the one before it")
    return int(text)


def _moment(text: str) -> datetime:
    found = intent.moment(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time with a zone; write one such as 2026-01-14T12:00:00Z")
    return found
