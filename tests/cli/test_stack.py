"""`mlp` of a clone: without a stack, and with the addresses of the one that runs."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ml.store import connect, migrate
from stack.postgres import Postgres
from tests.conftest import REPOSITORY


def mlp(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as the shell runs it, with nothing in the environment but what is given."""
    return subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        cwd=REPOSITORY, env={"PATH": os.defpath, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def running(postgres: Postgres, mlflow_server: str) -> dict[str, str]:
    """Variables of a stack whose Postgres and MLflow run, and nothing else of it."""
    postgres.ensure_database("ml", owner="ml_platform")
    migrate(postgres.url("ml", "ml_platform"))
    state = postgres.data.parent.parent
    return {"ML_STATE_DIR": str(state), "ML_MLFLOW_PORT": mlflow_server.rpartition(":")[2]}


@pytest.mark.parametrize("command", [["train"], ["db-training"], ["list-models"], ["migrate"], ["run", "true"]])
def test_without_a_stack_a_command_says_how_to_start_one(command, tmp_path):
    done = mlp(*command, ML_STATE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: The stack does not run; start it with `mlp up` or `make up`.\n"
    assert not any(tmp_path.iterdir())


def test_where_code_raised_an_error_is_shown_on_request(tmp_path):
    done = mlp("-v", "list-models", ML_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("StackError: The stack does not run; start it with `mlp up` or `make up`.\n")


def test_status_tells_what_is_down_by_its_exit_code(tmp_path):
    done = mlp("status", "--json", ML_STATE_DIR=str(tmp_path))
    assert done.returncode == 3
    rows = json.loads(done.stdout)
    assert {row["name"] for row in rows} >= {"postgres", "mlflow", "airflow-scheduler", "registry-sync"}
    assert all((row["state"], row["pid"]) == ("down", None) for row in rows)
    assert all(row.keys() == {"name", "state", "pid", "address", "log"} for row in rows)


def test_stopping_what_does_not_run_is_no_error(tmp_path):
    done = mlp("down", ML_STATE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Nothing was running.\n")


@pytest.mark.parametrize("command", [["nothing"], ["train", "--nothing"], ["promote"], ["drift", "--last", "0"]])
def test_wrong_use_is_told_apart_from_failure(command, tmp_path):
    done = mlp(*command, ML_STATE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: mlp ")


def test_a_port_that_is_none_is_refused_by_the_name_of_its_variable(tmp_path):
    done = mlp("status", ML_STATE_DIR=str(tmp_path), ML_MLFLOW_PORT="http")
    assert done.returncode == 1
    assert done.stderr == "Error: ML_MLFLOW_PORT=http is no port; choose a number from 1024 to 65535.\n"


def test_the_addresses_are_those_of_the_stack_that_runs(running):
    assert json.loads(mlp("db-training", "--json", **running).stdout) == []
    models = mlp("list-models", "--json", **running)
    assert models.returncode == 0, models.stderr
    assert isinstance(json.loads(models.stdout), list)
    rows = {row["name"]: row["state"] for row in json.loads(mlp("status", "--json", **running).stdout)}
    assert (rows["postgres"], rows["mlflow"], rows["airflow-scheduler"]) == ("up", "up", "down")


def test_what_would_lead_elsewhere_is_not_taken_over(running):
    done = mlp("db-training", "--json", **running, PGSSLMODE="require", PGHOST="nowhere.invalid")
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_a_program_is_given_the_addresses(running):
    done = mlp("run", "--", sys.executable, "-c", "import os; print(os.environ['ML_DATABASE_URL'])", **running)
    with connect(done.stdout.strip()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("ml",)


def test_addresses_in_the_environment_go_before_those_of_a_stack(tmp_path, database_url, running):
    with connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE ml.training_data")
    done = mlp("db-training", ML_DATABASE_URL=database_url, **running)
    assert done.returncode == 1
    assert 'relation "ml.training_data" does not exist' in done.stderr


def test_in_a_pipe_progress_is_a_line_for_each_step():
    done = subprocess.run([sys.executable, "-c", WORK], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "the result\n"
    assert done.stderr == "Work: first, 1 of 2, 0 s\nlogged\n"


def test_on_a_terminal_progress_is_a_bar_and_stdout_the_results_alone(tmp_path: Path):
    ours, theirs = pty.openpty()
    out = tmp_path / "out"
    with os.fdopen(ours, "rb", buffering=0) as terminal, os.fdopen(theirs, "wb") as stderr, out.open("w") as stdout:
        subprocess.run(
            [sys.executable, "-c", WORK], cwd=REPOSITORY, stdout=stdout, stderr=stderr, check=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )  # fmt: skip
        shown = terminal.read(65536).decode()
    assert out.read_text() == "the result\n"
    assert "Work: first" in shown
    assert "1/2" in shown
    assert "logged" in shown


WORK = """
import logging
from ml.cli.main import _begin
from ml.cli.progress import progress
_begin(quiet=False, verbose=False)
with progress("Work") as report:
    report("first", 1, 2)
    logging.getLogger("ml").info("logged")
    print("the result")
"""
"""Work of two steps, that logs a line and prints a result."""
