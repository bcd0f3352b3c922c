"""What runs, and where a person finds it."""

from __future__ import annotations

from dataclasses import dataclass

from stack import supervisor
from stack.airflow import DEFAULT_PASSWORD, USER, airflow_url, password
from stack.config import StackConfig
from stack.environment import postgres
from stack.mlflow import mlflow_url
from stack.service import Service
from stack.serving import apis


@dataclass(frozen=True)
class Row:
    """One service; ``state`` is up, silent (runs, but does not answer) or down. None: it has no such thing."""

    name: str
    state: str
    pid: int | None
    address: str | None
    log: str


def rows(config: StackConfig) -> list[Row]:
    """All services of the stack."""
    server = postgres(config)
    pid = server.pid()
    first = Row("postgres", "up" if pid else "down", pid, str(server.socket_dir), str(server.log))
    return [first, *(_row(service) for service in supervisor.services(config))]


def _row(service: Service) -> Row:
    process = service.process
    state = "down" if process is None else "up" if service.is_healthy else "silent"
    return Row(service.name, state, process.pid if process else None, service.address or None, str(service.log))


def pages(config: StackConfig) -> dict[str, str]:
    """Name of each page that a person opens, with its address; ``api`` is that of the first use case."""
    docs = {service.name: f"{service.address}/docs" for service in apis(config)}
    return {"airflow": airflow_url(config), "mlflow": mlflow_url(config), "api": next(iter(docs.values()), ""), **docs}


def addresses(config: StackConfig) -> str:
    """Where a person goes now."""
    default = password(config) == DEFAULT_PASSWORD
    secret = DEFAULT_PASSWORD if default else "your ML_AIRFLOW_PASSWORD"
    login = f"  (login {USER} / {secret}{', embedded demo only' if default else ''})"
    return "\n".join(
        f"  {name:<22} {address}{login if name == 'airflow' else ''}"
        for name, address in pages(config).items()
        if name != "api"
    )
