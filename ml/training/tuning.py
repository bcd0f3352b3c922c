"""Looks for a candidate's best parameters by cross-validation, within a budget.

Optuna draws them with the tree-structured Parzen estimator (Bergstra et al., Algorithms for Hyper-Parameter
Optimization, 2011) and gives up on a trial whose mean over the folds so far is below the median of those before.
A study that was interrupted goes on where it stood: its trials are in a journal, and what a trial draws follows from
the seed and the trials before it, so that it ends as it would have without the interruption.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ml.model_config import Candidate, Metric, Scalar, Tuning
from ml.training.candidates import estimator
from ml.training.cross_validation import PreparedFold
from ml.training.search_space import first_values, suggest
from ml.training.selection import score

log = logging.getLogger(__name__)

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_COMPLETE = "complete"
"""Attribute of a study that ended, by trials or by seconds: the same training anew takes it as it is."""


@dataclass(frozen=True)
class Budget:
    """Trials of one candidate, and the seconds they may take together."""

    trials: int
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """The candidate with the best parameters found, and all trials: one row each, in their order."""

    candidate: Candidate
    trials: pd.DataFrame


def tune(
    name: str,
    candidate: Candidate,
    folds: Sequence[PreparedFold],
    metric: Metric,
    tuning: Tuning,
    budget: Budget,
    journal: Path | None = None,
) -> Tuned:
    """Try parameters from the candidate's search space; the first trial is of those given.

    At least that one is made, however short the seconds. ``journal`` is a file of the study's own, which is made;
    None keeps it in memory. Raises :class:`ml.errors.ConfigError` on parameters that the estimator has not.
    """
    if not candidate.search or budget.trials == 0:
        return Tuned(candidate, pd.DataFrame())
    study = _open(name, candidate, journal)
    if _COMPLETE in study.user_attrs:
        log.info("%s: taken as an earlier training of the same rows and configuration tuned it", name)
    while _COMPLETE not in study.user_attrs and (finished := len(_finished(study))) < budget.trials:
        # Of trials, not of the clock: one that was interrupted ends as it would have.
        if finished and sum(map(_seconds, _finished(study))) >= budget.seconds:
            log.info("%s: its share of the seconds is spent after %d of %d trials", name, finished, budget.trials)
            break
        study.sampler = TPESampler(seed=tuning.seed + finished, n_startup_trials=max(3, budget.trials // 4))
        _try(study, name, candidate, folds, metric)
    study.set_user_attr(_COMPLETE, True)
    best: dict[str, Scalar] = study.best_trial.params
    return Tuned(candidate.model_copy(update={"params": {**candidate.params, **best}}), _table(study))


def _finished(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=_FINISHED)


def _seconds(trial: FrozenTrial) -> float:
    return trial.duration.total_seconds() if trial.duration else 0.0


def journal_path(folder: Path, *of: object) -> Path:
    """A file for the study of exactly this: use case, snapshot, candidate, configuration, seed, versions."""
    digest = hashlib.sha256("\n".join(map(str, of)).encode()).hexdigest()[:16]
    return folder / f"{of[0]}-{digest}.journal"


def _open(name: str, candidate: Candidate, journal: Path | None) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage: BaseStorage = InMemoryStorage()
    if journal:
        journal.parent.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(journal), JournalFileOpenLock(str(journal))))
    pruner = MedianPruner(n_startup_trials=3)
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
    )
    for unfinished in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(unfinished.number, state=TrialState.FAIL)
    if not study.get_trials(deepcopy=False, states=(*_FINISHED, TrialState.WAITING)):
        study.enqueue_trial(first_values(candidate))
    return study


def _try(study: Study, name: str, candidate: Candidate, folds: Sequence[PreparedFold], metric: Metric) -> None:
    """One trial: fold by fold, until it falls behind."""
    started, trial, values = time.monotonic(), study.ask(), list[float]()
    params = suggest(trial, candidate)
    state = TrialState.COMPLETE
    for step, fold in enumerate(folds):
        values.append(score(metric, fold.y_valid, fold.predict(estimator(candidate, params))))
        trial.report(float(np.mean(values)), step)
        if step + 1 < len(folds) and trial.should_prune():
            state = TrialState.PRUNED
            break
    study.tell(trial, float(np.mean(values)) if state is TrialState.COMPLETE else None, state=state)
    seconds, drawn = time.monotonic() - started, ", ".join(f"{k} {_short(v)}" for k, v in trial.params.items())
    log.info("%s, trial %d: %s %.4f, %s, %.1f s; %s", name, trial.number, metric.value, np.mean(values),
             state.name.lower(), seconds, drawn)  # fmt: skip


def _short(value: Scalar) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(study: Study) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": t.number,
            "state": t.state.name.lower(),
            "value": t.value if t.value is not None else t.intermediate_values[max(t.intermediate_values)],
            "seconds": _seconds(t),
            **t.params,
        }
        for t in _finished(study)
    )
