"""Pictures of how a model does on its hold-out, one a question."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn import metrics

from ml.evaluation.calibration_error import BINS, bins_of, expected_calibration_error
from ml.evaluation.gains import cumulative_gains
from ml.evaluation.profit import profit_by_threshold
from ml.model_config import Profit

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

_MODEL, _CHANCE = "#1f5fd0", "#98a3b3"


def curves(labels: Labels, probabilities: Scores, threshold: float, profit: Profit | None) -> dict[str, bytes]:
    """File name → PNG: ROC, precision and recall, calibration, gain, and profit where it is configured.

    N probabilities of the positive class against N labels of 0 and 1, both classes present.
    """
    drawn = {
        "roc.png": _drawn(lambda axes: _roc(axes, labels, probabilities)),
        "precision_recall.png": _drawn(lambda axes: _precision_recall(axes, labels, probabilities)),
        "calibration.png": _drawn(lambda axes: _calibration(axes, labels, probabilities)),
        "gain.png": _drawn(lambda axes: _gain(axes, labels, probabilities)),
    }
    if profit:
        drawn["profit.png"] = _drawn(lambda axes: _profit(axes, labels, probabilities, threshold, profit))
    return drawn


def learning_picture(points: pd.DataFrame, metric: str) -> bytes:
    """The learning curve: columns rows and score."""

    def draw(axes: Axes) -> None:
        axes.plot(points["rows"], points["score"], color=_MODEL, marker="o")
        axes.set(xlabel="rows trained on", ylabel=f"{metric} on the hold-out", title="Would more rows help?")

    return _drawn(draw)


def bars(values: pd.Series, title: str, label: str) -> bytes:
    """A bar a feature, the largest on top; at most twenty."""

    def draw(axes: Axes) -> None:
        shown = values.sort_values().tail(20)
        axes.barh([str(name) for name in shown.index], shown.to_numpy(), color=_MODEL)
        axes.set(title=title, xlabel=label)

    return _drawn(draw)


def _drawn(draw: Callable[[Axes], object]) -> bytes:
    figure = Figure(figsize=(5.6, 4.4), dpi=96, layout="constrained")
    draw(figure.subplots())
    stream = BytesIO()
    # No version of the library in it: the same curve gives the same bytes.
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _roc(axes: Axes, labels: Labels, probabilities: Scores) -> None:
    false, true, _ = metrics.roc_curve(labels, probabilities)
    axes.plot(false, true, color=_MODEL)
    axes.plot([0, 1], [0, 1], color=_CHANCE, linestyle="--")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.set_title(f"ROC: area {metrics.roc_auc_score(labels, probabilities):.4f}")


def _precision_recall(axes: Axes, labels: Labels, probabilities: Scores) -> None:
    precision, recall, _ = metrics.precision_recall_curve(labels, probabilities)
    axes.plot(recall, precision, color=_MODEL, drawstyle="steps-post")
    axes.axhline(labels.mean(), color=_CHANCE, linestyle="--")
    axes.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))
    axes.set_title(f"Average precision {metrics.average_precision_score(labels, probabilities):.4f}")


def _calibration(axes: Axes, labels: Labels, probabilities: Scores) -> None:
    bins = bins_of(probabilities)
    rows = np.bincount(bins, minlength=BINS)
    held = rows > 0
    said, happened = (np.bincount(bins, weights=w, minlength=BINS)[held] / rows[held] for w in (probabilities, labels))
    axes.plot([0, 1], [0, 1], color=_CHANCE, linestyle="--")
    axes.plot(said, happened, color=_MODEL)
    axes.scatter(said, happened, s=10 + 150 * rows[held] / rows.max(), color=_MODEL)
    axes.set(xlabel="mean probability (larger point: more rows)", ylabel="share of positives")
    axes.set_title(f"Calibration: expected error {expected_calibration_error(labels, probabilities):.4f}")


def _gain(axes: Axes, labels: Labels, probabilities: Scores) -> None:
    taken, found = cumulative_gains(labels, probabilities)
    at = float(np.interp(0.1, taken, found))
    axes.plot(taken, found, color=_MODEL)
    axes.plot([0, 1], [0, 1], color=_CHANCE, linestyle="--")
    axes.scatter([0.1], [at], color=_MODEL, zorder=3)
    axes.set(xlabel="share of rows, highest probability first", ylabel="share of positives found")
    axes.set_title(f"Gain: {at:.1%} of the positives in 10 % of the rows, lift {at / 0.1:.2f}")


def _profit(axes: Axes, labels: Labels, probabilities: Scores, threshold: float, profit: Profit) -> None:
    thresholds, earned = profit_by_threshold(labels, probabilities, profit)
    axes.plot(thresholds, earned / len(labels), color=_MODEL)
    axes.axvline(threshold, color=_CHANCE, linestyle="--")
    axes.set(xlabel="threshold (dashed: the model's)", ylabel="profit per row", xlim=(0, 1))
    axes.set_title(f"Profit: best at {thresholds[earned.argmax()]:.3f}")
