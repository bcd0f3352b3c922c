"""A model of the replay: fitted on some windows, judged on the last of those known then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ml.contract import Column
from ml.evaluation.slices import slice_names
from ml.model_config import Candidate, ModelConfig
from ml.monitoring.feature_stats import FeatureStats
from ml.promotion.gate import Rival, judge
from ml.promotion.verdict import GateVerdict
from ml.replaying.history import History, Rows, Window
from ml.training.evaluate import evaluate
from ml.training.fitted_model import FittedModel
from ml.training.trainer import fit_candidate


@dataclass(frozen=True)
class ReplayedModel:
    """A fitted model, what it was trained on, and its metrics on the hold-out."""

    fitted: FittedModel
    stats: FeatureStats
    reference: float

    def predict(self, history: History, rows: Rows) -> npt.NDArray[np.float64]:
        """Probabilities of the positive class of some rows."""
        return self.fitted.predict_proba(history.frame.iloc[rows])[:, 1]


@dataclass(frozen=True)
class Workshop:
    """Makes models: what is the same for all of a replay."""

    history: History
    features: Sequence[Column]
    candidate: Candidate
    config: ModelConfig
    made: dict[int, ReplayedModel] = field(default_factory=dict)
    """By the number of windows that were known: whoever asks for it, the same rows give the same model."""

    def fit(self, known: Sequence[Window]) -> ReplayedModel:
        """A model of the known windows but the last, which are held out: as few as have ``gate.min_rows`` rows."""
        if len(known) not in self.made:
            self.made[len(known)] = self._fit(known)
        return self.made[len(known)]

    def _fit(self, known: Sequence[Window]) -> ReplayedModel:
        earlier, held_out = self._hold_out(known)
        inputs, labels = self.history.frame[[f.name for f in self.features]], self.history.labels
        fitted = fit_candidate(
            inputs.iloc[earlier].reset_index(drop=True),
            labels.iloc[earlier].reset_index(drop=True),
            self.features,
            self.candidate,
            self.config,
            self.history.times.iloc[earlier].reset_index(drop=True),
        )
        answers = fitted.predict_proba(inputs.iloc[held_out])[:, 1]
        metrics = evaluate(labels.to_numpy()[held_out], answers, fitted.threshold)
        stats = FeatureStats.of(inputs.iloc[earlier], self.features, probabilities=answers, labels=labels.iloc[earlier])
        return ReplayedModel(fitted, stats, metrics[self.config.metric])

    def judge(self, challenger: ReplayedModel, production: ReplayedModel, known: Sequence[Window]) -> GateVerdict:
        """The gate's verdict on the rows that were held out of the challenger."""
        _, rows = self._hold_out(known)
        chosen = self.config.gate.slices
        columns = [f for f in self.features if (f.name in chosen if chosen is not None else not f.is_numeric)]
        one, other = (
            Rival(model.predict(self.history, rows), model.fitted.threshold) for model in (challenger, production)
        )
        names = slice_names(self.history.frame.iloc[rows], columns)
        labels = self.history.labels.to_numpy()[rows]
        return judge(labels, one, other, names, self.config.metric, self.config.gate)

    def _hold_out(self, known: Sequence[Window]) -> tuple[Rows, Rows]:
        first = len(known) - 1
        while first > 1 and sum(len(w.rows) for w in known[first:]) < self.config.gate.min_rows:
            first -= 1
        return _rows(known[:first]), _rows(known[first:])


def _rows(windows: Sequence[Window]) -> Rows:
    return np.sort(np.concatenate([w.rows for w in windows]))
