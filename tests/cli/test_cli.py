"""The command line, driven as a person does, on one use case from data to export."""

import csv
import datetime as dt
import getpass
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ml.cli.main import main
from ml.cli.output import show
from ml.contract import load_contract
from ml.contract_docs import contract_page
from ml.partitions import ensure_partitions
from ml.settings import Settings
from ml.store import connect
from stack.postgres import Postgres
from tests.conftest import REPOSITORY
from tests.ingestion import make_use_case
from tests.trained import churn, make_settings
from tests.use_cases.customer_churn.make_data import write

MODEL = "cli-churn"
COMMANDS = sorted(main.commands)


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    """What a command sets of logging ends with its test."""
    names = [None, "alembic", "httpx", "great_expectations", "mlflow", "skl2onnx"]
    before = [(logging.getLogger(n), logging.getLogger(n).level) for n in names]
    handlers = list(logging.getLogger().handlers)
    yield
    for logger, level in before:
        logger.setLevel(level)
    logging.getLogger().handlers[:] = handlers


class Shell:
    """Runs commands with the settings of the module."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.environment = {
            "ML_DATABASE_URL": settings.database_url,
            "ML_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
            "ML_USE_CASES_DIR": str(settings.use_cases_dir),
            "ML_STATE_DIR": str(settings.state_dir),
        }

    def tried(self, *arguments: object, **environment: str | None) -> Result:
        """The command's result, however it ended."""
        return CliRunner().invoke(main, [str(a) for a in arguments], env={**self.environment, **environment})

    def __call__(self, *arguments: object) -> str:
        """What a command that ends well prints."""
        result = self.tried(*arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def refused(self, *arguments: object, **environment: str | None) -> str:
        """The one line of a command that ends with an error of the platform."""
        result = self.tried(*arguments, **environment)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit), result.exception
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert "Traceback" not in result.output
        return line.removeprefix("Error: ")


@pytest.fixture(scope="module")
def untrained(postgres: Postgres, mlflow_server: str, tmp_path_factory) -> Shell:
    folder = tmp_path_factory.mktemp("cli")
    use_case = churn(folder, 0)
    config = (use_case.folder / "model.yaml").read_text()
    (use_case.folder / "model.yaml").write_text(config.replace("churn-model", MODEL))
    return Shell(make_settings(postgres, mlflow_server, folder, "test_cli"), folder)


@pytest.fixture(scope="module")
def printed(untrained: Shell) -> dict[str, str]:
    """What each command printed on the way from data to predictions."""
    mlp, data = untrained, write(untrained.folder / "clients.csv", 600)
    said = {"before": mlp("list-models"), "data": mlp("data", "--data", data)}
    said["train"] = mlp("train")
    said["train f1"] = mlp("train", "--metric", "f1", "--candidate", "linear", "--late-feature", "exit.survey")
    said["promote"] = mlp("promote", "--model-name", MODEL, "--version", 1)
    said["predict"] = mlp("predict", "--use-case", "customer_churn", "--limit", 3)
    return said


@pytest.fixture
def mlp(untrained: Shell, printed: dict[str, str]) -> Shell:
    """The shell, with a version in production and predictions in the log."""
    return untrained


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_each_command_says_what_it_is_for(command: str, flag: str) -> None:
    result = CliRunner().invoke(main, [command, flag], env={"ML_DATABASE_URL": None})
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {command} ")
    assert len(result.stdout.splitlines()) > 3


def test_the_commands_are_those_of_the_makefile() -> None:
    result = CliRunner().invoke(main, ["--help"])
    for command in COMMANDS:
        assert f"\n  {command} " in result.stdout
    called = {
        line.split("$(MLP) ")[1].split()[0]
        for line in (REPOSITORY / "Makefile").read_text().splitlines()
        if "$(MLP) " in line
    }
    assert called <= set(COMMANDS)


def test_the_module_runs_as_the_command(mlp: Shell) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ml.cli", "-q", "list-versions", "--model-name", MODEL, "--json"],
        cwd=REPOSITORY, env={**os.environ, **mlp.environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [v["version"] for v in json.loads(done.stdout)] == [2, 1]
    assert done.stderr == ""


def test_data_is_brought_in_and_validated(printed: dict[str, str]) -> None:
    head, _, document = printed["data"].partition("\n")
    assert head.startswith("Data: file, ")
    assert json.loads(document)["validate"]["rows_good"] == 600


def test_a_refused_file_ends_with_an_error_that_says_where_it_lies(mlp: Shell, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"a,b\n1,\x00\n")
    said = mlp.refused("data", "--data", bad)
    assert said.startswith("Refused: bad.csv")
    assert said.endswith("customer_churn/landing/rejected.")


def test_training_prints_its_result_as_json_and_nothing_else(printed: dict[str, str]) -> None:
    result = json.loads(printed["train"])
    assert (result["model_name"], result["model_version"]) == (MODEL, "1")
    assert result["candidates"].keys() == {"linear", "boosting"}
    assert (result["n_train"], result["n_test"], result["n_features"]) == (450, 150, 20)
    chosen = json.loads(printed["train f1"])
    assert (chosen["metric_name"], chosen["n_features"]) == ("f1", 21)
    assert chosen["candidates"].keys() == {"linear"}


def test_an_empty_choice_is_none(mlp: Shell) -> None:
    said = mlp.refused("train", "--metric", "", "--model-name", "", "--candidate", "forest")
    assert said == "No candidate forest; model.yaml has linear, boosting."


def test_a_promotion_names_the_predecessor_and_the_ledger_the_person(mlp: Shell, printed: dict[str, str]) -> None:
    assert printed["promote"] == f"{MODEL}: version 1 is in Production; before: none.\n"
    said = mlp("promote", "--model-name", MODEL, "--version", 2, "--stage", "Staging", "--why", "a try")
    assert said == f"{MODEL}: version 2 is in Staging.\n"
    with connect(mlp.settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT actor, source, why FROM ml.promotions WHERE model_name = %s ORDER BY id", (MODEL,))
        me = getpass.getuser()
        assert cursor.fetchall() == [(me, "cli", "by hand, from the command line"), (me, "cli", "a try")]


def test_models_and_versions_are_listed_as_table_and_as_json(mlp: Shell) -> None:
    table = mlp("list-models")
    assert "Models" in table
    assert MODEL in table
    (model,) = [m for m in json.loads(mlp("list-models", "--json")) if m["name"] == MODEL]
    assert model == {"name": MODEL, "newest": 2, "production": "1"}
    assert f"Versions of {MODEL}" in mlp("list-versions", "--model-name", MODEL)
    versions = json.loads(mlp("list-versions", "--model-name", MODEL, "--json"))
    assert [(v["version"], v["aliases"]) for v in versions] == [(2, ""), (1, "production")]


def test_predictions_are_printed_and_written(mlp: Shell, printed: dict[str, str], tmp_path: Path) -> None:
    result = json.loads(printed["predict"])
    assert result["model_uri"] == f"models:/{MODEL}/1"
    assert len(result["predictions"]) == len(result["probabilities"]) == 3
    assert result["input_shape"][0] == 600
    assert Path(result["output"]).is_file()
    some = json.loads(mlp("predict", "--data", write(tmp_path / "some.csv", 20, seed=9), "--limit", 50))
    assert len(some["predictions"]) == 20
    assert mlp.refused("predict", "--data", tmp_path / "none.csv").startswith("none.csv refused: it cannot be opened")


def test_monitoring_shows_a_line_for_each_feature_the_answers_and_the_rows_as_a_whole(mlp: Shell) -> None:
    head, *lines = mlp("monitor", "--last", 400).splitlines()
    assert head == f"{MODEL} version 1: its last 400 inferences and its training data"
    assert len(lines) == 20 + 2  # the answers, and the rows as a whole
    assert all(line.startswith(("[OK]", "[DRIFT]")) for line in lines)


def test_late_labels_are_joined_and_the_version_in_production_is_judged(mlp: Shell) -> None:
    first, second = mlp("outcomes", "--use-case", "customer_churn"), mlp("outcomes", "--use-case", "customer_churn")
    joined = int(first.split("New outcomes: ")[1].split()[0])
    assert joined > 0
    assert f"New outcomes: 0 by row key, 0 from files; {joined} in all." in second
    assert "Too few labels to tell." in second  # of the window that ended a month ago


def test_trainings_are_shown_brief_full_pretty_and_as_json(mlp: Shell) -> None:
    brief = mlp("db-training")
    assert "metric_value" in brief
    assert "feature_stats" not in brief
    assert "feature_stats" in mlp("db-training", "--full", "--limit", 1)
    assert json.loads(mlp("db-training", "--pretty"))["rows"] == 450
    rows = json.loads(mlp("db-training", "--json"))
    assert [row["model_version"] for row in rows] == ["2", "1"]
    assert json.loads(mlp("db-training", "--json", "--full", "--limit", 1))[0]["n_features"] == 21


def test_inferences_are_shown_newest_first(mlp: Shell) -> None:
    rows = json.loads(mlp("db-inference", "--json", "--limit", 4))
    assert len(rows) == 4
    assert {row["source"] for row in rows} == {"batch"}
    assert rows[0]["input"].keys() >= {"Age Years", "region"}
    assert rows[0]["inference_id"][:8] in mlp("db-inference", "--limit", 4).replace("\n", "")


def test_a_table_is_exported(mlp: Shell, tmp_path: Path) -> None:
    out = tmp_path / "new" / "features.csv"
    assert mlp("export", "features", "--out", out) == f"Wrote 600 rows to {out}.\n"
    with out.open(newline="") as file:
        assert len(list(csv.reader(file))) == 601
    assert mlp.tried("export", "pg_user", "--out", out).exit_code == 2


def test_the_page_of_a_use_case_is_written(mlp: Shell, tmp_path: Path) -> None:
    assert mlp("docs", "--out", tmp_path / "new") == f"Wrote {tmp_path}/new/customer_churn.md.\n"
    page = (tmp_path / "new" / "customer_churn.md").read_text()
    assert page == contract_page(load_contract(mlp.settings.use_cases_dir / "customer_churn" / "contract.yaml"))
    assert "| `data.mb` | number | MB | -50 … 50 | forbidden | feature | yes |" in page


def test_a_profile_is_written(mlp: Shell, tmp_path: Path) -> None:
    out = tmp_path / "profile.json"
    data = write(tmp_path / "clients.csv", 600)
    assert mlp("profile", data, "--out", out) == f"Wrote {out}.\n"
    assert json.loads(out.read_text())["rows"] == 600


def test_migrating_says_what_was_applied(postgres: Postgres, mlp: Shell, tmp_path: Path) -> None:
    postgres.ensure_database("test_cli_empty", owner="ml_platform")
    empty = postgres.url("test_cli_empty", "ml_platform")
    assert mlp.refused("db-training", ML_DATABASE_URL=empty) == (
        'relation "ml.training_data" does not exist; `mlp migrate` brings the database to the newest schema.'
    )
    files = ", ".join(sorted(path.name for path in (REPOSITORY / "ml" / "migrations").iterdir()))
    assert mlp.tried("migrate", ML_DATABASE_URL=empty).stdout == f"Applied: {files}.\n"
    assert mlp.tried("migrate", ML_DATABASE_URL=empty).stdout == "Applied: nothing, all was there.\n"
    for command in (["db-training"], ["db-inference"]):
        assert mlp.tried(*command, ML_DATABASE_URL=empty).stdout.endswith("s: none yet.\n")
    assert mlp.tried("db-training", "--pretty", ML_DATABASE_URL=empty).stdout == "No training yet: `make train-bank`.\n"
    out = tmp_path / "raw.csv"
    assert "ingest a file first" in mlp.refused("export", "raw", "--out", out, ML_DATABASE_URL=empty)
    assert not out.exists()
    assert mlp.refused("train", ML_DATABASE_URL=empty).startswith("customer_churn has 0 rows of features")


def test_a_challenger_is_set_and_compared(mlp: Shell) -> None:
    said = mlp("challenger", "--model-name", MODEL, "--version", 2, "--mode", "canary", "--percent", 10)
    assert said == f"{MODEL}: challenger 2, canary, 10 % of the traffic; production: 1.\n"
    said = mlp("compare", "--model-name", MODEL, "--since", "2024-01-31")
    nothing, page = said.splitlines()
    assert nothing == f"{MODEL}: challenger 2 against version 1. The log has no request that both could be compared by."
    assert Path(page.removeprefix("Page: ")).is_file()
    found = json.loads(mlp("compare", "--model-name", MODEL, "--json"))
    assert (found["production"], found["challenger"], found["parts"]) == ("1", "2", [])
    said = mlp("challenger", "--model-name", MODEL, "--mode", "off")
    assert said == f"{MODEL}: challenger 2, off; production: 1.\n"
    assert mlp.refused("challenger", "--model-name", MODEL, "--mode", "canary").startswith(
        "A canary takes a percentage"
    )


def test_a_version_is_judged_and_a_promotion_rolled_back(mlp: Shell) -> None:
    judged = json.loads(mlp("gate", "--use-case", "customer_churn", "--version", 2))
    assert (judged["model_name"], judged["model_version"], judged["production"]) == (MODEL, "2", "1")
    assert judged["passed"] == (judged["summary"] == "passed")
    assert judged["promoted"] is False
    mlp("promote", "--model-name", MODEL, "--version", 2)
    said = mlp("rollback", "--model-name", MODEL, "--why", "2 was worse")
    assert said == f"{MODEL}: version 1 is in Production again; taken out: 2.\n"
    assert mlp.refused("rollback", "--model-name", MODEL).startswith(
        f"No version of '{MODEL}' was in production before"
    )
    with connect(mlp.settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT actor, source, why FROM ml.promotions WHERE stage = 'Production' ORDER BY id DESC LIMIT 1"
        )
        assert cursor.fetchone() == (getpass.getuser(), "rollback", "2 was worse")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--metric", "gini"], "No metric 'gini'; there are roc_auc, f1, average_precision."),
        (["train", "--use-case", "nothing"], "no contract.yaml there; use cases found: customer_churn"),
        (["promote", "--model-name", "nothing", "--version", "1"], "The registry has no version 1 of model 'nothing'."),
        (["list-versions", "--model-name", "nothing"], "The registry has no model 'nothing'."),
        (["data", "--data", "/nowhere.csv"], "/nowhere.csv refused: there is no such file."),
    ],
)
def test_an_error_of_the_platform_is_one_line(mlp: Shell, arguments: list[str], said: str) -> None:
    assert said in mlp.refused(*arguments)


def test_a_database_that_is_not_there_is_named_without_its_password(mlp: Shell, tmp_path: Path) -> None:
    said = mlp.refused("db-training", ML_DATABASE_URL=f"postgresql://ml:secret@/ml?host={tmp_path}")
    assert said.startswith(f"Postgres at postgresql://ml@/ml?host={tmp_path} did not answer: ")
    assert "secret" not in said


def test_mlflow_that_is_not_there_is_named(mlp: Shell) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
        said = mlp.refused("list-models", ML_MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert said == f"MLflow at {address} did not answer: [Errno 111] Connection refused. `make status` shows what runs."


def test_retention_makes_the_partitions_to_come_and_removes_those_that_are_too_old(mlp: Shell) -> None:
    now = dt.datetime.now(dt.UTC)
    made = ensure_partitions(mlp.settings, now - dt.timedelta(days=200))
    assert "Removed: nothing." in mlp("retention")
    kept = mlp.tried("retention", ML_LOG_RETENTION_DAYS="100")
    assert {*made} <= {*kept.stdout.split("Removed: ")[1].rstrip(".\n").split(", ")}
    assert f"inference_logs_{now:%Y_%m}" not in kept.stdout
    assert len(json.loads(mlp("db-inference", "--json", "--limit", 4))) == 4
    assert "ML_LOG_RETENTION_DAYS" in mlp.refused("retention", ML_LOG_RETENTION_DAYS="0")


@pytest.mark.parametrize("arguments", [["migrate"], ["train"], ["list-models"], ["db-inference"], ["docs"]])
def test_a_missing_database_url_is_said_by_its_name(mlp: Shell, arguments: list[str]) -> None:
    said = mlp.refused(*arguments, ML_DATABASE_URL=None)
    assert said.startswith("ML_DATABASE_URL: Field required. `make` sets them; by hand: ")


def test_where_there_are_several_use_cases_one_must_be_named(mlp: Shell, tmp_path: Path) -> None:
    assert (
        mlp.refused("train", ML_USE_CASES_DIR=str(tmp_path)) == f"Say which use case: --use-case (none in {tmp_path})"
    )
    for name in ("orders", "returns"):
        make_use_case(tmp_path, name=name)
    assert mlp.refused("train", ML_USE_CASES_DIR=str(tmp_path)) == "Say which use case: --use-case orders | returns"


def test_what_stands_in_brackets_is_shown_as_it_is(capsys) -> None:
    show([{"a": "[bold]x[/bold] [/]", "b": None, "d": ":smile:"}], title="T", as_json=False)
    shown = capsys.readouterr().out
    for text in ("[bold]x[/bold] [/]", ":smile:"):
        assert text in shown
    assert "None" not in shown


def test_rows_that_hold_documents_are_shown_one_below_the_other(capsys) -> None:
    show([{"id": 1, "input": {"a": ["x"]}}, {"id": 2, "input": {}, "b": None}], title="T", as_json=False)
    assert capsys.readouterr().out == 'id     1\ninput  {"a": ["x"]}\n\nid     2\ninput  {}\n'


def test_the_bank_page_in_the_docs_is_that_of_its_contract() -> None:
    page = (REPOSITORY / "docs" / "use_cases" / "bank_marketing.md").read_text(encoding="utf-8")
    assert page == contract_page(load_contract(REPOSITORY / "data" / "bank_marketing" / "contract.yaml"))
