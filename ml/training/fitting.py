"""Fits one candidate and keeps it as an MLflow run."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
import sklearn
from mlflow.models import infer_signature
from sklearn.pipeline import Pipeline

from ml.model_config import Candidate
from ml.training.candidates import build
from ml.training.evaluate import evaluate

if TYPE_CHECKING:
    from ml.training.registration import Training

log = logging.getLogger(__name__)

MODEL = "model"
_EXAMPLE_ROWS = 5
# skops stores no code; it loads these, which our pipelines are made of, and refuses all it was not told of.
_TRUSTED = [
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]


@dataclass(frozen=True)
class Holdout:
    """Rows to fit on and rows to judge by; labels are 0 and 1, indices those of the snapshot."""

    train: pd.DataFrame
    test: pd.DataFrame
    train_labels: pd.Series
    test_labels: pd.Series


@dataclass(frozen=True)
class Fitted:
    """A candidate after training: its run, and its probabilities on the hold-out."""

    name: str
    run_id: str
    model_uri: str
    pipeline: Pipeline
    probabilities: npt.NDArray[np.float64]
    metrics: dict[str, float]
    seconds: float


def fit(training: Training, name: str, candidate: Candidate) -> Fitted:
    """Fit a candidate and log it: parameters, metrics, the model with signature and input example.

    The run ends as FINISHED, or as FAILED on any error.
    """
    data, use_case = training.data, training.use_case
    mlflow.set_experiment(use_case.config.experiment)
    with mlflow.start_run(run_name=name, tags=training.tags) as run:
        log.info("%s: fitting %s on %d rows", name, candidate.estimator.value, len(data.train))
        started = time.monotonic()
        pipeline = build(candidate, training.features).fit(data.train, data.train_labels)
        seconds = time.monotonic() - started
        probabilities = pipeline.predict_proba(data.test)[:, 1]
        metrics = evaluate(data.test_labels.to_numpy(), probabilities, use_case.config.threshold)
        mlflow.log_params({"estimator": candidate.estimator.value, **candidate.params, **training.params})
        mlflow.log_metrics({**metrics, "fit_seconds": seconds})
        example = data.train.head(_EXAMPLE_ROWS)
        model = mlflow.sklearn.log_model(
            pipeline,
            name=MODEL,
            serialization_format="skops",
            skops_trusted_types=_TRUSTED,
            signature=infer_signature(example, pipeline.predict(example)),
            input_example=example,
            # Given, since finding them out takes longer than the training.
            pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"mlflow=={mlflow.__version__}", "skops"],
        )
        return Fitted(name, run.info.run_id, model.model_uri, pipeline, probabilities, metrics, seconds)
