"""Whether something answers over HTTP; no answer is an answer too."""

from __future__ import annotations

import httpx


def says_ok(url: str) -> bool:
    """Whether a GET of the address answers 200."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def airflow_says_healthy(url: str, component: str) -> bool:
    """What Airflow's api-server at that address says of a component, from the heartbeats in its database."""
    try:
        reply = httpx.get(f"{url}/api/v2/monitor/health", timeout=5, trust_env=False).json()
        return bool(reply[component]["status"] == "healthy")
    except (httpx.HTTPError, ValueError, KeyError):
        return False
