"""How fast the service is, beside a FastAPI that does nothing and `mlflow models serve` of the same model.

`make bench-serving [DATA=file]`: trains the random forest of the first use case on the file or the sample, starts
the three servers, one worker each, and loads them in turn, several rounds; medians are printed and written to
`.local/bench/serving.json`. Ours writes its durable log to Postgres meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns
from threading import Event

import click
import httpx

from ml.contract import Column
from ml.ingest import ingest
from ml.ingestion.source import provide
from ml.registry import promote
from ml.settings import Settings
from ml.store import SERVING_ROLE, migrate
from ml.train import train
from ml.use_case import UseCase, load_use_case
from ml.validate import validate
from stack.config import REPOSITORY, StackConfig
from stack.demo import example_request
from stack.environment import postgres as server_of
from stack.mlflow import services
from stack.postgres import Postgres

USE_CASE, CANDIDATE = "bank_marketing", "random_forest"
CONNECTIONS = (1, 8, 32)
ROUNDS, SECONDS = 3, 4.0
BATCH_ROWS = 1000
HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], url: str, ready: str, log: Path) -> Iterator[float]:
    """A server until the block ends; yields the seconds from its start to the first 200 of ``ready``."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env={**os.environ, "PATH": path, **environment}, cwd=REPOSITORY, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    began = time.monotonic()
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}{ready}", trust_env=False).status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() - began > 120:
                raise click.ClickException(f"{command[2]} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield time.monotonic() - began
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(30)


def memory_mb(port: int) -> float:
    """Resident memory of the process that listens on a port."""
    inode = next(
        line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    )  # fmt: skip
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(fd.readlink()) == f"socket:[{inode}]" for fd in (folder / "fd").iterdir()):
                status = (folder / "status").read_text()
                return int(status.split("VmRSS:")[1].split()[0]) / 1024
    raise click.ClickException(f"no process listens on {port}")


def load(url: str, path: str, body: object, connections: int, seconds: float = SECONDS) -> dict[str, float]:
    """One round; raises where any reply was not 200."""
    host, port = url.removeprefix("http://").split(":")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("load.py")), host, port, path, str(connections), str(seconds)],
        input=json.dumps(body).encode(), capture_output=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    if found["errors"]:
        raise click.ClickException(f"{url}{path}: {found['errors']} errors: {done.stderr.decode()[:500]}")
    return {**found, "per_second": found["requests"] / found["seconds"]}


@contextlib.contextmanager
def platform(folder: Path) -> Iterator[tuple[Settings, Postgres]]:
    """Postgres and MLflow, as the stack starts them, in a folder of their own."""
    use_cases = folder / "use_cases"
    copytree(REPOSITORY / "data", use_cases, ignore=ignore_patterns("*.csv"))
    config = StackConfig(folder / "state", use_cases, 0, free_port(), 0)
    (config.state / "logs").mkdir(parents=True)
    database = server_of(config)
    database.start()
    try:
        for role in ("mlflow", "ml_platform", SERVING_ROLE):
            database.ensure_role(role)
        for name, owner in (("mlflow", "mlflow"), ("ml", "ml_platform")):
            database.ensure_database(name, owner)
        database.psql(f'GRANT CONNECT ON DATABASE ml TO "{SERVING_ROLE}"')
        url = database.url("ml", "ml_platform")
        migrate(url)
        (mlflow,) = services(config)
        mlflow.start()
        try:
            mlflow.wait(Event())
            tracking = mlflow.address or ""
            yield (
                Settings(
                    database_url=url,
                    mlflow_tracking_uri=tracking,
                    use_cases_dir=use_cases,
                    state_dir=config.state,
                ),
                database,
            )
        finally:
            mlflow.stop()
    finally:
        database.stop()


def put_in_production(settings: Settings, use_case: UseCase, data: Path | None) -> str:
    """Train and promote; returns the run of the model."""
    click.echo(f"data: {provide(settings, use_case, data).note}")
    ingest(settings, use_case, run_id="bench")
    validate(settings, use_case)
    trained = train(settings, use_case, candidates=[CANDIDATE], trials=0)
    promote(settings, trained.model_name, trained.model_version, actor="bench", source="bench", why="bench")
    return trained.run_id


def raw_input(columns: tuple[Column, ...], value: dict[str, object]) -> dict[str, object]:
    """A value for each column: that of the example, or the first that the contract allows."""
    return {c.name: value.get(c.name, c.labels[0] if c.categories else 1) for c in columns}


def measure(data: Path | None, folder: Path) -> dict[str, object]:
    """All figures."""
    with platform(folder) as (settings, database):
        use_case = load_use_case(settings.use_cases_dir, USE_CASE)
        put_in_production(settings, use_case, data)
        ports = {name: free_port() for name in ("ours", "noop", "mlflow")}
        urls = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
        example = example_request(use_case)["input"]
        row = raw_input(use_case.contract.features, example)
        used = raw_input(use_case.model_features, example)
        bodies: dict[str, tuple[str, object]] = {
            "ours": ("/v1/predict", {"input": used}),
            "noop": ("/predict", {"input": {f"f{i}": v for i, v in enumerate(row.values())}}),
            "mlflow": ("/invocations", {"dataframe_records": [{k: _as_double(v) for k, v in used.items()}]}),
        }
        ours_environment = {
            "SERVING_MODEL_NAME": use_case.config.model_name,
            "SERVING_DATABASE_URL": database.url("ml", SERVING_ROLE),
            "SERVING_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
            "SERVING_CACHE_DIR": str(folder / "cache"),
            "SERVING_SPOOL_DIR": str(folder / "spool"),
            "SERVING_PORT": str(ports["ours"]),
        }
        commands = {
            "ours": ([sys.executable, "-m", "serving"], ours_environment, "/ready"),
            "noop": (
                [sys.executable, "-m", "uvicorn", "--factory", "bench.noop:create_app", "--host", HOST, "--port",
                 str(ports["noop"]), "--no-access-log"],
                {"BENCH_USE_CASES": str(settings.use_cases_dir), "BENCH_USE_CASE": USE_CASE}, "/docs",
            ),
            "mlflow": (
                [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri",
                 f"models:/{use_case.config.model_name}@production", "--host", HOST, "--port", str(ports["mlflow"]),
                 "--env-manager", "local", "--workers", "1"],
                {"MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri}, "/ping",
            ),
        }  # fmt: skip
        rounds: dict[tuple[str, int], list[dict[str, float]]] = {}
        with contextlib.ExitStack() as started:
            ready = {
                name: started.enter_context(running(command, environment, urls[name], path, folder / f"{name}.log"))
                for name, (command, environment, path) in commands.items()
            }
            for name, (path, body) in bodies.items():
                load(urls[name], path, body, 2, 1.0)  # warm up
            for turn in range(ROUNDS):
                for connections in CONNECTIONS:
                    for name, (path, body) in bodies.items():
                        rounds.setdefault((name, connections), []).append(load(urls[name], path, body, connections))
                click.echo(f"round {turn + 1} of {ROUNDS}")
            memory = memory_mb(ports["ours"])
            batch = [
                load(urls["ours"], "/v1/predict/batch", {"inputs": [used] * BATCH_ROWS}, 2)["per_second"] * BATCH_ROWS
                for _ in range(ROUNDS)
            ]
    return _figures(rounds, ready["ours"], memory, batch)


def _as_double(value: object) -> object:
    return float(value) if isinstance(value, int) else value


def _figures(
    rounds: dict[tuple[str, int], list[dict[str, float]]], ready: float, memory: float, batch: list[float]
) -> dict[str, object]:
    def median(name: str, connections: int, figure: str) -> float:
        return statistics.median(r[figure] for r in rounds[name, connections])

    click.echo(f"\n{'':8}{'connections':>12}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}")
    for name, connections in rounds:
        cells = [median(name, connections, figure) for figure in ("per_second", "p50", "p99")]
        click.echo(f"{name:8}{connections:>12}{cells[0]:>12.0f}{cells[1]:>9.2f}{cells[2]:>9.2f}")

    def ratio(figure: str, other: str) -> dict[str, float]:
        return {str(c): round(median("ours", c, figure) / median(other, c, figure), 3) for c in CONNECTIONS}

    return {
        "ratio_to_noop": ratio("per_second", "noop"),
        "p99_ratio_to_noop": ratio("p99", "noop"),
        "ratio_to_mlflow": ratio("per_second", "mlflow"),
        "batch_rows_per_s": round(statistics.median(batch)),
        "ready_seconds": round(ready, 2),
        "worker_mb": round(memory),
    }


@click.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file; else the sample.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(".local/bench/serving.json"), show_default=True)
def main(data: Path | None, out: Path) -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = measure(data, Path(folder))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(f"\n{json.dumps(figures, indent=2)}\n{out}")


if __name__ == "__main__":
    main()
