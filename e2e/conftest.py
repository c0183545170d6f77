"""What several scenarios are given beside the drill."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from e2e.desk import desk_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.desk import Desk
    from fixtures.ground import Ground


@pytest.fixture
def desk(ground: Ground, tmp_path: Path) -> Iterator[Desk]:
    """With a namespace of its own."""
    with desk_in(f"drill-{secrets.token_hex(3)}", ground, tmp_path) as found:
        yield found
