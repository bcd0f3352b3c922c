"""What the platform's model is compared with: one hand-set configuration each, no tuning, the same preprocessing."""

from __future__ import annotations

from collections.abc import Sequence

from lightgbm import LGBMClassifier
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from xgboost import XGBClassifier

from ml.contract import Column
from ml.training.preprocessing import preprocessing

SEED = 42


def peers(features: Sequence[Column]) -> dict[str, Pipeline]:
    """Unfitted pipelines by name; each takes a frame with the features' columns."""
    estimators: dict[str, ClassifierMixin] = {
        "LogReg": LogisticRegression(max_iter=1000),
        "RF": RandomForestClassifier(n_estimators=200, max_depth=10, random_state=SEED, n_jobs=2),
        "HistGB": HistGradientBoostingClassifier(random_state=SEED),
        "LightGBM": LGBMClassifier(random_state=SEED, n_jobs=2, verbose=-1),
        "XGBoost": XGBClassifier(random_state=SEED, n_jobs=2),
    }
    return {
        name: make_pipeline(preprocessing(features, scale=name == "LogReg"), estimator)
        for name, estimator in estimators.items()
    }
