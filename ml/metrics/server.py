"""Answers Prometheus at ``/metrics``, and takes what Airflow sends at ``/v1/metrics``."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from ml.errors import ConfigError
from ml.metrics.collector import PlatformCollector
from ml.metrics.otlp import NoOtlp, OtlpCollector
from ml.settings import Settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_MAX_BYTES = 4 * 1024**2


class _Quiet(WSGIRequestHandler):
    timeout = 10  # seconds that a connection may be idle

    def log_message(self, format: str, *args: object) -> None:
        """A line for each scrape says nothing."""


def server(settings: Settings, host: str, port: int) -> WSGIServer:
    """Bound to the address; ``serve_forever()`` answers. Raises :class:`ConfigError` where the address is taken."""
    registry, sent = CollectorRegistry(), OtlpCollector("airflow.")
    registry.register(PlatformCollector(settings))
    registry.register(sent)
    try:
        return make_server(host, port, _application(registry, sent), ThreadingWSGIServer, _Quiet)
    except OSError as error:
        raise ConfigError(f"Nothing can listen on {host}:{port}: {error.strerror}. Take another --port.") from error


def _application(registry: CollectorRegistry, sent: OtlpCollector) -> WSGIApplication:
    tell = make_wsgi_app(registry)

    def application(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        asked = environment["REQUEST_METHOD"], environment["PATH_INFO"]
        if asked == ("POST", "/v1/metrics"):
            return _answer(_take(environment, sent), start)
        if asked == ("GET", "/-/healthy"):  # as Prometheus calls it; nothing is read for it
            return _answer(HTTPStatus.OK, start)
        if asked == ("GET", "/metrics"):
            answer: Iterable[bytes] = tell(environment, start)
            return answer
        return _answer(HTTPStatus.NOT_FOUND, start)

    return application


def _take(environment: WSGIEnvironment, sent: OtlpCollector) -> HTTPStatus:
    length = int(environment.get("CONTENT_LENGTH") or 0)
    if length > _MAX_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if environment.get("CONTENT_TYPE") != "application/x-protobuf" or environment.get("HTTP_CONTENT_ENCODING"):
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    try:
        sent.take(environment["wsgi.input"].read(length))
    except NoOtlp:
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.OK


def _answer(status: HTTPStatus, start: StartResponse) -> Iterable[bytes]:
    start(f"{status.value} {status.phrase}", [("Content-Type", "application/x-protobuf"), ("Content-Length", "0")])
    return [b""]
