"""`python -m controller …`: what the controller's pods run, and what administrators and owners of claims run."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controller import configuration
from controller.configuration import Misconfigured
from controller.operate import command

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from controller.configuration import Configuration

FILE: Final = Path("/etc/firedrill/configuration.yaml")
EXIT_MISCONFIGURED: Final = 2


async def _serve(found: Configuration) -> None:
    from controller.admission import serving  # noqa: PLC0415 - each command loads only what it runs

    await serving.run(found)


async def _reconcile(found: Configuration) -> None:
    from controller import reconciling  # noqa: PLC0415

    await reconciling.run(found)


async def _init_store(found: Configuration) -> None:
    from controller.store import marking  # noqa: PLC0415

    await marking.run(found)


_COMMANDS: Final[Mapping[str, tuple[Callable[[Configuration], Coroutine[None, None, None]], str]]] = {
    "serve": (_serve, "answer the API server about claims that are being created"),
    "reconcile": (_reconcile, "restore and back up the claims that are stored"),
    "init-store": (_init_store, "mark the stores as this installation's; once, when they are new"),
}


def main() -> int:
    """Read the command line and do it. A configuration that cannot be used is one message and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m controller", description=__doc__)
    parser.add_argument("--configuration", type=Path, default=FILE, help="a YAML file (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, what) in _COMMANDS.items():
        commands.add_parser(name, help=what)
    command.add(commands)
    arguments = parser.parse_args()
    try:
        found = configuration.read(arguments.configuration)
    except Misconfigured as problem:
        print(f"controller: {problem}", file=sys.stderr)  # noqa: T201 - the answer itself
        return EXIT_MISCONFIGURED
    if arguments.command not in _COMMANDS:
        return asyncio.run(command.run(found, arguments))
    run, _ = _COMMANDS[arguments.command]
    asyncio.run(run(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
