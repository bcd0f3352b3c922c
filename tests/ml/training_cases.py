"""Rows to train on, of two numbers and a category, with a configuration."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.contract import Column
from ml.model_config import ModelConfig

FEATURES = tuple(
    Column.model_validate({"meaning": "?", **column})
    for column in (
        {"name": "usage", "type": "number"},
        {"name": "age", "type": "integer"},
        {"name": "plan", "type": "category", "categories": ["basic", "family", "pro"]},
    )
)


def rows(count: int, seed: int = 1, above: float = 0.6) -> tuple[pd.DataFrame, pd.Series]:
    """So many rows, and labels that hang on all three columns; about 40 % are 1, fewer with a larger ``above``."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "usage": random.normal(size=count).astype(np.float32).astype(float),
            "age": random.integers(18, 90, count).astype(float),
            "plan": random.choice(["basic", "family", "pro"], count),
        }
    )
    score = frame["usage"] + (frame["plan"] == "pro") + np.sin(frame["age"] / 10) + random.normal(size=count)
    return frame, (score > above).astype("int64")


CANDIDATES = {
    "linear": {
        "estimator": "LogisticRegression",
        "params": {"C": 1.0},
        "search": {"C": {"low": 0.001, "high": 10.0, "log": True}, "class_weight": {"choices": [None, "balanced"]}},
    },
    "leaves": {
        "estimator": "LGBMClassifier",
        "params": {"n_estimators": 20, "num_leaves": 7, "n_jobs": 1, "random_state": 3},
        "search": {"num_leaves": {"low": 3, "high": 31}, "min_child_samples": {"low": 5, "high": 60}},
    },
    "forest": {
        "estimator": "RandomForestClassifier",
        "params": {"n_estimators": 10, "max_depth": 5, "random_state": 3},
    },
    "blend": {"estimator": "Blend", "of": ["linear", "leaves", "forest"]},
}


def config(**changes: object) -> ModelConfig:
    """Those candidates, few trials, calibration and a threshold by F1."""
    given = {
        "model_name": "m",
        "experiment": "e",
        "candidates": CANDIDATES,
        "calibration": "sigmoid",
        "threshold": "f1",
    }
    return ModelConfig.model_validate({**given, "tuning": {"trials": 4, "seconds": 300}, **changes})
