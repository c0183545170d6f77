"""A real registry on the loopback, and small images to put into it."""

from __future__ import annotations

import secrets
import socket
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from clusters import docker
from clusters.command import run
from clusters.images import build
from clusters.images.gomodule import GoModule
from clusters.images.mirror import Mirror
from fixtures.wait import Waits, eventually

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

REGISTRY = GoModule("registry", "v3.0.0")
_CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """A mirror that is empty and answers."""
    build.ensure_artefacts([REGISTRY])
    folder = tmp_path_factory.mktemp("registry")
    with serving(REGISTRY.folder / "registry", folder, free_port()) as port:
        yield Mirror(f"127.0.0.1:{port}/mirror")


@contextmanager
def serving(program: Path, folder: Path, port: int) -> Generator[int]:
    """The registry as a process that ends with the block."""
    config = folder / "config.yaml"
    config.write_text(_CONFIG.format(folder=folder / "data", port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", config], stdout=log, stderr=log)
    try:
        eventually(lambda: _status(port), lambda status: status == 200, expected="a registry", wait=Waits.load().api)
        yield port
    finally:
        process.kill()
        process.wait()


def _status(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5) as answer:
            status: int = answer.status
    except OSError:
        return 0
    return status


@pytest.fixture
def reference() -> Iterator[str]:
    """The name of an image that nobody else has; it is forgotten at the end."""
    name = f"registry.invalid/firedrill-test/{secrets.token_hex(4)}:v1"
    yield name
    subprocess.run(["docker", "image", "rm", name], capture_output=True, check=False)


def push(reference: str, mirror: Mirror) -> None:
    """Put an image of one file into a mirror under its name there; nothing of it stays in Docker."""
    held = mirror.holds(reference)
    dockerfile = f'FROM scratch\nLABEL firedrill.test="{held}"\n'
    run(["docker", "build", "--quiet", "--network=none", "--tag", held, "-"], what="build", stdin=dockerfile.encode())
    run(["docker", "push", "--quiet", held], what="push")
    run(["docker", "image", "rm", held], what="forget")
    assert not docker.inspect("image", held)
