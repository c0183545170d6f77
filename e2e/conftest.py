"""What several scenarios are given beside the drill."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from e2e.desk import Desk
from fixtures.engines import DRILL_LABEL
from fixtures.engines.reference import ReferenceEngine
from fixtures.kube.kinds import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.ground import Ground


@pytest.fixture
def desk(ground: Ground, tmp_path: Path) -> Iterator[Desk]:
    """With a namespace of its own."""
    if ground.engine.name != ReferenceEngine.name:
        pytest.skip(f"engine {ground.engine.name} has no controller of ours")
    ground.engine.install()
    name = f"drill-{secrets.token_hex(3)}"
    metadata = {
        "name": name,
        "labels": {DRILL_LABEL: name},
        "annotations": {"volsync.backube/privileged-movers": "true"},
    }
    ground.kube.apply({"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.name, "metadata": metadata})
    yield Desk(ground, name, tmp_path)
    ground.kube.delete(NAMESPACE, name)
    ground.await_gone(name)
