"""A use case with awkward names, a version trained on known rows, and a log to compare with them."""

import datetime as dt
import io
import json

import numpy as np
import pandas as pd
import yaml

from ml import store
from ml.inference_id import batch_id
from ml.monitoring.feature_stats import feature_stats
from ml.use_case import UseCase

START, END = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 8, tzinfo=dt.UTC)
INSIDE = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
CONTRACT = {
    "use_case": "calls",
    "title": "Calls <b>to</b> clients",
    "description": "Small and awkward",
    "columns": [
        {"name": "bill.mean", "type": "number", "unit": "EUR", "meaning": "Mean bill", "nulls": "allowed"},
        {"name": "Calls <i>", "type": "integer", "meaning": "Calls", "nulls": "allowed"},
        {
            "name": "Plan A",
            "type": "category",
            "categories": ["x", "other", "y"],
            "meaning": "Plan",
            "nulls": "allowed",
        },
        {"name": "left", "type": "category", "categories": [0, 1], "positive": 1, "role": "target", "meaning": "Left"},
    ],
}
CANDIDATES = {"linear": {"estimator": "LogisticRegression"}}


def make_use_case(folder, **drift):
    config = {"model_name": "calls-model", "experiment": "calls", "candidates": CANDIDATES, "drift": drift}
    path = folder / "calls"
    path.mkdir(parents=True)
    (path / "contract.yaml").write_text(yaml.safe_dump(CONTRACT))
    (path / "model.yaml").write_text(yaml.safe_dump(config))
    return UseCase(path)


def rows(n, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "bill.mean": rng.normal(50 + shift, 10, size=n),
            "Calls <i>": rng.poisson(3, size=n).astype(float),
            "Plan A": rng.choice(["x", "other", "y"], p=[0.5, 0.3, 0.2], size=n),
        }
    )


def remember_training(settings, use_case, version, frame, **given):
    features = [use_case.contract.column(name) for name in frame.columns]
    values = {
        "use_case": use_case.name, "model_name": use_case.config.model_name, "model_version": version,
        "run_id": f"run-{version}", "metric_name": "roc_auc", "metric_value": 0.8, "n_train": len(frame), "n_test": 1,
        "n_features": len(features), "metrics": "{}", "snapshot_id": "snapshot",
        "feature_stats": json.dumps(feature_stats(frame, features, **given)),
    }  # fmt: skip
    with store.connect(settings.database_url) as connection, connection.cursor() as cursor:
        _copy(cursor, "training_data", pd.DataFrame([values]))


def log_inferences(settings, use_case, version, frame, at=INSIDE, probability=0.25, model_name=None, **more):
    model_name = model_name or use_case.config.model_name
    records = json.loads(frame.to_json(orient="records", double_precision=15))
    log = pd.DataFrame(
        {
            "inference_id": [batch_id(use_case.name, f"{model_name}{version}", str(i), at) for i in range(len(frame))],
            "use_case": use_case.name, "model_name": model_name, "model_version": version, "run_id": f"run-{version}",
            "input": [json.dumps(record) for record in records],
            "prediction": 0, "probability": probability, "source": "batch", "timestamp": at.isoformat(),
            **more,
        }
    )  # fmt: skip
    with store.connect(settings.database_url) as connection, connection.cursor() as cursor:
        _copy(cursor, "inference_logs", log)


def _copy(cursor, name, frame):
    text = io.StringIO(frame.to_csv(index=False, header=False))
    store.copy_in(cursor, store.table("ml", name), list(frame.columns), text)
