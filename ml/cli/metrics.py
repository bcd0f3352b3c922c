"""The command that tells Prometheus of data, models and pipelines."""

from __future__ import annotations

import click

from ml.cli.options import settings


@click.command(epilog="Example: mlp metrics --port 9108")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=9108, show_default=True, help="Port to listen on.")
def metrics(host: str, port: int) -> None:
    """Serve metrics of data, models and pipelines to Prometheus, at /metrics, until it is ended.

    They are read from the platform's tables when they are asked for; nothing is written. Names and values are not
    secret but tell much: listen where only Prometheus reaches.
    """
    from prometheus_client import CollectorRegistry, start_http_server

    from ml.errors import ConfigError
    from ml.metrics.collector import PlatformCollector

    registry = CollectorRegistry()
    registry.register(PlatformCollector(settings()))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigError(f"Nothing can listen on {host}:{port}: {error.strerror}. Another --port?") from error
    click.echo(f"Metrics: http://{host}:{port}/metrics")
    try:
        thread.join()
    except KeyboardInterrupt:
        server.shutdown()
    finally:
        server.server_close()


COMMANDS = (metrics,)
