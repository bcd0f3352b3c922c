"""OpenTelemetry traces of requests, where ``SERVING_OTLP_ENDPOINT`` is set. Else nothing of it is even imported."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_NO_TRACE = "0" * 32
_SERVICE = "ml-serving"


class Tracing:
    """Makes spans, and sends them in the background."""

    def __init__(self, exporter: SpanExporter, model_name: str) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415  only where it is set
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        resource = Resource.create({SERVICE_NAME: _SERVICE, "ml.model_name": model_name})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(__name__)
        self._propagator = TraceContextTextMapPropagator()
        self._server, self._error = SpanKind.SERVER, StatusCode.ERROR

    def span(self, name: str) -> AbstractContextManager[object]:
        """A step of the request at hand. What an error says is kept out: it may quote an input."""
        return self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)

    async def request(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, in a span that goes on the caller's trace."""
        names = (b"traceparent", b"tracestate")
        carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in names}
        with self._tracer.start_as_current_span(
            "request",
            self._propagator.extract(carrier),
            self._server,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            state = scope.setdefault("state", {})
            state["trace_id"] = f"{span.get_span_context().trace_id:032x}"

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(self._error)
                await send(message)

            try:
                await app(scope, receive, watched)
            finally:
                for name in ("inference_id", "model_version"):
                    if name in state:
                        span.set_attribute(f"ml.{name}", str(state[name]))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class TracedRequests:
    """Middleware that puts each request in a span."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        if scope["type"] == "http":
            await self._tracing.request(self._app, scope, receive, send)
        else:
            await self._app(scope, receive, send)


def tracing(endpoint: str, model_name: str) -> Tracing:
    """Traces to a collector, over OTLP by HTTP: ``endpoint`` is its address without ``/v1/traces``."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return Tracing(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces"), model_name)


def step(scope: Scope, name: str) -> AbstractContextManager[object]:
    """A span of a request's own, where its app traces."""
    found: Any = scope["app"].state
    traces: Tracing | None = found.tracing
    return traces.span(name) if traces else nullcontext()


def trace_id(scope: Scope) -> str | None:
    """The trace a request belongs to: that of its span, or without tracing that of its caller."""
    own = scope.get("state", {}).get("trace_id")
    if own:
        return str(own)
    for name, value in scope["headers"]:
        match = _TRACEPARENT.fullmatch(value) if name == b"traceparent" else None
        if match and (given := match[1].decode()) != _NO_TRACE:
            return given
    return None
