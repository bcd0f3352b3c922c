"""Reading a DAG file costs little and does nothing: it happens every few seconds, on every component."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.dags.airflow_home import REPOSITORY
from tests.dags.conftest import read_dags
from tests.dags.test_structure import FILES

HEAVY = {
    "pandas", "numpy", "sklearn", "mlflow", "great_expectations", "psycopg2", "onnx", "onnxruntime", "skl2onnx",
    "matplotlib", "scipy", "pyarrow",
}  # fmt: skip

READ_ALONE = """
import json, runpy, sys
import airflow.providers.standard.operators.hitl, airflow.providers.standard.operators.trigger_dagrun, airflow.sdk

FORBIDDEN = {
    "socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn", "sqlite3.connect"
}

def refuse(event, arguments):
    if event == "open":
        path, mode, _ = arguments
        if set(mode or "") & set("wax+") and "__pycache__" not in str(path):
            raise RuntimeError(f"{path} written while a DAG file is read")
    elif event in FORBIDDEN:
        raise RuntimeError(f"{event} {arguments} while a DAG file is read")

sys.addaudithook(refuse)
for path in sys.argv[1:]:
    runpy.run_path(path)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def the_import_error(bag) -> str:
    """Of the file that reports broken use cases, which is the only one to fail."""
    ((file, error),) = bag.import_errors.items()
    assert file.endswith("use_cases.py")
    return error


@pytest.fixture(scope="module")
def modules_after_reading(tmp_path_factory) -> set[str]:
    """Top-level modules in a fresh process that read all files with neither network, processes nor writing."""
    from tests.dags.conftest import copy_use_cases

    use_cases = copy_use_cases(tmp_path_factory.mktemp("read"))
    environment = os.environ | {
        "ML_USE_CASES_DIR": str(use_cases),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "plugins")]),
    }
    files = [str(REPOSITORY / "dags" / f"{name}.py") for name in FILES]
    done = subprocess.run(
        [sys.executable, "-c", READ_ALONE, *files], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_reading_the_files_reaches_for_no_service_and_writes_nothing(modules_after_reading):
    assert "platform_defaults" in modules_after_reading


def test_reading_the_files_imports_no_machine_learning(modules_after_reading):
    assert modules_after_reading & HEAVY == set()


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("contract.yaml", "use_case: customer_churn", "use_case: someone_else"),
        ("model.yaml", "metric: average_precision", "metric: nonsense"),
        ("model.yaml", "experiment: customer-churn", "experiment: [unclosed"),
    ],
)
def test_a_broken_use_case_is_one_clear_import_error_and_takes_no_other_with_it(use_cases, file, line, reason):
    path = use_cases / "customer_churn" / file
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, reason))

    bag = read_dags(use_cases)

    assert {dag_id.rsplit("_", 1)[0] for dag_id in bag.dags} == {"bank_marketing", "platform"}
    assert str(path) in the_import_error(bag)


def test_a_schedule_that_is_no_cron_expression_is_named(use_cases):
    path = use_cases / "customer_churn" / "model.yaml"
    path.write_text(path.read_text().replace("train: null", "train: every monday"))

    bag = read_dags(use_cases)

    assert "schedules.train is 'every monday'" in the_import_error(bag)
    assert len(bag.dags) == 8  # with that of the platform


def test_a_folder_without_use_cases_says_where_it_looked(tmp_path):
    bag = read_dags(tmp_path)

    assert set(bag.dags) == {"platform_maintenance"}
    assert f"No use case in {tmp_path}" in the_import_error(bag)
