"""Airflow's own metrics: sent by OTLP to whoever ``ML_OTLP_METRICS_URL`` names, and to nobody where it is unset.

Only what the scheduler, its executor and the DAG processor say of themselves. Tasks are processes of seconds, each of
which would be an instance of its own in Prometheus for ever; how they ended is told by `mlp metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping

VARIABLE = "ML_OTLP_METRICS_URL"
ALLOWED = (
    "^scheduler_heartbeat", "^scheduler[.]", "^executor[.]", "^pool[.]", "^ti[.](scheduled|queued|running|deferred)",
    "^dag_processor_heartbeat", "^dag_processing[.](import_errors|total_parse_time)", "^dagbag_size",
    "^dagrun[.](duration|schedule_delay)", "^task_instances_without_heartbeats_killed",
)  # fmt: skip
"""Names of metrics, as regular expressions."""


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables of Airflow's processes. A receiver that is away costs them a line in their logs each time."""
    url = environment.get(VARIABLE)
    if not url:
        return {}
    return {
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "AIRFLOW__METRICS__LEGACY_NAMES_ON": "False",
        "AIRFLOW__METRICS__METRICS_ALLOW_LIST": ",".join(ALLOWED),
        "OTEL_SERVICE_NAME": "airflow",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_METRIC_EXPORT_INTERVAL": "15000",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2",  # seconds, in which it tries again: ending must not wait for it
    }
