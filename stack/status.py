"""What runs, as a table."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from stack import supervisor
from stack.airflow import DEFAULT_PASSWORD, USER, airflow_url, password
from stack.config import StackConfig
from stack.environment import postgres
from stack.mlflow import mlflow_url
from stack.service import Service
from stack.serving import apis


@dataclass(frozen=True)
class Row:
    """One service; ``state`` is up, silent (runs, but does not answer) or down."""

    name: str
    state: str
    pid: str
    address: str
    log: str


def rows(config: StackConfig) -> list[Row]:
    """All services of the stack."""
    server = postgres(config)
    pid = server.pid()
    first = Row("postgres", "up" if pid else "down", str(pid or "-"), str(server.socket_dir), str(server.log))
    return [first, *(_row(service) for service in supervisor.services(config))]


def _row(service: Service) -> Row:
    process = service.process
    state = "down" if process is None else "up" if service.is_healthy else "silent"
    return Row(service.name, state, str(process.pid if process else "-"), service.address or "-", str(service.log))


def render(table: list[Row]) -> str:
    """As aligned text, with a line of headings."""
    lines = [("NAME", "STATE", "PID", "ADDRESS", "LOG"), *(astuple(row) for row in table)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


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
