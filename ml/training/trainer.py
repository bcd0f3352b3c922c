"""Fits candidates on one training part, within one budget. No service is needed for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from ml.contract import Column
from ml.model_config import Candidate, ModelConfig
from ml.training.fitted_model import FittedModel, fit_blend, fit_one
from ml.training.training_part import TrainingPart, training_part
from ml.training.tuning import Budget


@dataclass
class Trainer:
    """Fits the candidates of one training, which share the seconds of ``tuning``.

    ``wanted`` are those to be fitted; a blend brings those it is made of. ``journal`` names the file of a candidate's
    study; None keeps studies in memory.
    """

    part: TrainingPart
    wanted: Mapping[str, Candidate]
    journal: Callable[[str, Candidate], Path] | None = None
    models: dict[str, FittedModel] = field(default_factory=dict)

    def fit(self, name: str) -> FittedModel:
        """The candidate of that name, fitted at the first call.

        Raises :class:`ml.errors.ConfigError` on parameters that the estimator has not.
        """
        if name not in self.models:
            # One thread for OpenMP and BLAS: the same sums on any machine, and where others want its cores, threads
            # that wait for each other take several times as long as one. Forests have threads of their own.
            with threadpool_limits(limits=1):
                self.models[name] = self._fit(name, self._candidate(name))
        return self.models[name]

    def _fit(self, name: str, candidate: Candidate) -> FittedModel:
        if candidate.is_blend:
            return fit_blend(self.part, name, [self.fit(of) for of in candidate.of])
        journal = self.journal(name, candidate) if self.journal else None
        return fit_one(self.part, name, candidate, self._budget(), journal)

    def _budget(self) -> Budget:
        """What the trials so far left of the seconds, divided by the candidates to come."""
        tuning = self.part.config.tuning
        searched = {of for name, c in self.wanted.items() for of in c.of or (name,) if self._candidate(of).search}
        spent = sum(model.trials["seconds"].sum() for model in self.models.values() if len(model.trials))
        return Budget(tuning.trials, (tuning.seconds - spent) / max(len(searched - self.models.keys()), 1))

    def _candidate(self, name: str) -> Candidate:
        return self.wanted.get(name) or self.part.config.candidates[name]


def fit_candidate(
    frame: pd.DataFrame,
    labels: pd.Series,
    features: Sequence[Column],
    candidate: Candidate,
    config: ModelConfig,
    times: pd.Series | None = None,
) -> FittedModel:
    """Tune, calibrate and fit one candidate on N rows, their labels of 0 and 1 and their event times, if there are.

    Raises :class:`ml.errors.ConfigError` on parameters that the estimator has not,
    :class:`ml.errors.NotEnoughData` where a fold would have one class only.
    """
    name = candidate.estimator.value
    return Trainer(training_part(frame, labels, features, config, times), {name: candidate}).fit(name)
