"""Tests of rules and dashboards need Debian's Prometheus."""

from __future__ import annotations

import pytest

from tests.observability.prometheus import find


@pytest.fixture(scope="session")
def promtool() -> str:
    """The tool that checks configuration and rules; skips where it is not there."""
    tool = find("promtool")
    if tool is None:
        pytest.skip("promtool is not there: `make prometheus` unpacks it where there is Debian's archive")
    return tool
