"""Metrics that are sent by OTLP, as Prometheus is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from prometheus_client.parser import text_string_to_metric_families

from ml.metrics.otlp import NoOtlp, OtlpCollector
from ml.metrics.server import server


@pytest.fixture
def address(settings) -> Iterator[str]:
    """Of a server that answers as `mlp metrics` does."""
    listening = server(settings, "127.0.0.1", 0)
    thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


class Sender:
    """A process that measures with OpenTelemetry, as Airflow sets it up."""

    def __init__(self, address: str, process: str) -> None:
        self._exporter = OTLPMetricExporter(endpoint=f"{address}/v1/metrics")
        self._provider = MeterProvider(
            resource=Resource({"service.name": "airflow", "service.instance.id": process}),
            metric_readers=[PeriodicExportingMetricReader(self._exporter, export_interval_millis=1e9)],
            views=[View(instrument_name="*.duration", aggregation=ExponentialBucketHistogramAggregation())],
            shutdown_on_exit=False,
        )
        self.meter = self._provider.get_meter("tests")

    def send(self) -> None:
        assert self._provider.force_flush()

    def end(self) -> None:
        self._provider.shutdown()


@pytest.fixture
def senders(address) -> Iterator[list[Sender]]:
    found = [Sender(address, "one"), Sender(address, "other")]
    yield found
    for sender in found:
        sender.end()


def told(address: str) -> dict[str, dict[tuple[str, ...], float]]:
    reply = httpx.get(f"{address}/metrics", trust_env=False).raise_for_status()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(v for _, v in sorted(sample.labels.items()))] = sample.value
    return found


def test_counters_gauges_and_times_are_told_by_process_beside_the_platforms_own(address, senders):
    one, other = senders
    one.meter.create_counter("airflow.scheduler_heartbeat").add(3)
    other.meter.create_counter("airflow.scheduler_heartbeat").add(4)
    one.meter.create_gauge("airflow.pool.open_slots").set(128, {"pool_name": "default_pool"})
    one.meter.create_up_down_counter("airflow.pool.change").add(-2)
    times = one.meter.create_histogram("airflow.dagrun.duration", unit="ms")
    times.record(1500, {"dag_id": "a"})
    times.record(500, {"dag_id": "a"})
    one.send()
    other.send()
    found = told(address)
    assert found["airflow_scheduler_heartbeat_total"] == {("one",): 3, ("other",): 4}
    assert found["airflow_pool_open_slots"] == {("default_pool", "one"): 128}
    assert found["airflow_pool_change"] == {("one",): -2}
    assert found["airflow_dagrun_duration_seconds_count"] == {("a", "one"): 2}
    assert found["airflow_dagrun_duration_seconds_sum"] == {("a", "one"): 2}
    assert found["ml_platform_up"] == {(): 1}


def test_what_a_process_sends_takes_the_place_of_what_it_sent_before(address, senders):
    one, _ = senders
    counter = one.meter.create_counter("airflow.scheduler_heartbeat")
    for _ in range(2):
        counter.add(1)
        one.send()
    assert told(address)["airflow_scheduler_heartbeat_total"] == {("one",): 2}


def test_a_name_that_could_be_the_platforms_own_is_not_taken(address, senders):
    one, _ = senders
    one.meter.create_gauge("ml.platform.up").set(0)
    one.meter.create_gauge("airflow.dagbag_size").set(8)
    one.send()
    found = told(address)
    assert found["ml_platform_up"] == {(): 1}
    assert found["airflow_dagbag_size"] == {("one",): 8}


@pytest.mark.parametrize(
    ("method", "path", "kind", "body", "status"),
    [
        ("POST", "/v1/metrics", "application/x-protobuf", b"\xff\xffno protobuf", 400),
        ("POST", "/v1/metrics", "application/json", b"{}", 415),
        ("POST", "/v1/metrics", "application/x-protobuf", b"x" * (4 * 1024**2 + 1), 413),
        ("GET", "/v1/metrics", "", b"", 404),
        ("POST", "/metrics", "application/x-protobuf", b"", 404),
        ("GET", "/", "", b"", 404),
    ],
)
def test_what_is_no_such_request_is_refused(address, method, path, kind, body, status):
    reply = httpx.request(method, address + path, content=body, headers={"content-type": kind}, trust_env=False)
    assert reply.status_code == status


def test_it_is_well_as_long_as_it_answers_whatever_postgres_does(address):
    assert httpx.get(f"{address}/-/healthy", trust_env=False).status_code == 200


def test_a_process_that_is_silent_is_forgotten():
    moment = 0.0
    collector = OtlpCollector("airflow.", keep_seconds=300, clock=lambda: moment)
    collector.take(_request("airflow.dagbag_size"))
    moment = 300
    assert [family.name for family in collector.collect()] == ["airflow_dagbag_size"]
    moment = 301
    assert not list(collector.collect())


def test_of_a_process_and_what_was_forked_from_it_the_one_that_goes_on_counting_is_told():
    collector = OtlpCollector("airflow.")
    for process, beats, slots in (("fork", 3, 4), ("scheduler", 9, 1), ("another", 5, 2), ("fork", 3, 4)):
        collector.take(_scheduler(process, beats, slots, began=200 if process == "another" else 100))
    told = {family.name: {s.labels["process"]: s.value for s in family.samples} for family in collector.collect()}
    assert told == {
        "airflow_scheduler_heartbeat": {"scheduler": 9, "another": 5},
        "airflow_executor_open_slots": {"scheduler": 1, "another": 2},
    }


def test_what_cannot_be_read_leaves_what_was_sent_before():
    collector = OtlpCollector("airflow.")
    collector.take(_request("airflow.dagbag_size"))
    with pytest.raises(NoOtlp, match="13 bytes"):
        collector.take(b"\xff\xffno protobuf")
    assert len(list(collector.collect())) == 1


def _request(name: str) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    metric.gauge.data_points.add(as_int=8)
    return request.SerializeToString()


def _scheduler(process: str, beats: int, slots: int, *, began: int) -> bytes:
    request = ExportMetricsServiceRequest()
    sent = request.resource_metrics.add()
    sent.resource.attributes.add(key="service.instance.id").value.string_value = process
    metrics = sent.scope_metrics.add().metrics
    counter = metrics.add(name="airflow.scheduler_heartbeat").sum
    counter.is_monotonic = True
    counter.data_points.add(as_int=beats, start_time_unix_nano=began)
    metrics.add(name="airflow.executor.open_slots").gauge.data_points.add(as_int=slots)
    return request.SerializeToString()
