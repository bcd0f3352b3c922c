"""Three ways to look after a model over the months: never again, each month, or when drift or labels ask for it.

At the end of a month its rows have been answered and the labels of the month before arrive. So what is fitted then
knows all months but the one just over, and answers from the next one on.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.monitoring.column_drift import ColumnDrift, compare
from ml.monitoring.standing import Standing, standing
from ml.monitoring.summary import Summary
from ml.performance.estimated import estimate
from ml.performance.realised import measure
from ml.performance.statistics import Figure
from ml.performance.verdict import State, state
from ml.replaying.history import Window
from ml.replaying.replayed_model import ReplayedModel, Workshop
from ml.training.evaluate import evaluate

KEPT = ("roc_auc", "average_precision", "brier", "lift_at_10", "ece")


@dataclass
class Month:
    """What one policy saw and did in one window; ``reference`` is the metric its model had on its hold-out."""

    window: str
    rows: int
    positives: int
    figures: dict[str, float]
    estimated: dict[str, Figure]
    reference: float
    drop: float
    answers: npt.NDArray[np.float64]
    alarms: list[str] = field(default_factory=list)
    retrained: bool = False
    gate: str | None = None


@dataclass
class Policy(ABC):
    """Answers months with its model in production, which it may replace at the end of each."""

    workshop: Workshop
    windows: Sequence[Window]
    production: ReplayedModel
    months: list[Month] = field(default_factory=list)

    @property
    @abstractmethod
    def name(self) -> str:
        """How it is called in tables."""

    @abstractmethod
    def close(self, at: int, month: Month) -> None:
        """The end of window ``at``."""

    def live(self, at: int) -> None:
        """Answer a window, then close it."""
        window, history = self.windows[at], self.workshop.history
        answers = self.production.predict(history, window.rows)
        labels = history.labels.to_numpy()[window.rows]
        threshold = self.production.fitted.threshold
        figures = evaluate(labels, answers, threshold)
        metric = figures[self.workshop.config.metric]
        month = Month(
            window.name, len(labels), int(labels.sum()), {name: figures[name] for name in KEPT},
            estimate(answers, (answers >= threshold).astype(np.float64)),
            self.production.reference, self.production.reference - metric, answers,
        )  # fmt: skip
        self.months.append(month)
        self.close(at, month)

    @property
    def retrainings(self) -> int:
        """How often it fitted a model."""
        return sum(month.retrained for month in self.months)


class Never(Policy):
    """Keeps the first model."""

    name = "never"

    def close(self, at: int, month: Month) -> None:
        """Nothing is done."""


class Monthly(Policy):
    """Fits a model on all that is known, each month, and uses it."""

    name = "monthly"

    def close(self, at: int, month: Month) -> None:
        """Fit and use it."""
        self.production = self.workshop.fit(self.windows[:at])
        month.retrained = True


@dataclass
class OnDrift(Policy):
    """The platform's: fits when drift is confirmed or performance fell, not in the cooldown; the gate decides."""

    drifted: list[bool] = field(default_factory=list)
    """Of each window that this production model answered."""
    since: int = 0
    """How many months others answered before."""
    asked: dt.datetime | None = None

    name = "on_drift"

    def close(self, at: int, month: Month) -> None:
        """Look for drift, look at the labels of the window before; fit and judge where either asks for it."""
        month.alarms = [*self._drift(at, month.answers), *self.late_labels(at)]
        if month.alarms and not self._cooling(at):
            self._retrain(at, month)

    def _drift(self, at: int, answers: npt.NDArray[np.float64]) -> list[str]:
        config, history = self.workshop.config.drift, self.workshop.history
        summary = Summary.of(
            history.frame.iloc[self.windows[at].rows], self.production.stats, probabilities=answers,
            predictions=answers >= self.production.fitted.threshold,
        )  # fmt: skip
        if summary.rows < config.min_rows:
            return []
        found = [column for column in compare(self.production.stats, summary, config) if column.drifted]
        self.drifted.append(bool(found))
        is_confirmed = standing(self.drifted, config.confirm) is Standing.CONFIRMED
        return [f"drift: {_named(found)}"] if is_confirmed else []

    def late_labels(self, at: int) -> list[str]:
        """What the labels of the window before, which have just arrived, say of the model in production."""
        before = self.windows[at - 1]
        answered = next((month for month in self.months[self.since :] if month.window == before.name), None)
        if answered is None:
            return []
        config, metric = self.workshop.config.performance, self.workshop.config.metric
        labels = self.workshop.history.labels.to_numpy()[before.rows].astype(np.float64)
        answers = answered.answers
        positive = (answers >= self.production.fitted.threshold).astype(np.float64)
        figure = measure(labels, answers, positive)[metric] if len(labels) >= config.min_rows else None
        if state(figure, self.production.reference, config.max_drop) is not State.FELL or figure is None:
            return []
        return [f"{metric} of {before.name}: {figure.value:.3f}, was {self.production.reference:.3f}"]

    def _cooling(self, at: int) -> bool:
        if self.asked is None:
            return False
        return end_of(self.windows[at]) - self.asked < dt.timedelta(days=self.workshop.config.drift.cooldown_days)

    def _retrain(self, at: int, month: Month) -> None:
        known = self.windows[:at]
        challenger = self.workshop.fit(known)
        verdict = self.workshop.judge(challenger, self.production, known)
        self.asked, month.retrained, month.gate = end_of(self.windows[at]), True, verdict.summary
        if verdict.passed:
            self.production, self.drifted, self.since = challenger, [], len(self.months)


def end_of(window: Window) -> dt.datetime:
    """The midnight that ends its last month."""
    end: dt.datetime = (pd.Period(window.months[-1], "M") + 1).start_time.to_pydatetime()
    return end


def _named(columns: Sequence[ColumnDrift]) -> str:
    return ", ".join(f"{c.column} {c.first.statistic} {c.first.value:.2f}" for c in columns[:3])
