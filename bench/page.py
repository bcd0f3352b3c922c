"""How long the platform's page takes to answer, with a year of history, a month and none.

`make bench-page`: a real api-server of Airflow on Postgres, asked over HTTP with a login, one request after another.
The year is of 20 columns checked each day, a file a day, live performance each day, two processes of serving counted
each hour. The figures are printed and written to `.local/bench/page.json`.
"""

from __future__ import annotations

import datetime as dt
import json
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, ignore_patterns
from threading import Event

import click
import httpx

from ml.store import migrate
from stack import airflow
from stack.config import HOST, REPOSITORY, StackConfig
from stack.environment import postgres as server_of
from stack.postgres import Postgres
from tests.overview_history import DAY, History, seed

USE_CASE = "bank_marketing"
DAYS = {"year": 365, "month": 30, "none": 0}
"""Use cases made for it, each with so many days of history."""
REQUESTS, WARM_UP = 30, 5


@contextmanager
def database(config: StackConfig) -> Iterator[Postgres]:
    """Postgres with the databases of the platform and of Airflow, until the block ends."""
    server = server_of(config)
    server.start()
    try:
        for name, owner in (("ml", "ml_platform"), ("airflow", "airflow")):
            server.ensure_role(owner)
            server.ensure_database(name, owner=owner)
        migrate(server.url("ml", "ml_platform"))
        yield server
    finally:
        server.stop()


def make_history(server: Postgres, use_cases: Path) -> None:
    """A use case for each length of history, all in the same tables."""
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for name, days in DAYS.items():
        copytree(REPOSITORY / "data" / USE_CASE, use_cases / name, ignore=ignore_patterns("landing", "*.csv"))
        contract, model = use_cases / name / "contract.yaml", use_cases / name / "model.yaml"
        contract.write_text(contract.read_text().replace(f"use_case: {USE_CASE}", f"use_case: {name}"))
        model.write_text(model.read_text().replace("model_name: bank-model", f"model_name: {name}-model"))
        if days:
            history = History(use_case=name, model_name=f"{name}-model", days=days, columns=20, until=today + DAY)
            seed(server.url("ml", "ml_platform"), history)


@contextmanager
def logged_in(config: StackConfig) -> Iterator[httpx.Client]:
    """A client of the api-server, which runs until the block ends."""
    airflow.prepare(config)
    api_server = airflow.services(config)[0]
    api_server.start()
    try:
        api_server.wait(Event())
        with httpx.Client(base_url=airflow.airflow_url(config), trust_env=False, timeout=60) as client:
            login = {"username": airflow.USER, "password": airflow.password(config)}
            token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            yield client
    finally:
        api_server.stop()


def measure(client: httpx.Client, path: str) -> dict[str, float]:
    """Milliseconds of whole answers, and their size."""
    milliseconds, size = [], 0
    for _ in range(WARM_UP + REQUESTS):
        begun = time.perf_counter()
        size = len(client.get(path).raise_for_status().content)
        milliseconds.append(1000 * (time.perf_counter() - begun))
    taken = sorted(milliseconds[WARM_UP:])
    return {"median_ms": statistics.median(taken), "p95_ms": taken[int(0.95 * REQUESTS)], "kilobytes": size / 1024}


@click.command(help=__doc__)
def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch, socket.create_server((HOST, 0)) as probe:
        folder, port = Path(scratch), probe.getsockname()[1]
        (folder / "use_cases").mkdir()
        config = StackConfig(folder / "state", folder / "use_cases", port, 0, 0)
        probe.close()
        with database(config) as server:
            make_history(server, folder / "use_cases")
            with logged_in(config) as client:
                pages = [(name, days) for name in DAYS for days in (30, 365)]
                found = {
                    f"{name}, {days} days shown": measure(client, f"/platform/use-cases/{name}?days={days}")
                    for name, days in pages
                }
                found["list of the three"] = measure(client, "/platform/")
    for name, figures in found.items():
        print(f"{name:<26} median {figures['median_ms']:6.1f} ms   95 % {figures['p95_ms']:6.1f} ms"
              f"   {figures['kilobytes']:5.0f} kB")  # fmt: skip
    target = REPOSITORY / ".local" / "bench" / "page.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
