"""What the CSI driver's tests are given. They drive the real driver, as root, with real loop devices."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters import versions
from clusters.images import build
from clusters.images.source import SourceBuilt
from fixtures.components.hostpath.driver import mounts
from fixtures.components.hostpath.driver.commands import run
from fixtures.components.hostpath.driver.store import Placement
from fixtures.components.hostpath.image import artefacts
from tests.hostpath.machine import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDS_ROOT = "loop devices and mounts need root; run the tests as root, for example `sudo make test`"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() != 0:
        for item in items:
            if "hostpath" in item.path.parts and "cluster" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=NEEDS_ROOT))


@pytest.fixture(scope="session")
def stubs() -> Path:
    """The folder of the compiled CSI messages, which this process then can import too."""
    chosen = versions.choose()
    compiled, _ = artefacts(chosen)
    build.ensure_artefacts([compiled])
    sys.path.insert(0, str(compiled.folder))
    return compiled.folder


@pytest.fixture(scope="session")
def sanity_binary() -> Path:
    """The csi-sanity program of the version in clusters/versions.toml."""
    return SourceBuilt(versions.choose()).binary("csi-sanity")


@pytest.fixture(params=[Placement.NODE_LOCAL], ids=lambda placement: placement.value)
def cluster(request: pytest.FixtureRequest, stubs: Path) -> Iterator[Cluster]:
    """A store and as many driver processes on it as the test starts. Whatever they leave behind is an error."""
    # pytest's own folders have names so long that the sockets in them would not fit into a socket address.
    with tempfile.TemporaryDirectory(prefix="csi-") as folder:
        base = Path(folder)
        mounts.bind(base, base)
        run("mount", "--make-shared", base)
        made = Cluster(base, stubs, request.param)
        try:
            yield made
            made.stop()
            assert made.leftovers() == []
        finally:
            made.clean()
            mounts.unmount(base)
