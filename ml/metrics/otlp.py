"""Receives metrics by OTLP, as Airflow's processes send them, and tells Prometheus of them.

Prometheus can receive OTLP itself where it is built and started so; that of Debian is not. This way every Prometheus
will do, and it finds all of the platform at one place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from time import monotonic
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it comes without types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as OtlpMetric
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

PROCESS = "process"
"""Label with the ``service.instance.id`` of the sender."""
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


class NoOtlp(ValueError):
    """What was sent is no request to take metrics."""


@dataclass(frozen=True)
class _Sent:
    """What a process sent last."""

    process: str
    at: float
    metrics: list[OtlpMetric]

    @cached_property
    def began(self) -> int | str:
        """When its first counter was made: to the nanosecond the same in a process forked from it, and in no other."""
        starts = [point.start_time_unix_nano for point in self._points if point.start_time_unix_nano]
        return min(starts, default=self.process)

    @cached_property
    def counted(self) -> float:
        """All its counters together, which stand still in such a fork."""
        return sum(_number(p) if isinstance(p, NumberDataPoint) else p.count for p in self._points)

    @property
    def _points(self) -> Iterator[Any]:
        return (point for metric in self.metrics if metric.WhichOneof("data") != "gauge" for point in _points(metric))


class OtlpCollector(Collector):
    """The last that each process sent, cumulative as OpenTelemetry does by default; for ``keep_seconds``.

    Counters become counters, gauges gauges; of histograms there are count and sum, times in seconds. Names that do
    not begin with ``prefix`` are left out: they could be those of others. So are processes that were forked from one
    that measured, and send on for ever what it had by then.
    """

    def __init__(self, prefix: str, *, keep_seconds: float = 300, clock: Callable[[], float] = monotonic) -> None:
        self._prefix = prefix
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._lock = Lock()
        self._sent: dict[str, _Sent] = {}

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before it was sent."""
        return ()

    def take(self, body: bytes) -> None:
        """Take a request in place of what its process sent before. Raises :class:`NoOtlp`."""
        try:
            request = ExportMetricsServiceRequest.FromString(body)
        except DecodeError as error:
            raise NoOtlp(f"no ExportMetricsServiceRequest of OTLP in {len(body)} bytes") from error
        with self._lock:
            for resource in request.resource_metrics:
                process = dict(_attributes(resource.resource.attributes)).get("service_instance_id", "")
                metrics = [metric for scope in resource.scope_metrics for metric in scope.metrics]
                named = [metric for metric in metrics if metric.name.startswith(self._prefix)]
                self._sent[process] = _Sent(process, self._clock(), named)

    def collect(self) -> Iterator[Metric]:
        """One family for each name, of all processes that were heard of lately."""
        oldest = self._clock() - self._keep_seconds
        with self._lock:
            self._sent = {process: sent for process, sent in self._sent.items() if sent.at >= oldest}
            originals = {sent.began: sent for sent in sorted(self._sent.values(), key=lambda sent: sent.counted)}
        families: dict[str, Metric] = {}
        for sent in originals.values():
            for metric in sent.metrics:
                family = families.setdefault(metric.name, _empty(metric))
                _add(family, metric, {PROCESS: sent.process})
        return iter(families.values())


def _empty(metric: OtlpMetric) -> Metric:
    name = re.sub(r"\W", "_", metric.name)
    about = metric.description or f"{metric.name}, as it was sent by OTLP"
    match metric.WhichOneof("data"):
        case "sum" if metric.sum.is_monotonic:
            return CounterMetricFamily(name, about)
        case "sum" | "gauge":
            return GaugeMetricFamily(name, about)
    return SummaryMetricFamily(f"{name}_seconds" if metric.unit in _SECONDS else name, about)


def _add(family: Metric, metric: OtlpMetric, labels: Mapping[str, str]) -> None:
    for point in _points(metric):
        of_point = {**dict(_attributes(point.attributes)), **labels}
        if isinstance(point, NumberDataPoint):
            suffix = "_total" if family.type == "counter" else ""
            family.add_sample(family.name + suffix, of_point, _number(point))
        else:
            family.add_sample(f"{family.name}_count", of_point, float(point.count))
            family.add_sample(f"{family.name}_sum", of_point, point.sum * _SECONDS.get(metric.unit, 1.0))


def _points(metric: OtlpMetric) -> Iterable[Any]:
    kind = metric.WhichOneof("data")
    points: Iterable[Any] = getattr(metric, kind).data_points if kind else ()
    return points


def _number(point: NumberDataPoint) -> float:
    return float(getattr(point, point.WhichOneof("value") or "as_int"))


def _attributes(attributes: Iterable[KeyValue]) -> Iterator[tuple[str, str]]:
    for attribute in attributes:
        value = getattr(attribute.value, attribute.value.WhichOneof("value") or "string_value")
        yield re.sub(r"\W", "_", attribute.key), str(value)
