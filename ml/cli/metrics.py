"""The command that tells Prometheus of data, models and pipelines."""

from __future__ import annotations

import click

from ml.cli.options import settings


@click.command(epilog="Example: mlp metrics --port 9108")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=9108, show_default=True, help="Port to listen on.")
def metrics(host: str, port: int) -> None:
    """Serve metrics of data, models and pipelines to Prometheus, at /metrics, until it is ended.

    They are read from the platform's tables when they are asked for. Airflow's own are among them where it sends
    them to /v1/metrics, by OTLP. Values are not secret but tell much: listen where only these two reach.
    """
    from ml.metrics.server import server

    with server(settings(), host, port) as listening:
        click.echo(f"Metrics: http://{host}:{port}/metrics")
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            click.echo("Ended.")


COMMANDS = (metrics,)
