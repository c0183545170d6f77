"""Scenarios on a real cluster; each reads from top to bottom as given, when, then."""
