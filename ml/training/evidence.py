"""What is kept with a run beside its figures, for people who judge it and for the gate.

Each candidate keeps its curves. The champion keeps as well how much each feature matters, its figures by slice, a
learning curve, the model card, the packages it was made with, and the rows it can be compared with another version
by.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from mlflow import MlflowClient
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from ml.evaluation import curves
from ml.evaluation.calibration_error import by_chance
from ml.evaluation.importance import permutation_importance
from ml.evaluation.learning_curve import learning_curve
from ml.evaluation.model_card import ModelCard, as_html, as_markdown
from ml.evaluation.shapley import Explained, shapley_values
from ml.evaluation.slices import metrics_by_slice, slice_names
from ml.promotion import kept_rows
from ml.training.code_version import packages
from ml.training.ensemble import Ensemble, Member
from ml.training.evaluate import evaluate

if TYPE_CHECKING:
    from ml.training.fitting import Fitted
    from ml.training.registration import Training

log = logging.getLogger(__name__)

_IMPORTANCE_ROWS, _REPEATS = 1000, 2
_EXPLAINED_ROWS, _BACKGROUND_ROWS, _EXPLAIN_SECONDS = 100, 20, 3.0
_LEARNING_SECONDS = 4.0
_SLICE_ROWS = 100


def curves_of(training: Training, probabilities: npt.NDArray[np.float64], threshold: float) -> dict[str, bytes]:
    """File name → PNG, of a candidate on the hold-out."""
    return curves.curves(training.data.test_labels.to_numpy(), probabilities, threshold, training.config.profit)


def keep(registry: MlflowClient, run_id: str, files: Mapping[str, bytes | str]) -> None:
    """Log files into the run's folder of evidence, in one go."""
    with TemporaryDirectory() as scratch:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (Path(scratch) / name).write_bytes(data)
        registry.log_artifacts(run_id, scratch, kept_rows.FOLDER)


def keep_evidence(registry: MlflowClient, training: Training, champion: Fitted) -> None:
    """All of the champion, into its run, beside its curves. Bounded in rows, and in seconds for what takes the longest.

    OpenMP and BLAS get one thread, as in training.
    """
    started = time.monotonic()
    seed, data = training.config.split.seed, training.data
    with threadpool_limits(limits=1):
        explained = _explained(training, champion, seed)
        importance = _importance(training, champion, explained, seed)
        slices = _slices(training, champion)
        points = _learning(training, champion, seed)
    metric = training.metric.value
    pictures = {
        "learning_curve.png": curves.learning_picture(points, metric),
        "importance.png": curves.bars(_by_feature(importance, "importance"), "Permutation importance", metric),
        "shap.png": curves.bars(_by_feature(importance, "shap"), "Mean absolute SHAP value", "probability"),
    }
    card = _card(training, champion, importance, slices)
    keep(
        registry,
        champion.run_id,
        {
            **pictures,
            "importance.csv": importance.to_csv(index=False),
            "shap_values.csv": explained.values.assign(_base=explained.base).to_csv(index=False),
            "learning_curve.csv": points.to_csv(index=False),
            "slices.csv": slices.to_csv(index=False),
            "model_card.md": as_markdown(card),
            "model_card.html": as_html(card, {**champion.curves, **pictures}),
            "packages.txt": packages(),
        },
    )
    with TemporaryDirectory() as scratch:
        held_out, trained_on = (training.rows.loc[part.index] for part in (data.test, data.train))
        kept_rows.write(Path(scratch), training.use_case.contract, held_out, trained_on, seed=seed)
        registry.log_artifacts(champion.run_id, scratch, kept_rows.FOLDER)
    log.info("%s: evidence kept in %.1f s", champion.name, time.monotonic() - started)


def _explained(training: Training, champion: Fitted, seed: int) -> Explained:
    data = training.data
    rows, background = (
        part.sample(min(n, len(part)), random_state=seed)
        for part, n in ((data.test, _EXPLAINED_ROWS), (data.train, _BACKGROUND_ROWS))
    )
    return shapley_values(champion.model.ensemble.positive, rows, background, seed=seed, seconds=_EXPLAIN_SECONDS)


def _importance(training: Training, champion: Fitted, explained: Explained, seed: int) -> pd.DataFrame:
    data = training.data
    rows = data.test.sample(min(_IMPORTANCE_ROWS, len(data.test)), random_state=seed)
    labels = data.test_labels.loc[rows.index].to_numpy()
    if len(np.unique(labels)) < 2:
        rows, labels = data.test, data.test_labels.to_numpy()
    found = permutation_importance(
        champion.model.ensemble.positive,
        lambda probabilities: evaluate(labels, probabilities, champion.model.threshold)[training.metric],
        rows,
        repeats=_REPEATS,
        seed=seed,
    )
    return found.assign(shap=found["feature"].map(explained.values.abs().mean()))


def _by_feature(importance: pd.DataFrame, column: str) -> pd.Series:
    return importance.set_index("feature")[column]


def _slices(training: Training, champion: Fitted) -> pd.DataFrame:
    labels, profit = training.data.test_labels.to_numpy(), training.config.profit
    names = slice_names(training.data.test, training.features)
    return metrics_by_slice(
        names,
        labels,
        lambda rows: evaluate(labels[rows], champion.probabilities[rows], champion.model.threshold, profit),
        _SLICE_ROWS,
    )


def _learning(training: Training, champion: Fitted, seed: int) -> pd.DataFrame:
    """Pipelines are fitted anew on fewer rows; weights, calibration and threshold stay as they are."""
    data, ensemble = training.data, champion.model.ensemble
    labels = data.test_labels.to_numpy()

    def score_of(frame: pd.DataFrame, its_labels: pd.Series) -> float:
        members = [Member(clone(m.pipeline).fit(frame, its_labels), m.curve, m.weight) for m in ensemble.members]
        probabilities = Ensemble(members, ensemble.curve, ensemble.threshold).positive(data.test)
        return evaluate(labels, probabilities, ensemble.threshold)[training.metric]

    whole = champion.metrics[training.metric]
    return learning_curve(score_of, data.train, data.train_labels, whole, seed=seed, seconds=_LEARNING_SECONDS)


def _card(training: Training, champion: Fitted, importance: pd.DataFrame, slices: pd.DataFrame) -> ModelCard:
    data, model = training.data, champion.model
    facts = {
        "rows trained on": f"{len(data.train):,}, {data.train_labels.mean():.1%} positive",
        "rows held out": f"{len(data.test):,}, {data.test_labels.mean():.1%} positive",
        "threshold": model.threshold,
        f"{training.metric.value} in cross-validation": model.cv_score,
        **training.tags,
        **training.params,
        **model.params,
        "run": champion.run_id,
    }
    return ModelCard(
        model_name=training.model_name,
        candidate=champion.name,
        owner=training.config.owner,
        contract=training.use_case.contract,
        features=training.features,
        trained_at=training.at,
        metric=training.metric.value,
        metrics=champion.metrics,
        facts=facts,
        limits=_limits(training, champion),
        importance=importance,
        slices=slices,
    )


def _limits(training: Training, champion: Fitted) -> list[str]:
    """What follows from how it was made; the use case's own are in the description of its contract."""
    chance, late = by_chance(champion.probabilities), [f.name for f in training.features if not f.known_at_prediction]
    held_out = {"random": "drawn at random", "time": "the last in time"}[training.config.split.by.value]
    limits = [
        f"The figures are of rows of the same snapshot, {held_out}: on data that has changed since they are worse.",
        f"A perfectly calibrated model would have a calibration error of up to {chance:.4f} on so many rows (95 %).",
        "Values outside the ranges and categories of the contract were not trained on.",
        "A slice of few rows has uncertain figures; what differs between slices need not be caused by them.",
        "Importance and SHAP values say what the model uses, not what causes the outcome.",
    ]
    if late:
        limits.insert(0, f"Not for predictions in advance: {', '.join(late)} is known only afterwards.")
    return limits
