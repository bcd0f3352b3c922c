"""Fits one candidate and keeps it as an MLflow run."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import lightgbm
import mlflow
import numpy as np
import numpy.typing as npt
import sklearn
from mlflow.models import infer_signature

from ml.training.evaluate import evaluate
from ml.training.evidence import curves_of, keep
from ml.training.fitted_model import FittedModel
from ml.training.trainer import Trainer

if TYPE_CHECKING:
    from ml.training.registration import Training

log = logging.getLogger(__name__)

MODEL = "model"
TRIALS = "trials.csv"
"""The trials of a candidate's tuning, among its run's artifacts."""
_EXAMPLE_ROWS = 5
# skops stores no code; it loads these, which our models are made of, and refuses all it was not told of.
_TRUSTED = [
    "collections.OrderedDict",
    "collections.defaultdict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "ml.training.calibration.PiecewiseLinear",
    "ml.training.calibration.Sigmoid",
    "ml.training.day_of_year.DayOfYear",
    "ml.training.ensemble.Ensemble",
    "ml.training.ensemble.Member",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]


@dataclass(frozen=True)
class Fitted:
    """A candidate after training: its run, and its probabilities, metrics and curves (PNG by name) on the hold-out."""

    run_id: str
    model_uri: str
    model: FittedModel
    probabilities: npt.NDArray[np.float64]
    metrics: dict[str, float]
    curves: dict[str, bytes]
    seconds: float

    @property
    def name(self) -> str:
        """The candidate's, in ``model.yaml``."""
        return self.model.name


def fit(training: Training, trainer: Trainer, name: str) -> Fitted:
    """Fit a candidate and log it: parameters, metrics, trials, the model with signature and input example.

    The run ends as FINISHED, or as FAILED on any error.
    """
    data, config, candidate = training.data, training.config, trainer.wanted[name]
    mlflow.set_experiment(config.experiment)
    with mlflow.start_run(run_name=name, tags=training.tags) as run:
        log.info("%s: fitting %s on %d rows", name, candidate.estimator.value, len(data.train))
        started = time.monotonic()
        model = trainer.fit(name)
        seconds = time.monotonic() - started
        probabilities = model.predict_proba(data.test)[:, 1]
        metrics = evaluate(data.test_labels.to_numpy(), probabilities, model.threshold, config.profit)
        cross_validated = {f"cv_{training.metric.value}": model.cv_score}
        mlflow.log_params(
            {"estimator": candidate.estimator.value, **model.params, **training.params, "threshold": model.threshold}
        )
        mlflow.log_metrics({**metrics, **cross_validated, "fit_seconds": seconds})
        _log_trials(model)
        curves = curves_of(training, probabilities, model.threshold)
        keep(mlflow.MlflowClient(), run.info.run_id, curves)
        return Fitted(run.info.run_id, _log_model(training, model), model, probabilities, metrics, curves, seconds)


def _log_trials(model: FittedModel) -> None:
    if model.trials.empty:
        return
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / TRIALS
        model.trials.to_csv(path, index=False)
        mlflow.log_artifact(str(path))


def _log_model(training: Training, model: FittedModel) -> str:
    example = training.data.train.head(_EXAMPLE_ROWS)
    logged = mlflow.sklearn.log_model(
        model.ensemble,
        name=MODEL,
        serialization_format="skops",
        skops_trusted_types=_TRUSTED,
        signature=infer_signature(example, model.ensemble.predict(example)),
        input_example=example,
        # Given, since finding them out takes longer than the training.
        pip_requirements=[
            f"scikit-learn=={sklearn.__version__}",
            f"lightgbm=={lightgbm.__version__}",
            f"mlflow=={mlflow.__version__}",
            "skops",
        ],
    )
    uri: str = logged.model_uri
    return uri
