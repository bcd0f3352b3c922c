"""The search space of a candidate, as Optuna draws from it."""

from __future__ import annotations

from optuna import Trial

from ml.model_config import Candidate, Choices, Range, Scalar


def suggest(trial: Trial, candidate: Candidate) -> dict[str, Scalar]:
    """The candidate's parameters with those that are searched as the trial's sampler draws them."""
    return {**candidate.params, **{name: _draw(trial, name, space) for name, space in candidate.search.items()}}


def _draw(trial: Trial, name: str, space: Range | Choices) -> Scalar:
    if isinstance(space, Choices):
        drawn: Scalar = trial.suggest_categorical(name, space.choices)
        return drawn
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)


def first_values(candidate: Candidate) -> dict[str, Scalar]:
    """What ``params`` says of parameters that are searched: where the search begins."""
    return {name: candidate.params[name] for name in candidate.search if name in candidate.params}
