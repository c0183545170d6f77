"""How the tests of properties search (as far as ever, and never by the clock), and what tests of drills are given."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.world import run_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fixtures.findings import Findings
    from fixtures.scenario import Scenario
    from tests.world import World

# Both limits would measure the machine: a slow one is no fault of the code.
settings.register_profile("firedrill", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("firedrill")


@pytest.fixture
def run(tmp_path: Path) -> Callable[[World, Scenario], Findings]:
    """Has a drill of a scenario in a world of its own."""
    return partial(run_in, tmp_path)
