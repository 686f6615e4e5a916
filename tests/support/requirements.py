"""What a test needs from the machine."""

import os

import pytest


def need(condition: bool, why: str) -> None:
    """Skips the test, for the reason ``why``, unless the condition holds; with IKEVIEW_TESTS_STRICT=1 it fails."""
    if condition:
        return
    if os.environ.get("IKEVIEW_TESTS_STRICT") == "1":
        pytest.fail(f"IKEVIEW_TESTS_STRICT is set, and {why}")
    pytest.skip(why)
