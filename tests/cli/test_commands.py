"""Each command of the platform, on one use case from data to export."""

import csv
import datetime as dt
import getpass
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ml.cli.output import show
from ml.contract import load_contract
from ml.contract_docs import contract_page
from ml.partitions import ensure_partitions
from ml.store import connect
from stack.postgres import Postgres
from tests.cli.conftest import MODEL, Shell
from tests.conftest import REPOSITORY
from tests.ingestion import make_use_case
from tests.use_cases.customer_churn.make_data import write


def test_the_module_runs_as_the_command(mlp: Shell) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ml.cli", "-q", "list-versions", "--model-name", MODEL, "--json"],
        cwd=REPOSITORY, env={**os.environ, **mlp.environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [v["version"] for v in json.loads(done.stdout)] == [2, 1]
    assert done.stderr == ""


def test_data_is_brought_in_and_validated(mlp: Shell, printed: dict[str, str]) -> None:
    head, ingested, validated, report = printed["data"].splitlines()
    assert head.startswith("Data: file, ")
    assert ingested == "Ingested: 600 new rows from 1 files."
    assert validated == "Validated: 600 rows became features, 0 are in quarantine."
    assert Path(report.removeprefix("Report: ")).is_file()
    again = mlp.json("data")
    assert again["data"]["kind"] == "landing"
    assert (again["ingest"]["rows_new"], again["validate"]["rows_good"]) == (0, 0)


def test_a_refused_file_ends_with_an_error_that_says_where_it_lies(mlp: Shell, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"a,b\n1,\x00\n")
    said = mlp.refused("data", "--data", bad)
    assert said.startswith("Refused: bad.csv")
    assert said.endswith("customer_churn/landing/rejected.")


def test_training_shows_the_candidates_and_what_it_registered(printed: dict[str, str]) -> None:
    shown = printed["train"]
    assert shown.startswith("On the 150 rows of the hold-out")
    assert all(candidate in shown for candidate in ("linear", "boosting"))
    assert shown.endswith(f"{MODEL}: version 1 is registered, trained on 450 rows of 20 features.\n")


def test_training_prints_its_result_as_json_and_nothing_else(printed: dict[str, str]) -> None:
    chosen = json.loads(printed["train f1"])
    assert (chosen["model_name"], chosen["model_version"]) == (MODEL, "2")
    assert (chosen["metric_name"], chosen["n_train"], chosen["n_test"], chosen["n_features"]) == ("f1", 450, 150, 21)
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
    assert printed["score"].startswith(f"The first 3 of 600 rows, by models:/{MODEL}/1")
    assert Path(printed["score"].split("All: ")[1].strip()).is_file()
    some = mlp.json("score", "--data", write(tmp_path / "some.csv", 20, seed=9), "--limit", 50)
    assert some["model_uri"] == f"models:/{MODEL}/1"
    assert len(some["predictions"]) == len(some["probabilities"]) == 20
    assert some["input_shape"][0] == 20
    assert mlp.refused("score", "--data", tmp_path / "none.csv").startswith("none.csv refused: it cannot be opened")


def test_drift_shows_a_line_for_each_feature_the_answers_and_the_rows_as_a_whole(mlp: Shell) -> None:
    head, *lines = mlp("drift", "--last", 400).splitlines()
    assert head == f"{MODEL} version 1: its last 400 inferences and its training data"
    assert len(lines) == 20 + 2  # the answers, and the rows as a whole
    assert all(line.startswith("[OK]") for line in lines)
    found = mlp.json("drift", "--last", 400)
    assert (found["n_rows"], found["drifted"], len(found["columns"])) == (400, [], 22)


def test_drift_that_is_found_is_an_exit_code_of_its_own(mlp: Shell, tmp_path: Path) -> None:
    """The rows of one region, whose share of the training data is a fraction."""
    with write(tmp_path / "all.csv", 2000, seed=4).open(newline="") as file:
        head, *rows = list(csv.reader(file))
    region = head.index("region")
    with (tmp_path / "one.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *(row for row in rows if row[region] == rows[0][region])])
    scored = mlp.json("score", "--data", tmp_path / "one.csv")["input_shape"][0]
    found = mlp.json("drift", "--last", scored, exit_code=3)
    assert "region" in found["drifted"]


def test_late_labels_are_joined_and_the_version_in_production_is_judged(mlp: Shell) -> None:
    first, second = mlp("outcomes", "--use-case", "customer_churn"), mlp("outcomes", "--use-case", "customer_churn")
    joined = int(first.split("New outcomes: ")[1].split()[0])
    assert joined > 0
    assert f"New outcomes: 0 by row key, 0 from files; {joined} in all." in second
    assert "Too few labels to tell." in second  # of the window that ended a month ago
    document = mlp.json("outcomes")
    assert (document["collected"]["total"], document["judged"]["state"]) == (joined, "insufficient_data")


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
    assert mlp("export-table", "features", "--out", out) == f"Wrote 600 rows to {out}.\n"
    with out.open(newline="") as file:
        assert len(list(csv.reader(file))) == 601
    assert mlp.tried("export-table", "pg_user", "--out", out).exit_code == 2


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
    assert (
        mlp.tried("db-training", "--pretty", ML_DATABASE_URL=empty).stdout
        == "No training yet: `mlp train` makes one.\n"
    )
    out = tmp_path / "raw.csv"
    assert "ingest a file first" in mlp.refused("export-table", "raw", "--out", out, ML_DATABASE_URL=empty)
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
    judged = mlp.json("gate", "--use-case", "customer_churn", "--version", 1)
    assert (judged["passed"], judged["summary"]) == (True, "passed")
    tried = mlp.tried("gate", "--use-case", "customer_churn", "--version", 2, "--json")
    judged = json.loads(tried.stdout)
    assert tried.exit_code == (0 if judged["passed"] else 3)
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


@pytest.mark.parametrize("arguments", [["migrate"], ["train"], ["list-models"], ["db-inference"], ["status"]])
def test_a_missing_database_url_is_said_by_its_name(mlp: Shell, arguments: list[str]) -> None:
    said = mlp.refused(*arguments, ML_DATABASE_URL=None)
    assert said.startswith("ML_DATABASE_URL: Field required. ")


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
