"""A candidate after training, and how it comes to be: tuned, calibrated, fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.model_config import Candidate, Scalar
from ml.training.blend import blend_weights
from ml.training.calibration import EPSILON, apply, fit_curve
from ml.training.candidates import build, estimator, one_thread
from ml.training.cross_validation import prepare_folds
from ml.training.ensemble import Ensemble, Member
from ml.training.recency import recency_weights
from ml.training.threshold import choose_threshold
from ml.training.training_part import TrainingPart
from ml.training.tuning import Budget, tune


@dataclass(frozen=True)
class FittedModel:
    """A candidate after training.

    ``out_of_fold`` are the calibrated probabilities of the N training rows, each by a model that was fitted without
    it; NaN for rows that no fold is judged by. ``folds_scores`` are the chosen metric in each fold.
    """

    name: str
    ensemble: Ensemble
    params: dict[str, Scalar]
    out_of_fold: npt.NDArray[np.float64]
    fold_scores: tuple[float, ...]
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def threshold(self) -> float:
        """The probability from which a row is decided to be positive."""
        return self.ensemble.threshold

    @property
    def cv_score(self) -> float:
        """The chosen metric, as the mean over the folds."""
        return float(np.mean(self.fold_scores))

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Probabilities ``[N, 2]`` of classes 0 and 1 for a frame with the features' columns."""
        return self.ensemble.predict_proba(frame)


def fit_one(
    part: TrainingPart, name: str, candidate: Candidate, budget: Budget, journal: Path | None = None
) -> FittedModel:
    """A candidate that is fitted itself."""
    config, y = part.config, part.labels.to_numpy()
    folds = prepare_folds(part, candidate)
    tuned = tune(name, candidate, folds, config.metric, config.tuning, budget, journal)
    params = tuned.candidate.params
    out_of_fold = np.full(len(y), np.nan)
    for fold in folds:
        out_of_fold[fold.valid] = fold.predict(estimator(candidate, params))
    weights = recency_weights(part.ages, candidate.half_life)
    pipeline = build(tuned.candidate, part.features)
    pipeline.fit(part.frame, part.labels, classifier__sample_weight=weights)
    one_thread(pipeline[-1])
    return _finish(part, name, [Member(pipeline)], params, out_of_fold, tuned.trials)


def fit_blend(part: TrainingPart, name: str, models: Sequence[FittedModel]) -> FittedModel:
    """The weighted mean of fitted candidates; its weights are fitted on their out-of-fold probabilities."""
    each = np.column_stack([m.out_of_fold for m in models])
    judged = ~np.isnan(each).any(axis=1)
    weights = blend_weights(part.labels.to_numpy()[judged], np.clip(each[judged], EPSILON, 1 - EPSILON))
    members = [
        Member(m.ensemble.members[0].pipeline, m.ensemble.curve, float(w)) for m, w in zip(models, weights, strict=True)
    ]
    params: dict[str, Scalar] = {f"weight_{m.name}": round(float(w), 4) for m, w in zip(models, weights, strict=True)}
    return _finish(part, name, members, params, each @ weights, pd.DataFrame())


def _finish(
    part: TrainingPart,
    name: str,
    members: Sequence[Member],
    params: dict[str, Scalar],
    out_of_fold: npt.NDArray[np.float64],
    trials: pd.DataFrame,
) -> FittedModel:
    """Calibrate and choose the threshold by the rows that folds are judged by."""
    judged = ~np.isnan(out_of_fold)
    y = part.labels.to_numpy()[judged]
    curve = fit_curve(part.config.calibration, y, out_of_fold[judged])
    calibrated = np.full(len(out_of_fold), np.nan)
    calibrated[judged] = apply(curve, out_of_fold[judged])
    ensemble = Ensemble(members, curve, choose_threshold(part.config, y, calibrated[judged]))
    return FittedModel(name, ensemble, params, calibrated, part.scores(calibrated), trials)
