"""Wiring: everything that tests are given comes from `fixtures.plugin`."""

from __future__ import annotations

pytest_plugins = ["fixtures.plugin"]
