"""Brings the stack up and down: what depends on nothing starts at once, the rest as soon as it can."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event

from ml.store import SERVING_ROLE, migrate
from stack import airflow, mlflow, serving
from stack.config import StackConfig
from stack.environment import platform, postgres
from stack.errors import StackError
from stack.progress import Progress, say
from stack.service import Service


def services(config: StackConfig) -> list[Service]:
    """All but Postgres, in the order in which they are shown; ended in the reverse order."""
    return [*mlflow.services(config), *airflow.services(config), *serving.services(config)]


def up(config: StackConfig) -> None:
    """Start what does not run, restart what runs with other settings, wait until all is well.

    Raises :class:`StackError` with the first thing that went wrong; what runs by then is left running.
    """
    if is_up(config):
        say("The stack is up.")
        return
    with _alone(config):
        waiting = [service for service in services(config) if not service.is_current]
        for service in waiting:
            service.stop()
            service.require_port()
        config.remember()
        progress = Progress()
        with progress.step("postgres"):
            _start_postgres(config)
        _together(_branches(config, progress))


def is_up(config: StackConfig) -> bool:
    """Whether everything runs, with the settings it has now."""
    return postgres(config).pid() is not None and all(s.is_current and s.is_healthy for s in services(config))


def down(config: StackConfig) -> None:
    """End everything that this stack started, and nothing else."""
    with _alone(config):
        running = [s for s in services(config) if s.process]
        with ThreadPoolExecutor() as pool:
            list(pool.map(Service.stop, services(config)))
        server = postgres(config)
        names = [s.name for s in running] + ["postgres"] * bool(server.pid())
        server.stop()
    say(f"Stopped: {', '.join(names)}." if names else "Nothing was running.")


Branch = Callable[[Event], None]
"""Starts some services one after the other; gives up waiting when the event is set."""


def _branches(config: StackConfig, progress: Progress) -> list[Branch]:
    """What may happen at the same time."""

    def tracking(given_up: Event) -> None:
        _start(mlflow.services(config), progress, given_up)
        _start(serving.watchers(config), progress, given_up)

    def orchestration(given_up: Event) -> None:
        with progress.step("airflow-database"):
            airflow.prepare(config)
        _start(airflow.services(config), progress, given_up)

    def api(given_up: Event) -> None:
        with progress.step("ml-database"):
            migrate(platform(config)["ML_DATABASE_URL"])
        _start(serving.apis(config), progress, given_up)

    return [tracking, orchestration, api]


def _start(parts: list[Service], progress: Progress, given_up: Event) -> None:
    """All at once; done when each is well."""
    for service in parts:
        if not service.is_current:
            service.start()
    for service in parts:
        with progress.step(service.name, service.address):
            service.wait(given_up)


def _together(branches: list[Branch]) -> None:
    """Run all; raises the first error, as soon as it happens."""
    given_up = Event()
    with ThreadPoolExecutor(len(branches)) as pool:
        futures = [pool.submit(branch, given_up) for branch in branches]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        given_up.set()
    for future in done:
        future.result()


def require(config: StackConfig) -> None:
    """Raises :class:`StackError` where Postgres or MLflow, which every command needs, does not run.

    Whether they answer is seen by who asks them something; asking here would cost every command its time.
    """
    if not (postgres(config).pid() and all(s.process for s in mlflow.services(config))):
        raise StackError("The stack does not run; start it with `mlp up` or `make up`.")


def _start_postgres(config: StackConfig) -> None:
    """The server with a role and a database for each part; no role may enter another's database."""
    server = postgres(config)
    server.start()
    for role in ("airflow", "mlflow", "ml_platform", SERVING_ROLE):
        server.ensure_role(role)
    for database, owner in (("airflow", "airflow"), ("mlflow", "mlflow"), ("ml", "ml_platform")):
        server.ensure_database(database, owner)
    server.psql(f'GRANT CONNECT ON DATABASE ml TO "{SERVING_ROLE}"')


@contextmanager
def _alone(config: StackConfig) -> Iterator[None]:
    """Only one `up` or `down` of a stack at a time."""
    config.state.mkdir(parents=True, exist_ok=True)
    config.state.chmod(0o700)
    (config.state / "logs").mkdir(exist_ok=True)
    with (config.state / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(f"Another `make up` or `make down` of {config.state} is at work; wait for it.") from error
        yield
