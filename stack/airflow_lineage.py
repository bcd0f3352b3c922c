"""Airflow's OpenLineage events: to a file below the state folder, or to the server that ``ML_LINEAGE_URL`` names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

URL, NAMESPACE = "ML_LINEAGE_URL", "ML_LINEAGE_NAMESPACE"
_ENDPOINT = "api/v1/lineage"
"""That of OpenLineage's own server, where the URL has no path."""
_SECONDS = 3
"""A task waits that long, twice, for a server that is away."""
_POLICY = [{"scope": {}, "controls": {"include_source_code": False}}]


def events_file(state: Path) -> Path:
    """Of today; the maintenance DAG puts each day's aside."""
    return state / "lineage" / "events.jsonl"


def settings(environment: Mapping[str, str], state: Path) -> dict[str, str]:
    """Variables of Airflow's processes."""
    url = urlsplit(environment.get(URL, ""))
    to_server = {
        "type": "http",
        "url": f"{url.scheme}://{url.netloc}",
        "endpoint": url.path.strip("/") or _ENDPOINT,
        "timeout": _SECONDS,
        "retry": {"total": 0},
    }
    to_file = {"type": "file", "log_file_path": str(events_file(state)), "append": True}
    return {
        "AIRFLOW__OPENLINEAGE__NAMESPACE": environment.get(NAMESPACE) or "ml-platform",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(to_server if url.netloc else to_file),
        "AIRFLOW__OPENLINEAGE__EMISSION_POLICY": json.dumps(_POLICY),
        # A fork of a process in which OpenMP has run can hang, and imports all anew.
        "AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD": "True",
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": str(_SECONDS),
    }
