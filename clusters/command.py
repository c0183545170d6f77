"""Programs that firedrill runs. One that fails becomes a `Problem` with its last lines and the place of its log."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from clusters.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LAST_LINES = 12


class CommandFailed(Problem):
    """A program ended with an exit code other than 0. `output` is all that it wrote."""

    def __init__(self, what: str, *, output: str, exit_code: int, remedy: str) -> None:
        tail = "\n        ".join(output.strip().splitlines()[-_LAST_LINES:]) or "(it wrote nothing)"
        super().__init__(f"{what} failed with exit code {exit_code}", why=tail, remedy=remedy)
        self.output = output
        self.exit_code = exit_code


def run(
    arguments: Sequence[str | Path],
    *,
    what: str,
    remedy: str = "run it again; if it fails again, read the lines above",
    stdin: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float | None = None,
) -> str:
    """Run a program to its end and return what it wrote to stdout. Raises `CommandFailed`, with stderr as the cause."""
    try:
        done = subprocess.run(
            [str(a) for a in arguments],
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            env=dict(environment) if environment is not None else None,
            cwd=cwd,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise Problem(what, why=f"there is no program {arguments[0]}", remedy=remedy) from None
    except subprocess.TimeoutExpired as expired:
        text = (expired.stderr or b"").decode(errors="replace")
        raise CommandFailed(
            f"{what} (no end after {timeout_s:g} s)", output=text, exit_code=-1, remedy=remedy
        ) from None
    if done.returncode != 0:
        output = (done.stderr or done.stdout).decode(errors="replace")
        raise CommandFailed(what, output=output, exit_code=done.returncode, remedy=remedy)
    return done.stdout.decode(errors="replace")


def run_logged(
    arguments: Sequence[str | Path],
    *,
    what: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a long program with everything it says appended to `log`. Raises `CommandFailed`, which names the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        started_at = sink.tell()
        done = subprocess.run(
            [str(a) for a in arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=cwd,
            check=False,
        )
    if done.returncode != 0:
        output = log.read_bytes()[started_at:].decode(errors="replace")
        raise CommandFailed(what, output=output, exit_code=done.returncode, remedy=f"the whole log is {log}")


def pipe(source: Sequence[str | Path], sink: Sequence[str | Path], *, what: str) -> str:
    """Run two programs, the output of the first being the input of the second, and return what the second wrote.

    Raises `CommandFailed` for either.
    """
    with subprocess.Popen([str(a) for a in source], stdout=subprocess.PIPE) as first:
        second = subprocess.run([str(a) for a in sink], stdin=first.stdout, capture_output=True, check=False)
    if first.returncode != 0 or second.returncode != 0:
        raise CommandFailed(
            what,
            output=(second.stdout + second.stderr).decode(errors="replace"),
            exit_code=second.returncode or first.returncode,
            remedy="is Docker's disk full? `docker system df`",
        )
    return second.stdout.decode(errors="replace")
