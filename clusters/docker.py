"""The Docker of this machine, through its command line: the one client that every installation has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

from clusters.command import CommandFailed, run, run_logged
from clusters.problem import Problem

KEY_LABEL = "dev.firedrill.key"
"""An image or container that firedrill made carries the digest of what it was made from under this label."""
_SOCKET = "unix:///var/run/docker.sock"
_ROOT = "/var/lib/docker"


def answers() -> bool:
    """Whether a Docker daemon answers this user."""
    return not refusal()


def refusal() -> str:
    """Why Docker does not answer, in its own words; empty if it does."""
    try:
        run(["docker", "version", "--format", "{{.Server.Version}}"], what="docker version", timeout_s=30)
    except Problem as problem:
        return problem.why
    except OSError as wrong:  # a program of that name that cannot be started
        return str(wrong)
    return ""


def elsewhere() -> str:
    """Where the client was told to look for a daemon; empty if that is where this machine's own one is to be found.

    Raises `Problem` if there is no such context.
    """
    found = os.environ.get("DOCKER_HOST", "")  # it counts before any context
    if not found and shutil.which("docker") is not None:
        ask = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
        found = run(ask, what="asking Docker where its daemon is", remedy="docker context ls").strip()
    return "" if found.replace("///run/", "///var/run/") in {"", _SOCKET} else found


def root() -> Path:
    """The folder in which the daemon keeps everything; where it does not answer, the one that it has by default."""
    try:
        said = run(["docker", "info", "--format", "{{.DockerRootDir}}"], what="docker info", timeout_s=30).strip()
    except Problem:
        said = ""
    return Path(said or _ROOT)


def inspect(kind: str, *names: str) -> dict[str, dict[str, Any]]:
    """The objects of one kind (`image`, `container`, `network`, `volume`) that exist, by the name asked for."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        done = subprocess.run(["docker", kind, "inspect", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found[name] = json.loads(done.stdout)[0]
        elif not any(word in done.stderr.lower() for word in ("no such", "not found")):
            raise CommandFailed(
                f"docker {kind} inspect {name}", output=done.stderr, exit_code=done.returncode, remedy="make status"
            )
    return found


def keys(*references: str) -> dict[str, str]:
    """The key label of each image that exists. An image that somebody else made has the empty key."""
    return {
        reference: (image["Config"].get("Labels") or {}).get(KEY_LABEL, "")
        for reference, image in inspect("image", *references).items()
    }


def build(context: Path, *, tag: str, key: str, log: Path, network: str = "none") -> None:
    """Build an image labelled with its key; without a network unless one is named."""
    run_logged(
        [
            "docker",
            "build",
            f"--network={network}",
            "--pull=false",
            "--label",
            f"{KEY_LABEL}={key}",
            "--tag",
            tag,
            context,
        ],
        what=f"building the image {tag}",
        log=log,
    )


def containers(label: str) -> list[str]:
    """Names of all containers, running or not, with this label (`key` or `key=value`)."""
    listed = run(
        ["docker", "ps", "--all", "--filter", f"label={label}", "--format", "{{.Names}}"], what="listing containers"
    )
    return listed.split()


def ours() -> dict[str, datetime]:
    """The images with our label that have a name, and when they were made."""
    template = "{{.Repository}}:{{.Tag}}\t{{.CreatedAt}}"
    listed = run(
        ["docker", "image", "ls", "--filter", f"label={KEY_LABEL}", "--format", template], what="listing images"
    )
    return {
        name: datetime.strptime(" ".join(made.split()[:3]), "%Y-%m-%d %H:%M:%S %z")
        for name, _, made in (line.partition("\t") for line in listed.splitlines())
        if "<none>" not in name
    }


def remove_image(reference: str) -> bool:
    """Whether the image, or this name of it, is gone. Docker refuses where a container uses it, running or not."""
    return subprocess.run(["docker", "image", "rm", reference], capture_output=True, check=False).returncode == 0


def remove_nameless() -> None:
    """Remove images of ours that lost their name to a newer one and that no container uses."""
    run(["docker", "image", "prune", "--force", "--filter", f"label={KEY_LABEL}"], what="removing nameless images")
