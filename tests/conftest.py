"""How the tests of properties search: as far as ever, and never by the clock."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Both limits would measure the machine: a slow one is no fault of the code.
settings.register_profile("firedrill", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("firedrill")
