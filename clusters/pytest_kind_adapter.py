"""pytest-kind, which creates kind clusters and loads images into them. It is under the GPL: nothing else imports it.

It is given our own kind and kubectl, so that it downloads nothing (it would fetch kind v0.17, without a checksum).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import KindCluster

if TYPE_CHECKING:
    from collections.abc import Generator


class PytestKind:
    """One kind cluster by name. `folder` is where pytest-kind may leave its files."""

    def __init__(self, name: str, *, folder: Path, kubeconfig: Path, image: str, kind: Path, kubectl: Path) -> None:
        self._folder = folder
        with _working_in(folder):  # its constructor makes .pytest-kind/ in the working directory
            self._cluster = KindCluster(name, kubeconfig=kubeconfig, image=image, kind_path=kind, kubectl_path=kubectl)

    def create(self, config: Path) -> None:
        """Create the cluster from a kind configuration file. Raises subprocess.CalledProcessError."""
        with _working_in(self._folder):
            self._cluster.create(config_file=config)

    def load_image(self, reference: str) -> None:
        """Load an image of this machine's Docker into every node. Raises subprocess.CalledProcessError."""
        self._cluster.load_docker_image(reference)


@contextmanager
def _working_in(folder: Path) -> Generator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
