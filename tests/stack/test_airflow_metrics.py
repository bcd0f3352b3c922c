"""Airflow tells of itself where somebody is named to tell it to, and only what does not grow with its tasks."""

from airflow._shared.observability.metrics.validators import get_validator

from stack.airflow_metrics import settings


def test_by_default_nothing_is_sent():
    assert settings({}) == {}
    assert settings({"ML_OTLP_METRICS_URL": ""}) == {}


def test_what_is_sent_goes_to_the_address_that_is_named():
    variables = settings({"ML_OTLP_METRICS_URL": "http://127.0.0.1:9108/v1/metrics"})
    assert variables["AIRFLOW__METRICS__OTEL_ON"] == "True"
    assert variables["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] == "http://127.0.0.1:9108/v1/metrics"


def test_airflow_lets_through_what_the_scheduler_says_and_nothing_of_single_tasks():
    allowed = get_validator(settings({"ML_OTLP_METRICS_URL": "x"})["AIRFLOW__METRICS__METRICS_ALLOW_LIST"], None)
    for name in ("scheduler_heartbeat", "dag_processing.import_errors", "dagrun.duration.success", "ti.running"):
        assert allowed.test(name), name
    for name in ("ti.start", "ti.finish", "ti_failures", "task.duration", "operator_successes", "ol.emit.attempts"):
        assert not allowed.test(name), name
