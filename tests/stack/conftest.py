"""A folder of state whose services are ended with the test, and ports that are free."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.service import Service


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[Service], Service]]:
    """Starts a service; ends it with the test."""
    services: list[Service] = []

    def start(service: Service) -> Service:
        services.append(service)
        service.start()
        return service

    yield start
    for service in services:
        service.stop()
