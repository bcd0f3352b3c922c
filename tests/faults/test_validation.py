"""V1 and I5: bad rows below and above the limit, a validator that dies, categories and cells nobody expects."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import psycopg2
import pytest

from ml.errors import DataError, Unavailable, ValidationFailed
from ml.export import TABLES, export_table
from ml.ingest import ingest
from ml.registry import list_versions, production_version, promote
from ml.store import connect
from ml.train import train
from ml.use_case import UseCase
from ml.validate import require_passed, validate
from tests.conftest import REPOSITORY
from tests.ingestion import checksum
from tests.trained import churn, make_settings, prepare
from tests.use_cases.customer_churn.make_data import draw

ROWS = 400
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", '=cmd|"/c calc"!A0']
MODEL = "churn-validated"
_first_ids = count(100_000, 10_000)


@pytest.fixture(scope="module")
def settings(postgres, mlflow_server, tmp_path_factory):
    return make_settings(postgres, mlflow_server, tmp_path_factory.mktemp("validation"), "validation")


@pytest.fixture(scope="module")
def use_case(settings):
    """With a version in production, trained on a file that passed."""
    made = churn(settings.use_cases_dir.parent, ROWS, MODEL)
    prepare(settings, made)
    version = train(settings, made, candidates=["linear"]).model_version
    promote(settings, MODEL, version, actor="test", source="test", why="test")
    return made


@pytest.fixture
def clients():
    """Clients that no other test has."""
    return draw(ROWS, seed=1, first_id=next(_first_ids)).astype(object)


def deliver(settings, use_case: UseCase, frame, name: str) -> int:
    """Ingest a file; returns its id."""
    frame.to_csv(use_case.landing / name, index=False)
    (outcome,) = ingest(settings, use_case, run_id="test").files
    assert outcome.status == "loaded"
    ((file_id,),) = read(settings, "SELECT max(id) FROM ml.ingest_ledger WHERE use_case = %s", use_case.name)
    return file_id


def read(settings, statement, *parameters):
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def rows_of(settings, table, file_id):
    ((found,),) = read(settings, f"SELECT count(*) FROM customer_churn.{table} WHERE _file_id = %s", file_id)
    return found


def settled(settings):
    """All that validation writes."""
    return [
        read(settings, f"SELECT _row_key, _file_id, _line FROM customer_churn.{table} ORDER BY 1")
        for table in ("features", "quarantine")
    ] + [read(settings, "SELECT id, validation, rows_good, rows_quarantined FROM ml.ingest_ledger ORDER BY 1")]


@contextmanager
def production_unchanged(settings):
    before = production_version(settings, MODEL), list_versions(settings, MODEL)
    yield
    assert (production_version(settings, MODEL), list_versions(settings, MODEL)) == before


def wait_until(settings, question):
    for _ in range(600):
        ((answer,),) = read(settings, question)
        if answer:
            return
        time.sleep(0.1)
    raise AssertionError(f"not so after 60 s: {question}")


# V1


def test_v1_below_the_limit_good_and_quarantined_rows_are_the_input(settings, use_case, clients):
    clients.loc[:39, "plan.type"] = "gold"
    file_id = deliver(settings, use_case, clients, "below.csv")
    (judged,) = validate(settings, use_case).files
    assert (judged.passed, judged.rows_good, judged.rows_quarantined) == (True, ROWS - 40, 40)
    assert rows_of(settings, "features", file_id) == ROWS - 40
    assert rows_of(settings, "quarantine", file_id) == 40
    ((both,),) = read(
        settings, "SELECT count(*) FROM customer_churn.features JOIN customer_churn.quarantine USING (_row_key)"
    )
    assert both == 0
    require_passed(settings, use_case)


def test_v1_above_the_limit_nothing_is_a_feature_and_nothing_is_trained(settings, use_case, clients):
    clients.loc[:40, "plan.type"] = "gold"
    file_id = deliver(settings, use_case, clients, "above.csv")
    features = read(settings, "SELECT * FROM customer_churn.features ORDER BY _row_key")
    with production_unchanged(settings):
        with pytest.raises(ValidationFailed, match=r"above.csv: 41 of 400 rows \(10.2%\)"):
            validate(settings, use_case)
        with pytest.raises(DataError, match=r"above.csv, failed validation: 41 rows"):
            require_passed(settings, use_case)
    assert read(settings, "SELECT * FROM customer_churn.features ORDER BY _row_key") == features
    assert rows_of(settings, "quarantine", file_id) == 41
    clients["plan.type"] = "family"
    deliver(settings, use_case, clients, "corrected.csv")
    assert validate(settings, use_case).rows_good == ROWS
    require_passed(settings, use_case)


@contextmanager
def judging_held_up(settings):
    """Validators get through all of the file and then wait, in the middle of moving its rows."""
    connection = psycopg2.connect(settings.database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE customer_churn.features IN SHARE MODE")
        yield
    finally:
        connection.close()


WAITS = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'ml-validate' AND wait_event_type = 'Lock'"
    " AND datname = current_database())"
)
IS_GONE = (
    "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'ml-validate'"
    " AND datname = current_database())"
)


def nothing_came_of(settings, use_case, name, before):
    assert settled(settings) == before
    with pytest.raises(DataError, match=f"{name} is loaded but was not judged"):
        require_passed(settings, use_case)


def test_v1_a_validator_that_is_killed_leaves_nothing_half_done_and_the_retry_is_exact(settings, use_case, clients):
    clients.loc[:9, "plan.type"] = "gold"
    file_id = deliver(settings, use_case, clients, "killed.csv")
    before = settled(settings)
    program = (
        "import sys; from pathlib import Path; from ml.validate import validate; from ml.settings import Settings;"
        " from ml.use_case import UseCase;"
        " validate(Settings(database_url=sys.argv[1], state_dir=sys.argv[2]), UseCase(Path(sys.argv[3])))"
    )
    arguments = [settings.database_url, str(settings.state_dir), str(use_case.folder)]
    with production_unchanged(settings):
        with judging_held_up(settings):
            with subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=REPOSITORY) as process:
                wait_until(settings, WAITS)
                process.kill()
            assert process.returncode == -signal.SIGKILL
            # Postgres notices only when it next looks at the socket, which is when the lock is free.
        wait_until(settings, IS_GONE)
        nothing_came_of(settings, use_case, "killed.csv", before)
    assert validate(settings, use_case).rows_quarantined == 10
    assert rows_of(settings, "features", file_id) + rows_of(settings, "quarantine", file_id) == ROWS
    require_passed(settings, use_case)


def test_v1_a_connection_cut_in_the_middle_leaves_nothing_half_done(settings, use_case, clients):
    file_id = deliver(settings, use_case, clients, "cut.csv")
    before = settled(settings)
    with production_unchanged(settings), judging_held_up(settings), ThreadPoolExecutor(1) as pool:
        running = pool.submit(validate, settings, use_case)
        wait_until(settings, WAITS)
        read(
            settings,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ml-validate'"
            " AND datname = current_database()",
        )
        with pytest.raises(Unavailable, match=r"Postgres at .* did not answer"):
            running.result()
        nothing_came_of(settings, use_case, "cut.csv", before)
    assert validate(settings, use_case).rows_good == ROWS == rows_of(settings, "features", file_id)


def test_v1_a_validator_that_cannot_write_its_report_leaves_nothing_half_done(settings, use_case, clients, tmp_path):
    deliver(settings, use_case, clients, "unreported.csv")
    before = settled(settings)
    (tmp_path / "state").write_text("a file where a folder has to be")
    with pytest.raises(OSError, match=r"state"):
        validate(settings.model_copy(update={"state_dir": tmp_path / "state"}), use_case)
    nothing_came_of(settings, use_case, "unreported.csv", before)
    assert validate(settings, use_case).rows_good == ROWS


# I5


def test_i5_what_was_injected_is_flagged_stored_verbatim_and_escaped_in_every_export(
    settings, use_case, clients, tmp_path
):
    injected = {}
    for at, text in enumerate(FORMULAS):
        injected[2 * at, "plan.type"] = text
        injected[2 * at + 1, ("calls.day", "Age Years", "region")[at % 3]] = text
    for at in range(12, 20):
        injected[at, ("plan.type", "region")[at % 2]] = f"new {at}"
    for (row, column), text in injected.items():
        clients.loc[row, column] = text
    for at, text in enumerate(FORMULAS):
        clients.loc[100 + at, "client.id"] = text  # a key may be any text: no fault, but no formula either
    file_id = deliver(settings, use_case, clients, "injected.csv")
    assert validate(settings, use_case).rows_quarantined == len(injected)

    held = {}
    for table in ("raw", "quarantine"):
        rows = read(
            settings, f'SELECT _line, "{{}}" FROM customer_churn.{table} WHERE _file_id = %s'.format(
                '", "'.join(clients.columns)), file_id,
        )  # fmt: skip
        held[table] = {row[0] - 2: dict(zip(clients.columns, row[1:], strict=True)) for row in rows}
        assert {key: held[table][key[0]][key[1]] for key in injected} == injected
    assert sorted(held["quarantine"]) == sorted(row for row, _ in injected)

    reasons = read(
        settings,
        "SELECT _line - 2, r->>'column', r->>'rule', r->>'value' FROM customer_churn.quarantine,"
        " jsonb_array_elements(_reasons) AS r WHERE _file_id = %s",
        file_id,
    )
    assert {(row, column): value for row, column, _, value in reasons} == injected
    assert Counter(rule for _, _, rule, _ in reasons) == {"categories": 16, "type": 4}

    for table in TABLES:
        out = tmp_path / f"{table}.csv"
        assert export_table(settings, use_case, table, out) == all_rows(settings, table)
        with out.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        numbers = {c.name for c in use_case.contract.columns if c.is_numeric} if table == "features" else set()
        for row in rows:
            cells = {name: cell for name, cell in zip(header, row, strict=True) if name not in numbers}
            assert not [cell for cell in cells.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        shown = Counter(cell for row in rows for cell in row if cell.startswith("'"))
        keys, flagged = table in ("raw", "features"), table in ("raw", "quarantine")
        if keys or flagged:
            assert [shown[f"'{text}"] for text in FORMULAS] == [keys + 2 * flagged] * len(FORMULAS)


def all_rows(settings, table):
    ((found,),) = read(settings, f"SELECT count(*) FROM customer_churn.{table}")
    return found


# X3


def test_x3_sql_in_cells_passes_through_validation_as_data(settings, use_case, clients):
    attacks = [
        "'; DROP SCHEMA customer_churn CASCADE; --",
        "\"}]'::jsonb); DELETE FROM ml.ingest_ledger; --",
        "%s \\N $$",
    ]
    for at, attack in enumerate(attacks):
        clients.loc[at, "plan.type"] = attack
        clients.loc[100 + at, "client.id"] = attack
    shape = "SELECT table_schema, table_name, column_name FROM information_schema.columns ORDER BY 1, 2, 3"
    before = read(settings, shape)
    file_id = deliver(settings, use_case, clients, "attacks.csv")
    assert validate(settings, use_case).rows_quarantined == len(attacks)
    assert read(settings, shape) == before
    raw = checksum(settings, use_case)
    quarantined = read(
        settings,
        "SELECT \"plan.type\", _reasons->0->>'value' FROM customer_churn.quarantine WHERE _file_id = %s ORDER BY _line",
        file_id,
    )
    assert quarantined == [(attack, attack) for attack in attacks]
    kept = read(
        settings,
        'SELECT "client.id" FROM customer_churn.features WHERE _file_id = %s AND _line BETWEEN 102 AND 104'
        " ORDER BY _line",
        file_id,
    )
    assert [key for (key,) in kept] == attacks
    assert checksum(settings, use_case) == raw
