"""Airflow of the embedded stack: its settings, its three processes, its database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from importlib.metadata import version

from stack import airflow_lineage, airflow_metrics
from stack.config import HOST, REPOSITORY, StackConfig
from stack.environment import inherited, platform, postgres
from stack.errors import StackError, last_lines
from stack.health import airflow_says_healthy
from stack.secrets import load_secrets, write_private
from stack.service import Service

USER = "admin"
DEFAULT_PASSWORD = "admin"  # noqa: S105  of the embedded stack, which listens on this machine alone
_PARALLEL_TASKS = 4
_DATABASE = "airflow"


def airflow_url(config: StackConfig) -> str:
    """Address of the UI and of the REST API."""
    return f"http://{HOST}:{config.airflow_port}"


def password(config: StackConfig) -> str:
    """Of the user ``admin``: what ``ML_AIRFLOW_PASSWORD`` said at some `make up`, else the default."""
    if given := os.environ.get("ML_AIRFLOW_PASSWORD"):
        return given
    try:
        return str(json.loads((config.state / "airflow" / "passwords.json").read_text())[USER])
    except (OSError, ValueError, KeyError):
        return DEFAULT_PASSWORD


def settings(config: StackConfig) -> dict[str, str]:
    """Environment of every Airflow process, and so of every task."""
    home, secrets = config.state / "airflow", load_secrets(config.state)
    url = airflow_url(config)
    sections: dict[str, dict[str, object]] = {
        "CORE": {
            "DAGS_FOLDER": REPOSITORY / "dags",
            "PLUGINS_FOLDER": REPOSITORY / "plugins",
            "EXECUTOR": "LocalExecutor",
            "PARALLELISM": _PARALLEL_TASKS,
            "LOAD_EXAMPLES": False,
            "DAGS_ARE_PAUSED_AT_CREATION": False,
            "FERNET_KEY": secrets.fernet_key,
            "SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
            "EXECUTION_API_SERVER_URL": f"{url}/execution/",
        },
        "DATABASE": {"SQL_ALCHEMY_CONN": postgres(config).url(_DATABASE, "airflow", driver="psycopg2")},
        "API": {"BASE_URL": url, "HOST": HOST, "PORT": config.airflow_port, "SECRET_KEY": secrets.api_secret_key},
        "API_AUTH": {"JWT_SECRET": secrets.jwt_secret},
        "LOGGING": {"BASE_LOG_FOLDER": home / "logs", "COLORED_CONSOLE_LOG": False},
        # A new use case is there within a minute; parsing more often would take a core from the tasks.
        "DAG_PROCESSOR": {"REFRESH_INTERVAL": 30, "MIN_FILE_PROCESS_INTERVAL": 45},
    }
    named = {f"AIRFLOW__{s}__{k}": str(v) for s, options in sections.items() for k, v in options.items()}
    return {
        "AIRFLOW_HOME": str(home),
        **named,
        **airflow_metrics.settings(os.environ),
        **airflow_lineage.settings(os.environ, config.state),
        **platform(config),
    }


def prepare(config: StackConfig) -> None:
    """Write the login and bring the metadata database to this version. Raises :class:`StackError`."""
    write_private(config.state / "airflow" / "passwords.json", json.dumps({USER: password(config)}))
    airflow_lineage.events_file(config.state).parent.mkdir(exist_ok=True)
    if _migrated_to(config) == version("apache-airflow"):
        return
    log = config.state / "logs" / "airflow-migrate.log"
    with log.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=inherited() | settings(config), stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
        )  # fmt: skip
    if done.returncode:
        raise StackError(f"airflow db migrate failed; its log {log} ends with:\n{last_lines(log)}")
    postgres(config).psql(f"COMMENT ON DATABASE {_DATABASE} IS '{version('apache-airflow')}'")


def _migrated_to(config: StackConfig) -> str:
    """The version noted at the database itself, so that the note goes where the database goes."""
    statement = f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{_DATABASE}'"
    return postgres(config).psql(statement)


def services(config: StackConfig) -> list[Service]:
    """The three processes. The scheduler serves no logs: the api-server reads them from the same disk."""
    environment = settings(config)
    parts: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("api-server", "metadatabase", ()),
        ("scheduler", "scheduler", ("--skip-serve-logs",)),
        ("dag-processor", "dag_processor", ()),
    )
    return [
        Service(
            name=f"airflow-{part}",
            command=(sys.executable, "-m", "airflow", part, *arguments),
            environment=environment,
            state=config.state,
            answers=partial(airflow_says_healthy, airflow_url(config), component),
            port=config.airflow_port if part == "api-server" else None,
            port_variable="ML_AIRFLOW_PORT",
        )
        for part, component, arguments in parts
    ]
