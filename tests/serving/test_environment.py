"""The service needs nothing that trains or unpickles, nor MLflow's client."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY
from tests.serving import bundles
from tests.serving.fakes import MODEL

FORBIDDEN = (
    "airflow", "boto3", "cloudpickle", "great_expectations", "joblib", "matplotlib", "mlflow", "onnx", "pandas",
    "pyarrow", "scipy", "skl2onnx", "sklearn", "skops", "sqlalchemy", "stack",
)  # fmt: skip

FORBIDDEN_PACKAGES = tuple(name for name in FORBIDDEN if name != "stack")  # that one is the repository's own

PROGRAM = """
import json, sys
from pathlib import Path

class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {forbidden!r}:
            raise ModuleNotFoundError(f"the service imported {{name}}", name=name)

sys.meta_path.insert(0, Forbid())

import datetime
import serving.app
from serving.model import load_model
from serving.registry import ProductionVersion

model = load_model(Path({folder!r}), ProductionVersion({model!r}, "1", "run", {checksum!r}), datetime.datetime.now())
prediction = model.predict(json.loads({payload!r}))
loaded = sorted({{name.split(".")[0] for name in sys.modules}} & set({forbidden!r}))
print(json.dumps([prediction.probability, loaded]))
"""


UV = REPOSITORY / ".local" / "uv" / "bin" / "uv"


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """The Python of an environment that holds the service's own lock and nothing else."""
    if not UV.is_file():
        pytest.skip("the installer is not there; `make install-dev` brings it")
    folder = tmp_path_factory.mktemp("locked")
    python = folder / "bin" / "python"
    given = {**os.environ, "UV_SYSTEM_CERTS": "1", "UV_NO_CONFIG": "1"}
    lock = REPOSITORY / "serving" / "requirements.txt"
    for command in (
        ["venv", "--quiet", "--python", sys.executable, "--clear", folder],
        ["pip", "sync", "--quiet", "--require-hashes", "--python", python, lock],
    ):
        done = subprocess.run([UV, *command], env=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return python


def test_in_an_environment_of_its_own_lock_it_predicts_and_nothing_that_trains_is_there(locked, tmp_path, contract):
    probability, loaded = predicted(locked, tmp_path, contract)
    assert abs(probability - bundles.probability(contract, bundles.example(contract), bias=0.25)) < 1e-6
    assert loaded == []
    for package in FORBIDDEN_PACKAGES:
        absent = subprocess.run([locked, "-c", f"import {package}"], capture_output=True, text=True, check=False)
        assert "ModuleNotFoundError" in absent.stderr, package


def test_it_imports_and_predicts_without_what_trains_or_unpickles(tmp_path, contract):
    probability, loaded = predicted(sys.executable, tmp_path, contract)
    assert abs(probability - bundles.probability(contract, bundles.example(contract), bias=0.25)) < 1e-6
    assert loaded == []


def predicted(python, tmp_path, contract):
    """What the program prints: a probability, and which of the forbidden modules it loaded."""
    values = bundles.example(contract)
    checksum = bundles.build(tmp_path, contract, model_name=MODEL, run_id="run", bias=0.25)
    program = PROGRAM.format(
        forbidden=FORBIDDEN, folder=str(tmp_path), model=MODEL, checksum=checksum, payload=json.dumps(values)
    )
    done = subprocess.run(
        [python, "-W", "error", "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
