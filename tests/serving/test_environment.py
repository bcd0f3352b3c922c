"""The service needs nothing that trains or unpickles, nor MLflow's client."""

import subprocess
import sys

from tests.conftest import REPOSITORY
from tests.serving import bundles
from tests.serving.fakes import MODEL

FORBIDDEN = (
    "airflow", "boto3", "cloudpickle", "great_expectations", "joblib", "matplotlib", "mlflow", "onnx", "pandas",
    "pyarrow", "scipy", "skl2onnx", "sklearn", "skops", "sqlalchemy", "stack",
)  # fmt: skip

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


def test_it_imports_and_predicts_without_what_trains_or_unpickles(tmp_path, contract):
    import json

    values = bundles.example(contract)
    checksum = bundles.build(tmp_path, contract, model_name=MODEL, run_id="run", bias=0.25)
    program = PROGRAM.format(
        forbidden=FORBIDDEN, folder=str(tmp_path), model=MODEL, checksum=checksum, payload=json.dumps(values)
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    probability, loaded = json.loads(done.stdout)
    assert abs(probability - bundles.probability(contract, values, bias=0.25)) < 1e-6
    assert loaded == []
