"""Screens in tests."""

from tests.support.fixed_place import _fixed_place, engine

__all__ = ["_fixed_place", "engine"]
